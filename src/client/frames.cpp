// SPDX-License-Identifier: Apache-2.0
#include "frames.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

namespace assay::client {

namespace {

struct Header {
  std::uint32_t magic = 0x59415341;  // "ASAY"
  std::uint16_t version = protocol_version;
  std::uint16_t kind = 0;
  std::uint64_t length = 0;
};
static_assert(sizeof(Header) == 16);

constexpr std::size_t least_room = std::size_t{1} << 20;

/// Fills a room from a stream. \return how many bytes came before its end; negative: what `errno` said.
std::int64_t receive_bytes(int socket, unsigned char* room, std::size_t count) {
  std::size_t came = 0;
  while (came < count) {
    const ssize_t now = ::recv(socket, room + came, count - came, MSG_WAITALL);
    if (now == 0) break;
    if (now < 0 && errno == EINTR) continue;
    // A peer that ended with something unread in its socket.
    if (now < 0 && errno == ECONNRESET) break;
    if (now < 0) return -errno;
    came += static_cast<std::size_t>(now);
  }
  return static_cast<std::int64_t>(came);
}

}  // namespace

Message::Message(Kind kind) : bytes_(sizeof(Header)) {
  Header header;
  header.kind = static_cast<std::uint16_t>(kind);
  std::memcpy(bytes_.data(), &header, sizeof header);
}

Message& Message::add_bytes(const void* bytes, std::size_t count) {
  const auto* const first = static_cast<const unsigned char*>(bytes);
  bytes_.insert(bytes_.end(), first, first + count);
  return *this;
}

Message& Message::add(std::int64_t number) { return add_bytes(&number, sizeof number); }
Message& Message::add(std::string_view text) {
  return add(static_cast<std::int64_t>(text.size())).add_bytes(text.data(), text.size());
}
Message& Message::add(std::span<const double> numbers) { return add_bytes(numbers.data(), numbers.size_bytes()); }
Message& Message::add(std::span<const std::int64_t> numbers) { return add_bytes(numbers.data(), numbers.size_bytes()); }

std::uint64_t Message::length() const { return bytes_.size() - sizeof(Header); }

int Message::send(int socket) {
  const std::uint64_t length = this->length();
  std::memcpy(bytes_.data() + offsetof(Header, length), &length, sizeof length);
  for (std::size_t sent = 0; sent < bytes_.size();) {
    const ssize_t now = ::send(socket, bytes_.data() + sent, bytes_.size() - sent, MSG_NOSIGNAL);
    if (now < 0 && errno == EINTR) continue;
    if (now < 0) return errno;
    sent += static_cast<std::size_t>(now);
  }
  return 0;
}

bool Received::take(void* out, std::uint64_t count) {
  if (count > left()) {
    short_ = true;
    return false;
  }
  if (count > 0) std::memcpy(out, bytes_.data() + at_, count);
  at_ += count;
  return true;
}

std::int64_t Received::number() {
  std::int64_t number = 0;
  take(&number, sizeof number);
  return number;
}

std::string Received::text() {
  const std::int64_t count = number();
  if (count < 0 || static_cast<std::uint64_t>(count) > left()) {
    short_ = true;
    return {};
  }
  std::string text(static_cast<std::size_t>(count), '\0');
  take(text.data(), text.size());
  return text;
}

Reception receive(int socket) {
  using Outcome = Reception::Outcome;
  Reception reception;
  unsigned char bytes[sizeof(Header)];
  const std::int64_t came = receive_bytes(socket, bytes, sizeof bytes);
  if (came < 0) {
    reception.outcome = Outcome::failed;
    reception.error = static_cast<int>(-came);
    return reception;
  }
  if (came == 0) return reception;
  Header header;
  std::memcpy(&header, bytes, sizeof header);
  const auto refuse = [&](Outcome outcome, std::string expected, std::string got) {
    reception.outcome = outcome;
    reception.expected = std::move(expected);
    reception.got = std::move(got);
    return reception;
  };
  // The header of another version has the same form, but what is no header may be shorter than one.
  if (came < static_cast<std::int64_t>(sizeof header) || header.magic != Header().magic)
    return refuse(Outcome::foreign, "a message of assay's protocol", "something else");
  if (header.version != protocol_version) {
    return refuse(Outcome::other_version, "version " + std::to_string(protocol_version) + " of assay's protocol",
                  "version " + std::to_string(header.version));
  }
  if (header.length > longest_frame) {
    return refuse(Outcome::too_long, "a message of at most " + std::to_string(longest_frame) + " bytes",
                  "one of " + std::to_string(header.length));
  }
  reception.frame.kind_ = static_cast<Kind>(header.kind);
  // Memory for what has come, not for what a header promises.
  std::vector<unsigned char>& room = reception.frame.bytes_;
  while (room.size() < header.length) {
    const std::size_t came_before = room.size();
    room.resize(std::min<std::uint64_t>(header.length, std::max(least_room, 2 * came_before)));
    const std::size_t wanted = room.size() - came_before;
    const std::int64_t now = receive_bytes(socket, room.data() + came_before, wanted);
    if (now == static_cast<std::int64_t>(wanted)) continue;
    if (now < 0) {
      reception.outcome = Outcome::failed;
      reception.error = static_cast<int>(-now);
    }
    return reception;
  }
  reception.outcome = Outcome::frame;
  return reception;
}

}  // namespace assay::client
