// SPDX-License-Identifier: Apache-2.0
#include "current_ledger.hpp"
#include "database_copy.hpp"
#include "lease.hpp"
#include "moved.hpp"

#include "../store/sqlite.hpp"

#include <assay/detail/campaign_lock.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace assay::detail {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void fail_as_locked(const fs::path& directory) {
  std::string text = read_own_file(directory / "lock");
  const auto holder = holder_from(Json::parse(text, nullptr, /*allow_exceptions=*/false));
  throw CheckpointError({"assay.campaign.locked", directory.string(), "a campaign that nobody is running",
                         "one that is run by " + (holder ? in_words(*holder) : std::string("another process")),
                         "wait for it or end it; 'assay show' works meanwhile"});
}

class Descriptor {
 public:
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  int get() const noexcept { return descriptor_; }
  int release() noexcept { return std::exchange(descriptor_, -1); }

 private:
  int descriptor_;
};

/// Asks the server, although this host may remember that there was none.
bool exists_at_server(const fs::path& file) {
  if (fs::exists(file)) return true;
  const int made = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (made < 0 && errno == EEXIST) return true;
  if (made < 0) throw CheckpointError({"assay.file", file.string(), "to look for it", std::strerror(errno), ""});
  ::close(made);
  ::unlink(file.c_str());
  return false;
}

/// A journal that was left is rolled back, and all that is in it is looked at.
void settle(const fs::path& copy, const fs::path& of) {
  store::Database database(copy, /*writable=*/true);
  database.run("PRAGMA journal_mode = DELETE");
  store::Statement problems = database.prepare("PRAGMA integrity_check");
  if (!problems.next() || problems.bytes(0) == "ok") return;
  throw CheckpointError({"assay.ledger", of.string(), "an intact ledger to take over", problems.bytes(0),
                         "'assay check --repair' rebuilds it from labels/"});
}

}  // namespace

CampaignLock::CampaignLock(const fs::path& directory, Storage storage, Damaged damaged)
    : CampaignLock(directory, storage, damaged, LeaseRules()) {}

CampaignLock::CampaignLock(const fs::path& directory, Storage storage, Damaged damaged, const LeaseRules& rules)
    : path_(fs::absolute(directory)) {
  Descriptor place(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (place.get() < 0)
    throw CheckpointError({"assay.file", directory.string(), "to open the directory", std::strerror(errno), ""});
  const fs::path file = directory / "lock";
  Descriptor opened(::open(file.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644));
  if (opened.get() < 0) throw CheckpointError({"assay.file", file.string(), "to open it", std::strerror(errno), ""});
  // Where there is a lease, it guards, whatever the storage is taken for: others may be guarded by nothing else.
  const bool leases = newest_lease(directory) > 0;
  if (::flock(opened.get(), LOCK_EX | LOCK_NB) != 0) {
    // One that was taken over may have this lock still; network file systems may not know it.
    if (errno == EWOULDBLOCK && !leases) fail_as_locked(directory);
    if (errno != EWOULDBLOCK && storage != Storage::shared) {
      throw CheckpointError({"assay.file", file.string(), "to lock it", std::strerror(errno), ""});
    }
  }
  if (storage == Storage::shared || newest_lease(directory) > 0) {
    lease_ = std::make_unique<Lease>(directory, rules);
    take_ledger(directory, damaged);
  } else {
    ledger_ = current_ledger(directory);
  }
  const std::string holder = to_json(this_holder()).dump() + "\n";
  if (::ftruncate(opened.get(), 0) != 0 ||
      ::pwrite(opened.get(), holder.data(), holder.size(), 0) != static_cast<ssize_t>(holder.size())) {
    throw CheckpointError({"assay.file", file.string(), "to write the holder's name to it", std::strerror(errno), ""});
  }
  descriptor_ = opened.release();
  directory_ = place.release();
}

CampaignLock::~CampaignLock() {
  ::close(descriptor_);
  ::close(directory_);
}

/// Its writer is gone: it is gone on with. It may live: it keeps its file, and what stands in it now is copied.
void CampaignLock::take_ledger(const fs::path& directory, Damaged damaged) {
  const Inherited& inherited = lease_->inherited();
  const std::int64_t from = inherited.ledger >= 0 ? inherited.ledger : highest_ledger(directory);
  const std::int64_t number = inherited.writer_may_live ? lease_->generation() : from;
  ledger_ = numbered_ledger(directory, number);
  if (const fs::path source = numbered_ledger(directory, from); number != from && exists_at_server(source)) {
    const fs::path copy = ledger_.string() + ".copying";
    for (const char* suffix : {"", "-journal", "-wal", "-shm"}) detail::remove_all(copy.string() + suffix);
    copy_database(source, copy, /*around_cache=*/true);
    if (damaged == Damaged::refused) settle(copy, source);
    lease_->check();
    for (const char* suffix : {"-journal", "-wal"}) {
      if (fs::exists(copy.string() + suffix)) replace_durably(copy.string() + suffix, ledger_.string() + suffix);
    }
    // The journal is there before the ledger is, and stays: no host is to remember that there is none.
    if (!fs::exists(ledger_.string() + "-journal")) write_file_durably(ledger_.string() + "-journal", "");
    replace_durably(copy, ledger_);
  }
  lease_->establish(number);
  remove_earlier_ledgers(directory, number, from);
  lease_->remove_earlier();
}

void CampaignLock::check() const {
  struct stat opened {
  }, there{};
  const bool is_there = ::stat(path_.c_str(), &there) == 0;
  if (!is_there && (errno == ENOENT || errno == ENOTDIR)) fail_as_moved(path_);
  if (is_there && ::fstat(directory_, &opened) == 0 && (there.st_dev != opened.st_dev || there.st_ino != opened.st_ino))
    fail_as_moved(path_);
  if (lease_) lease_->check();
}

}  // namespace assay::detail
