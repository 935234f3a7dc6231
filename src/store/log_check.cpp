// SPDX-License-Identifier: Apache-2.0
#include "log_check.hpp"

#include <assay/detail/files.hpp>
#include <assay/error.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

namespace assay::store {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t header_size = 32, frame_header_size = 24;
constexpr std::uint32_t magic = 0x377f0682;  // with its lowest bit set: checksums of big-endian words

std::uint32_t big_endian(const unsigned char* at) {
  return std::uint32_t{at[0]} << 24 | std::uint32_t{at[1]} << 16 | std::uint32_t{at[2]} << 8 | at[3];
}

struct Checksum {
  std::uint32_t first = 0, second = 0;
  bool operator==(const Checksum&) const = default;
};

/// Goes on with a checksum over a multiple of 8 bytes.
Checksum sum(Checksum before, const unsigned char* bytes, std::size_t size, bool big) {
  const auto word = [&](const unsigned char* at) {
    return big ? big_endian(at)
               : std::uint32_t{at[3]} << 24 | std::uint32_t{at[2]} << 16 | std::uint32_t{at[1]} << 8 | at[0];
  };
  for (std::size_t i = 0; i + 8 <= size; i += 8) {
    before.first += word(bytes + i) + before.second;
    before.second += word(bytes + i + 4) + before.first;
  }
  return before;
}

/// A log in memory, to be looked at frame by frame.
class Log {
 public:
  explicit Log(std::string& bytes) : bytes_(bytes) {}

  bool is_empty() const { return bytes_.size() <= header_size; }
  bool header_is_right() const {
    const std::uint32_t page = page_size();
    return (big_endian(at(0)) & ~1U) == magic && page >= 512 && page <= 65536 && (page & (page - 1)) == 0 &&
           sum({}, at(0), 24, big()) == stored(24);
  }
  std::size_t frames() const { return (bytes_.size() - header_size) / (frame_header_size + page_size()); }
  std::size_t frame_start(std::size_t frame) const { return header_size + frame * (frame_header_size + page_size()); }
  std::size_t frame_size() const { return frame_header_size + page_size(); }
  bool salt_is_right(std::size_t frame) const {
    return std::memcmp(at(frame_start(frame) + 8), at(16), 8) == 0 && big_endian(at(frame_start(frame))) > 0;
  }
  Checksum computed(std::size_t frame, Checksum before) const {
    const std::size_t start = frame_start(frame);
    return sum(sum(before, at(start), 8, big()), at(start + frame_header_size), page_size(), big());
  }
  Checksum stored_in(std::size_t frame) const { return stored(frame_start(frame) + 16); }
  Checksum header_checksum() const { return stored(24); }
  bool frame_is_right(std::size_t frame, Checksum before) const {
    return salt_is_right(frame) && computed(frame, before) == stored_in(frame);
  }
  /// The first frame that SQLite would not read, with the checksum before it.
  std::pair<std::size_t, Checksum> first_bad() const {
    Checksum before = header_checksum();
    std::size_t frame = 0;
    for (; frame < frames() && frame_is_right(frame, before); ++frame) before = stored_in(frame);
    return {frame, before};
  }
  bool ends_a_change(std::size_t frame) const { return big_endian(at(frame_start(frame) + 4)) != 0; }
  std::string_view frame_bytes(std::size_t frame) const {
    return std::string_view(bytes_).substr(frame_start(frame), frame_size());
  }
  /// Looks for the one bit among `size` bytes from `start` whose turn makes `right` true, and leaves it turned.
  template <class Right>
  bool turn_one_bit(std::size_t start, std::size_t size, Right right) {
    for (std::size_t bit = 8 * start; bit < 8 * (start + size); ++bit) {
      if (turn_makes(bit, right)) return true;
    }
    return false;
  }
  /// The same for a frame whose predecessor has checksum `before`: the salts and the checksum are tried, of the rest
  /// only bits that explain the checksum. Cost: 32 products for each word.
  template <class Right>
  bool turn_one_bit_of(std::size_t frame, Checksum before, Right right) {
    const std::size_t start = frame_start(frame);
    if (turn_one_bit(start + 8, 16, right)) return true;
    for (const std::size_t bit : bits_that_explain(frame, before)) {
      if (turn_makes(bit, right)) return true;
    }
    return false;
  }

 private:
  const unsigned char* at(std::size_t place) const {
    return reinterpret_cast<const unsigned char*>(bytes_.data()) + place;
  }
  Checksum stored(std::size_t place) const { return {big_endian(at(place)), big_endian(at(place + 4))}; }
  bool big() const { return (big_endian(at(0)) & 1) != 0; }
  template <class Right>
  bool turn_makes(std::size_t bit, Right right) {
    char& byte = bytes_[bit / 8];
    const auto mask = static_cast<char>(1 << bit % 8);
    byte = static_cast<char>(byte ^ mask);
    if (right()) return true;
    byte = static_cast<char>(byte ^ mask);
    return false;
  }
  /// Of what a frame's checksum covers, the bits whose turn gives the checksum that stands there. The sum is linear in
  /// the words, modulo 2^32: a pair (x, y) makes (a, b) to (a + b + x, a + 2 b + x + y).
  std::vector<std::size_t> bits_that_explain(std::size_t frame, Checksum before) const {
    const Checksum computed = this->computed(frame, before), stored = stored_in(frame);
    const Checksum lacking{stored.first - computed.first, stored.second - computed.second};
    std::vector<std::size_t> bits;
    /// \param weight what 1 more in this word adds to the sum.
    const auto look_at_word = [&](std::size_t place, Checksum weight) {
      for (unsigned number = 0; number < 32; ++number) {
        const std::size_t bit = 8 * (place + (big() ? 3 - number / 8 : number / 8)) + number % 8;
        const bool set = (bytes_[bit / 8] >> bit % 8 & 1) != 0;
        const std::uint32_t change = set ? 0U - (1U << number) : 1U << number;
        if (Checksum{weight.first * change, weight.second * change} == lacking) bits.push_back(bit);
      }
    };
    Checksum of_x{1, 1}, of_y{0, 1};  // in the last pair
    const std::size_t start = frame_start(frame);
    for (std::size_t pair = page_size() / 8 + 1; pair-- > 0;) {
      const std::size_t place = pair == 0 ? start : start + frame_header_size + 8 * (pair - 1);
      look_at_word(place, of_x);
      look_at_word(place + 4, of_y);
      for (Checksum* weight : {&of_x, &of_y})
        *weight = {weight->first + weight->second, weight->first + 2 * weight->second};
    }
    return bits;
  }
  std::uint32_t page_size() const { return big_endian(at(8)); }

  std::string& bytes_;
};

constexpr std::string_view mark_word = "assay.mark ";

struct Mark {
  std::int64_t sequence = 0, synced = 0;
};

/// The greatest numbers in all marks that bytes hold.
Mark marks_in(std::string_view bytes) {
  Mark most;
  for (std::size_t at = bytes.find(mark_word); at != std::string_view::npos; at = bytes.find(mark_word, at + 1)) {
    const char* const end = bytes.data() + bytes.size();
    Mark mark;
    const auto first = std::from_chars(bytes.data() + at + mark_word.size(), end, mark.sequence);
    if (first.ec != std::errc() || first.ptr == end || *first.ptr != ' ') continue;
    if (std::from_chars(first.ptr + 1, end, mark.synced).ec != std::errc()) continue;
    most.sequence = std::max(most.sequence, mark.sequence);
    most.synced = std::max(most.synced, mark.synced);
  }
  return most;
}

/// Whether a change behind the bad frame was written when more was on the disk than what stands before it.
bool synced_changes_are_lost(const Log& log, std::size_t bad, const fs::path& database) {
  std::size_t whole = bad;  // frames before it that end a change
  while (whole > 0 && !log.ends_a_change(whole - 1)) --whole;
  std::int64_t read = marks_in(detail::read_own_file(database)).sequence, synced = 0;
  for (std::size_t frame = 0; frame < whole; ++frame) read = std::max(read, marks_in(log.frame_bytes(frame)).sequence);
  for (std::size_t frame = bad + 1; frame < log.frames() && log.salt_is_right(frame); ++frame)
    synced = std::max(synced, marks_in(log.frame_bytes(frame)).synced);
  return synced > read;
}

/// Says what is wrong; where one bit is to blame, it is turned back in `bytes`.
std::optional<std::string> examine(std::string& bytes, const fs::path& database, bool& mended) {
  mended = false;
  Log log(bytes);
  if (log.is_empty()) return std::nullopt;
  std::optional<std::string> found;
  if (!log.header_is_right()) {
    // The last word of the header and its checksum hide each other's flips: the first frame tells which it was.
    const auto right = [&] {
      return log.header_is_right() && (log.frames() == 0 || log.frame_is_right(0, log.header_checksum()));
    };
    mended = log.turn_one_bit(0, header_size, right);
    // A header that a power cut tore stands before frames that are in the database already.
    if (!mended) return std::nullopt;
    found = "one flipped bit in the header of the write-ahead log";
  }
  const auto [frame, before] = log.first_bad();
  if (frame == log.frames()) return found;
  const bool goes_on = frame + 1 < log.frames() && (log.frame_is_right(frame + 1, log.stored_in(frame)) ||
                                                    log.frame_is_right(frame + 1, log.computed(frame, before)));
  // A frame of an earlier use of the log, or the torn last one, is no damage. Where frames go on behind it, they tell a
  // flip in the page from one in its checksum.
  const auto right = [&, seed = before, number = frame] {
    return log.frame_is_right(number, seed) && (!goes_on || log.frame_is_right(number + 1, log.stored_in(number)));
  };
  mended = log.turn_one_bit_of(frame, before, right);
  if (mended) return "one flipped bit in frame " + std::to_string(frame + 1) + " of the write-ahead log";
  if (found || !goes_on || !synced_changes_are_lost(log, frame, database)) return found;
  return "frame " + std::to_string(frame + 1) + " of the write-ahead log is damaged, and changes behind it are not";
}

std::string log_of(const fs::path& database) {
  const fs::path file = database.string() + "-wal";
  std::error_code none;  // no log is a whole one
  if (!fs::exists(fs::symlink_status(file, none))) return {};
  return detail::read_own_file(file);
}

}  // namespace

std::string mark_of(std::int64_t sequence, std::int64_t synced) {
  return std::string(mark_word) + std::to_string(sequence) + " " + std::to_string(synced);
}

std::optional<std::string> log_damage(const fs::path& database) {
  std::string bytes = log_of(database);
  bool mended = false;
  return examine(bytes, database, mended);
}

void require_whole_log(const fs::path& database) {
  if (const std::optional<std::string> damage = log_damage(database)) {
    throw CheckpointError(
        {"assay.ledger.log", database.string() + "-wal", "a log as it was written", *damage,
         "opening the ledger would lose committed changes: 'assay check --repair' mends what can be mended"});
  }
}

bool repair_log(const fs::path& database) {
  std::string bytes = log_of(database);
  bool mended = false;
  if (!examine(bytes, database, mended) || !mended) return false;
  detail::replace_file_durably(database.string() + "-wal", bytes);
  return true;
}

}  // namespace assay::store
