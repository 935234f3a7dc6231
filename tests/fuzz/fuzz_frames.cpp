// SPDX-License-Identifier: Apache-2.0
// What comes over the socket between a host and its server: a byte that says which request the frame is read as, and
// the bytes of the stream. Where they begin with '*', a good header stands before the rest.
#include "fuzz.hpp"

#include "../../src/client/frames.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <vector>

namespace {

using namespace assay::client;

fuzz::Tally tally("fuzz_frames");

/// Two ends of a stream, of which the first has sent all that it will.
class Stream {
 public:
  explicit Stream(std::string_view bytes) {
    fuzz::require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_.data()) == 0, "a pair of sockets");
    const ssize_t sent = ::send(ends_[0], bytes.data(), bytes.size(), MSG_NOSIGNAL);
    fuzz::require(sent == static_cast<ssize_t>(bytes.size()), "the stream takes an input at once");
    ::shutdown(ends_[0], SHUT_WR);
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() {
    for (const int end : ends_) ::close(end);
  }
  Reception next() const { return receive(ends_[1]); }

 private:
  std::array<int, 2> ends_{};
};

std::string bytes_of(std::string_view input) {
  if (!input.starts_with('*')) return std::string(input);
  input.remove_prefix(1);
  std::array<int, 2> ends{};
  fuzz::require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0, "a pair of sockets");
  Message message(Kind::tell);
  message.add(std::span<const double>());
  std::vector<double> rest((input.size() + 7) / 8);
  std::copy(input.begin(), input.end(), reinterpret_cast<char*>(rest.data()));
  message.add(std::span<const double>(rest));
  fuzz::require(message.send(ends[0]) == 0, "a message is sent");
  std::string all(16 + message.length(), '\0');
  fuzz::require(::recv(ends[1], all.data(), all.size(), MSG_WAITALL) == static_cast<ssize_t>(all.size()), "and comes");
  for (const int end : ends) ::close(end);
  return all;
}

/// As `assay serve` and the client read a request or an answer.
void read_as(unsigned char which, Received& frame) {
  switch (which % 4) {
    case 0:
      frame.text();
      frame.text();
      break;
    case 1:
      frame.number();
      frame.number();
      frame.text();
      break;
    case 2: {
      frame.number();
      std::vector<double> numbers(frame.left() / sizeof(double));
      frame.numbers(numbers.data(), numbers.size());
      break;
    }
    default: {
      const std::int64_t count = frame.number();
      std::vector<std::int64_t> ids(16);
      frame.numbers(ids.data(), static_cast<std::uint64_t>(count < 0 ? 0 : count) > ids.size() ? ids.size() : 1);
      break;
    }
  }
  if (frame.whole()) tally.count("whole");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tally.count("runs");
  if (size == 0) return 0;
  const Stream stream(bytes_of(fuzz::text_of(data + 1, size - 1)));
  for (int frames = 0;; ++frames) {
    Reception reception = stream.next();
    if (reception.outcome != Reception::Outcome::frame) {
      const bool refused = reception.outcome != Reception::Outcome::end;
      fuzz::require(!refused || !reception.expected.empty(), "what is no frame is refused in words");
      tally.count(refused ? "refused" : "ended");
      return 0;
    }
    tally.count("frames");
    read_as(data[0], reception.frame);
  }
}
