// SPDX-License-Identifier: Apache-2.0
// What a host and its server say to each other over a socket: one request, one answer. Numbers are those of this
// machine.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay::client {

/// To be raised with every change of a frame; the header itself, by which versions are compared, never changes.
constexpr std::uint16_t protocol_version = 1;
/// Bytes behind a header.
constexpr std::uint64_t longest_frame = std::uint64_t{1} << 30;

enum class Kind : std::uint16_t {
  answer,           ///< result; then what the request asked for, or of an error the message
  start,            ///< directory, configuration file -> numbers of a point
  open,             ///< directory -> numbers of a point
  target_size,      ///< nothing
  advance,          ///< nothing
  ask,              ///< count -> ids, points
  tell,             ///< id, targets
  tell_failed,      ///< id, retry, reason
  tell_infeasible,  ///< id, reason
  predict,          ///< count, whether deviations are wanted, points -> means, deviations
  close             ///< nothing
};

/// A frame to send.
class Message {
 public:
  explicit Message(Kind kind);

  Message& add(std::int64_t number);
  Message& add(std::string_view text);
  Message& add(std::span<const double> numbers);
  Message& add(std::span<const std::int64_t> numbers);

  /// Bytes behind the header.
  std::uint64_t length() const;
  /// Sends all of it; a peer that is gone is an error, never a signal. \return 0, or what `errno` said.
  int send(int socket);

 private:
  Message& add_bytes(const void* bytes, std::size_t count);

  std::vector<unsigned char> bytes_;  // header first
};

/// A frame that came, read from its begin. What is read beyond its end is 0 or empty, and `whole` says so.
class Received {
 public:
  Kind kind() const { return kind_; }
  std::int64_t number();
  std::string text();
  template <class Number>
  void numbers(Number* out, std::uint64_t count) {
    if (count > left() / sizeof(Number)) short_ = true;
    else take(out, count * sizeof(Number));
  }
  /// Bytes not read yet.
  std::uint64_t left() const { return bytes_.size() - at_; }
  /// Whether everything was there, and nothing else.
  bool whole() const { return !short_ && left() == 0; }

 private:
  friend struct Reception receive(int socket);

  bool take(void* out, std::uint64_t count);

  Kind kind_ = Kind::answer;
  std::vector<unsigned char> bytes_;
  std::size_t at_ = 0;
  bool short_ = false;
};

/// What waiting for a frame came to.
struct Reception {
  enum class Outcome { frame, end, failed, foreign, other_version, too_long };

  Outcome outcome = Outcome::end;
  Received frame;
  int error = 0;  ///< of `failed`: what `errno` said

  /// Of what is no frame: what was expected, and what came.
  std::string expected, got;
};

/// Waits for a frame.
Reception receive(int socket);

}  // namespace assay::client
