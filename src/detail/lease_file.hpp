// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holder.hpp"

#include <cstdint>
#include <ctime>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace assay::detail {

/// `gave_up`: ended before it was held.
enum class LeaseState { opening, held, released, gave_up };

/// What a lease file says. Two processes write to it, in bytes of their own: its holder the state and the ledger, who
/// takes over from it the mark.
struct LeaseText {
  bool taken = false;  ///< another process has taken over: nothing that the holder does counts any more
  LeaseState state = LeaseState::opening;
  std::int64_t ledger = 0;  ///< once held: the number of the ledger that the holder writes to
  std::int64_t after = 0;   ///< the generation it follows; 0: the first
  Holder holder = {};
};

std::string to_string(const LeaseText& text);

/// A file `lease.N.json`, opened. What is read of it is what the server of the files has now, not what this host
/// remembers: around the cache where the file system can (`O_DIRECT`), else by opening it anew each time.
class LeaseFile {
 public:
  /// Nothing if there is none. Errors: `CheckpointError` `assay.lease` for what assay did not write, a link or a pipe
  /// among it; in no time, and without reading more than a page.
  static std::optional<LeaseFile> open(const std::filesystem::path& file);
  LeaseFile(LeaseFile&& other) noexcept;
  LeaseFile& operator=(LeaseFile&& other) noexcept;
  ~LeaseFile();

  /// Nothing if it was removed meanwhile. Errors: `CheckpointError` `assay.lease`, as `open`.
  std::optional<LeaseText> read() const;
  /// Its bytes, up to a page.
  std::optional<std::string> bytes() const;
  [[noreturn]] void fail_as_damaged(const std::string& got) const;
  /// When it was last renewed, by the file system's clock. From `open`: ask soon.
  timespec modified() const noexcept { return modified_; }
  /// Sets the mark, durably. \return false if the file is there no more.
  bool mark_taken() const;
  /// The holder's part, durably.
  void write_state(LeaseState state, std::int64_t ledger) const;
  /// Gives it the file system's present time. Errors: `CheckpointError` `assay.file`.
  void renew() const;
  /// Whether reads go around this host's cache.
  bool direct() const noexcept { return direct_; }
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  explicit LeaseFile(std::filesystem::path path) : path_(std::move(path)) {}
  bool open_to_read();
  int open_to_write() const;
  bool is_this(int descriptor) const;
  bool write(std::string_view bytes, std::int64_t at) const;

  std::filesystem::path path_;
  int descriptor_ = -1;
  bool direct_ = false;
  timespec modified_{};
  unsigned long long device_ = 0, inode_ = 0;
};

}  // namespace assay::detail
