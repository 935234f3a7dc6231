// SPDX-License-Identifier: Apache-2.0
#include "lease.hpp"

#include <assay/detail/file_system.hpp>
#include <assay/detail/files.hpp>
#include <assay/detail/quiet_thread.hpp>
#include <assay/error.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <random>
#include <system_error>
#include <vector>

namespace assay::detail {

namespace fs = std::filesystem;

namespace {

using std::chrono::nanoseconds;

constexpr std::chrono::milliseconds between_attempts{50};

/// Of a takeover, or of a look at a directory where others take over.
std::int64_t attempts_in(std::chrono::milliseconds patience) { return 1 + patience / between_attempts; }

constexpr std::string_view prefix = "lease.", suffix = ".json", draft_prefix = "lease.draft.";

[[noreturn]] void lease_failed(const fs::path& file, const char* what, int error) {
  throw CheckpointError({"assay.file", file.string(), std::string("to ") + what, std::strerror(error), ""});
}

[[noreturn]] void fail_as_unsafe(const fs::path& directory, const std::string& expected, const std::string& got) {
  throw CheckpointError(
      {"assay.storage.unsafe", directory.string(), expected, got,
       "hosts cannot take turns on this file system: keep the campaign on another one; or, if only "
       "one host ever runs it, set storage to local and ledger_dir to a folder on a disk of that host"});
}

nanoseconds since_epoch(const timespec& time) { return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec); }

std::string in_seconds(nanoseconds age) {
  const auto tenths = std::chrono::duration_cast<std::chrono::milliseconds>(age).count() / 100;
  return std::to_string(tenths / 10) + "." + std::to_string(std::abs(tenths % 10)) + " s";
}

std::optional<std::int64_t> number_of(const std::string& name) {
  if (!name.starts_with(prefix) || !name.ends_with(suffix)) return std::nullopt;
  const char *begin = name.data() + prefix.size(), *end = name.data() + name.size() - suffix.size();
  std::int64_t number = 0;
  const auto [rest, error] = std::from_chars(begin, end, number);
  // No sign, no leading zero: one name a number. So many digits that one more generation does not overflow.
  if (error != std::errc() || rest != end || *begin < '1' || *begin > '9' || end - begin > 17) return std::nullopt;
  return number;
}

std::vector<std::int64_t> leases(const fs::path& directory) {
  std::vector<std::int64_t> numbers;
  std::error_code none;  // no folder: no leases
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, none)) {
    if (const auto number = number_of(entry.path().filename().string())) numbers.push_back(*number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

/// A file under a name that nobody else uses, to be linked to the name of a lease. Gives the file system's time.
class Draft {
 public:
  explicit Draft(const fs::path& directory) {
    std::random_device device;
    path_ = directory / (std::string(draft_prefix) + std::to_string(::getpid()) + "." + std::to_string(device()) +
                         std::to_string(device()));
  }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;
  ~Draft() { ::unlink(path_.c_str()); }

  void write(const LeaseText& text) const { write_file_durably(path_, to_string(text)); }
  /// The file system's time, now.
  nanoseconds now() const {
    struct stat status {};
    if (::utimensat(AT_FDCWD, path_.c_str(), nullptr, 0) != 0) lease_failed(path_, "touch it", errno);
    if (::stat(path_.c_str(), &status) != 0) lease_failed(path_, "read its time", errno);
    return since_epoch(status.st_mtim);
  }
  /// \return whether `file` is it now. Exactly one of those who try is told so.
  bool become(const fs::path& file) const {
    if (::link(path_.c_str(), file.c_str()) == 0) return true;
    const int error = errno;
    if (error == ENOENT) return false;  // an old draft was cleaned away
    if (error != EEXIST) {
      if (error != EPERM && error != EOPNOTSUPP && error != ENOSYS && error != EMLINK)
        lease_failed(file, "create it", error);
      fail_as_unsafe(file.parent_path(), "a file system with hard links", std::strerror(error));
    }
    // A request whose answer was lost is sent again, and finds its own work.
    struct stat ours {
    }, theirs{};
    return ::stat(path_.c_str(), &ours) == 0 && ::stat(file.c_str(), &theirs) == 0 && ours.st_ino == theirs.st_ino &&
           ours.st_dev == theirs.st_dev;
  }

 private:
  fs::path path_;
};

[[noreturn]] void fail_as_locked(const fs::path& directory, const Holder& holder, nanoseconds age, nanoseconds stale) {
  const bool future = age < -stale;
  throw CheckpointError({"assay.campaign.locked", directory.string(), "a campaign that nobody is running",
                         "one that is run by " + in_words(holder) + ", which renewed its lease " +
                             (future ? "in the future of the file system's clock" : in_seconds(age) + " ago"),
                         future
                             ? "if that process is gone, remove the newest lease.*.json; 'assay show' works meanwhile"
                             : "wait for it or end it; 'assay show' works meanwhile"});
}

/// The generation before one that never held. They go down: a damaged file leads nowhere for ever.
std::int64_t earlier_of(const LeaseFile& file, const LeaseText& text, std::int64_t number) {
  if (text.after >= number) file.fail_as_damaged("one that follows a later one");
  return text.after;
}

/// Earlier versions had one file for all holders.
void require_no_old_lease(const fs::path& directory, const Draft& draft, nanoseconds stale) {
  const std::optional<LeaseFile> old = LeaseFile::open(directory / "lease.json");
  const std::optional<std::string> bytes = old ? old->bytes() : std::nullopt;
  if (!bytes) return;
  const auto holder = holder_from(Json::parse(*bytes, nullptr, /*allow_exceptions=*/false));
  if (!holder) old->fail_as_damaged(bytes->empty() ? "an empty file" : "something else");
  const nanoseconds age = draft.now() - since_epoch(old->modified());
  if (age <= stale) fail_as_locked(directory, *holder, age, stale);
}

}  // namespace

fs::path lease_file(const fs::path& directory, std::int64_t generation) {
  return directory / (std::string(prefix) + std::to_string(generation) + std::string(suffix));
}

std::int64_t newest_lease(const fs::path& directory) {
  const std::vector<std::int64_t> numbers = leases(directory);
  return numbers.empty() ? 0 : numbers.back();
}

std::optional<LeaseText> newest_established_lease(const fs::path& directory, std::chrono::milliseconds patience) {
  for (std::int64_t attempt = 0; attempt < attempts_in(patience); ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(between_attempts);
    std::int64_t number = newest_lease(directory);
    while (number > 0) {
      const std::optional<LeaseFile> file = LeaseFile::open(lease_file(directory, number));
      const std::optional<LeaseText> text = file ? file->read() : std::nullopt;
      if (!text) break;  // removed meanwhile: there is a newer one
      if (text->state == LeaseState::held || text->state == LeaseState::released) return text;
      number = earlier_of(*file, *text, number);
    }
    if (number == 0) return std::nullopt;
  }
  return std::nullopt;
}

Lease::Lease(const fs::path& directory, LeaseRules rules) : directory_(directory), rules_(std::move(rules)) {
  acquire();
  try {
    thread_ = quiet_thread([this] { renew(); });
  } catch (const std::system_error& error) {
    give_up();
    throw CheckpointError({"assay.campaign.lease", directory.string(), "a thread that renews the lease of this process",
                           error.what(), "end other programs, or raise the limit of processes (ulimit -u)"});
  }
}

void Lease::acquire() {
  const Draft draft(directory_);
  std::int64_t after = newest_lease(directory_);
  for (std::int64_t attempt = 0; attempt < attempts_in(rules_.patience); ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(between_attempts);
    draft.write({.after = after, .holder = rules_.me});
    if (after == 0) require_no_old_lease(directory_, draft, rules_.stale);
    std::optional<LeaseFile> before = after > 0 ? LeaseFile::open(lease_file(directory_, after)) : std::nullopt;
    if (after > 0) {
      const std::optional<LeaseText> text = before ? before->read() : std::nullopt;
      if (!text || text->taken) {  // removed or taken over meanwhile: there is a newer one
        after = std::max(after + (text ? 1 : 0), newest_lease(directory_));
        continue;
      }
      const bool ended = text->state == LeaseState::released || text->state == LeaseState::gave_up;
      const nanoseconds age = draft.now() - since_epoch(before->modified());
      if (!ended && !rules_.dead(text->holder) && age <= rules_.stale) {
        fail_as_locked(directory_, text->holder, age, rules_.stale);
      }
    }
    if (!draft.become(lease_file(directory_, after + 1))) {
      after = std::max(after + 1, newest_lease(directory_));
      continue;
    }
    generation_ = after + 1;
    own_ = LeaseFile::open(lease_file(directory_, generation_));
    try {
      if (own_ && newest_lease(directory_) == generation_ && inherit(std::move(before))) {
        require_fresh_reads();
        ::unlink((directory_ / "lease.json").c_str());
        return;
      }
    } catch (...) {
      own_->write_state(LeaseState::gave_up, 0);
      throw;
    }
    // This process was away while others came and went: the number that it won is one of theirs.
    ::unlink(lease_file(directory_, generation_).c_str());
    after = newest_lease(directory_);
  }
  throw CheckpointError({"assay.lease", directory_.string(), "leases that follow one another",
                         "lease.*.json that contradict each other, or change all the time",
                         "if no process on any host runs this campaign, remove them"});
}

/// Marks all whose work does not count any more, from the last back to one that was held: that one marked those before
/// it. \return false if somebody else has taken over from the last.
bool Lease::inherit(std::optional<LeaseFile> before) {
  inherited_ = {};
  if (!before) return true;
  std::optional<LeaseText> text = before->read();
  if (!text || text->taken) return false;
  std::int64_t number = generation_ - 1;
  while (true) {
    // In this order: the other one writes that it holds the lease, then looks for the mark.
    if (!before->mark_taken() || !(text = before->read())) return false;
    if (text->state == LeaseState::held || text->state == LeaseState::released) {
      inherited_ = {.ledger = text->ledger,
                    .writer_may_live = text->state == LeaseState::held && !rules_.dead(text->holder)};
      return true;
    }
    number = earlier_of(*before, *text, number);
    if (number == 0) return true;
    std::optional<LeaseFile> earlier;
    for (std::int64_t attempt = 0; attempt < attempts_in(rules_.patience) && !earlier; ++attempt) {
      if (attempt > 0) std::this_thread::sleep_for(between_attempts);
      earlier = LeaseFile::open(lease_file(directory_, number));
      if (leases(directory_).empty()) break;
    }
    if (!earlier) {  // somebody removed it by hand: what its holder does is unknown
      inherited_ = {.ledger = -1, .writer_may_live = true};
      return true;
    }
    before = std::move(earlier);
  }
}

void Lease::require_fresh_reads() const {
  if (own_->direct() || !may_read_stale(directory_)) return;
  fail_as_unsafe(directory_, "a mount that shows what other hosts have written",
                 "one that keeps what it has read (nocto, or a loose cache), without O_DIRECT");
}

void Lease::establish(std::int64_t ledger) {
  own_->write_state(LeaseState::held, ledger);
  ledger_ = ledger;
  const std::optional<LeaseText> text = own_->read();
  if (text && (text->state != LeaseState::held || text->ledger != ledger)) {
    fail_as_unsafe(directory_, "a file system that gives what was written to it", "an older state of a lease");
  }
  check();
}

void Lease::remove_earlier() const {
  for (const std::int64_t number : leases(directory_)) {
    if (number >= generation_) break;
    // Marked before it is removed: who still has it open, judged long ago, must not believe that it is free.
    const fs::path file = lease_file(directory_, number);
    if (const std::optional<LeaseFile> earlier = LeaseFile::open(file)) earlier->mark_taken();
    ::unlink(file.c_str());
  }
  std::error_code none;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory_, none)) {
    if (!entry.path().filename().string().starts_with(draft_prefix)) continue;
    struct stat status {};
    if (::lstat(entry.path().c_str(), &status) != 0) continue;
    const nanoseconds age = since_epoch(own_->modified()) - since_epoch(status.st_mtim);
    if (age > rules_.stale) ::unlink(entry.path().c_str());  // of a process that was killed
  }
}

Lease::~Lease() {
  {
    const std::lock_guard lock(mutex_);
    end_ = true;
  }
  ending_.notify_all();
  thread_.join();
  give_up();
}

void Lease::give_up() const {
  try {
    check();
    own_->write_state(ledger_ < 0 ? LeaseState::gave_up : LeaseState::released, std::max<std::int64_t>(0, ledger_));
  } catch (const CheckpointError&) {
    // It is another's, or the storage is out of reach: then it grows old.
  }
}

void Lease::renew() {
  auto renewed = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  while (!ending_.wait_for(lock, rules_.renewal, [this] { return end_; })) {
    lock.unlock();
    try {
      check();
      own_->renew();
      renewed = std::chrono::steady_clock::now();
    } catch (const CheckpointError& error) {
      const nanoseconds since = std::chrono::steady_clock::now() - renewed;
      if (since > rules_.stale) lose("not renewed for " + in_seconds(since) + ": " + error.what());
    }
    lock.lock();
    if (!lost_.empty()) return;
  }
}

void Lease::lose(const std::string& how) const {
  const std::lock_guard lock(mutex_);
  if (lost_.empty()) lost_ = how;
}

void Lease::check() const {
  std::string lost;
  {
    const std::lock_guard lock(mutex_);
    lost = lost_;
  }
  if (lost.empty()) {
    const std::optional<LeaseText> text = own_->read();
    if (text && !text->taken) return;
    lost = text ? "taken over" : "removed";
    lose(lost);
  }
  throw CheckpointError(
      {"assay.campaign.lease_lost", own_->path().string(), "the lease of this process", "one that was " + lost,
       "another process may have gone on with the campaign: what was not reported as done may be done "
       "again there"});
}

}  // namespace assay::detail
