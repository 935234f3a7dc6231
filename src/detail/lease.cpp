// SPDX-License-Identifier: Apache-2.0
#include "lease.hpp"

#include <assay/detail/files.hpp>
#include <assay/detail/quiet_thread.hpp>
#include <assay/error.hpp>
#include <assay/json.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>

namespace assay::detail {

namespace fs = std::filesystem;

namespace {

std::string text_of(const fs::path& file) {
  std::ifstream in(file);
  std::string text((std::istreambuf_iterator<char>(in)), {});
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

/// When a process of this host started, in ticks after boot; empty if there is none with this id.
std::string start_of(long process) {
  const std::string stat = text_of("/proc/" + std::to_string(process) + "/stat");
  std::istringstream fields(stat.substr(std::min(stat.rfind(')') + 1, stat.size())));
  std::string field;
  for (int i = 3; i <= 22; ++i) fields >> field;
  return stat.empty() ? "" : field;
}

[[noreturn]] void fail(const fs::path& file, const char* what, int error) {
  throw CheckpointError({"assay.file", file.string(), std::string("to ") + what, std::strerror(error), ""});
}

timespec modified(const fs::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) fail(file, "read its time", errno);
  return status.st_mtim;
}

}  // namespace

std::string host_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

std::string this_process() {
  const long process = ::getpid();
  return Json{{"host", host_name()},
              {"process", process},
              {"started", start_of(process)},
              {"boot", text_of("/proc/sys/kernel/random/boot_id")}}
      .dump();
}

bool may_be_alive(const std::string& who) {
  const Json holder = Json::parse(who, nullptr, /*allow_exceptions=*/false);
  if (!holder.is_object() || holder.value("host", "") != host_name()) return true;
  if (holder.value("boot", "") != text_of("/proc/sys/kernel/random/boot_id")) return false;
  const std::string started = start_of(holder.value("process", 0L));
  return !started.empty() && started == holder.value("started", "");
}

std::string in_words(const std::string& who) {
  const Json holder = Json::parse(who, nullptr, /*allow_exceptions=*/false);
  if (!holder.is_object()) return who.empty() ? "another process" : who;
  return "process " + std::to_string(holder.value("process", 0L)) + " on host " + holder.value("host", "?");
}

Lease::Lease(const fs::path& directory) : file_(directory / "lease.json"), mine_(this_process()) {
  const fs::path draft = directory / ("lease." + host_name() + "." + std::to_string(::getpid()));
  write_file_durably(draft, mine_ + "\n");
  // link(2) is atomic on network file systems too, where O_EXCL may not be.
  while (::link(draft.c_str(), file_.c_str()) != 0) {
    if (errno != EEXIST) {
      const int error = errno;
      ::unlink(draft.c_str());
      fail(file_, "create it", error);
    }
    const std::string holder = text_of(file_);
    ::utimensat(AT_FDCWD, draft.c_str(), nullptr, 0);  // now, as the server of the files has it
    const double age = std::difftime(modified(draft).tv_sec, modified(file_).tv_sec);
    if (may_be_alive(holder) && age <= static_cast<double>(stale.count())) {
      ::unlink(draft.c_str());
      throw CheckpointError({"assay.campaign.locked", directory.string(), "a campaign that nobody is running",
                             "one that is run by " + in_words(holder) + ", which renewed its lease " +
                                 std::to_string(static_cast<long>(age)) + " s ago",
                             "wait for it or end it; 'assay show' works meanwhile"});
    }
    // Of several who take over the same dead lease, the first rename wins; the others see a new file and ask again.
    const fs::path grave = draft.string() + ".dead";
    if (::rename(file_.c_str(), grave.c_str()) == 0) ::unlink(grave.c_str());
  }
  ::unlink(draft.c_str());
  thread_ = quiet_thread([this] { renew(); });
}

Lease::~Lease() {
  {
    const std::lock_guard lock(mutex_);
    end_ = true;
  }
  ending_.notify_all();
  thread_.join();
  if (!lost_ && text_of(file_) == mine_) ::unlink(file_.c_str());
}

void Lease::renew() {
  std::unique_lock lock(mutex_);
  while (!ending_.wait_for(lock, renewal, [this] { return end_; })) {
    if (text_of(file_) != mine_) {
      lost_ = true;
      return;
    }
    ::utimensat(AT_FDCWD, file_.c_str(), nullptr, 0);
  }
}

void Lease::check() const {
  if (!lost_) return;
  throw CheckpointError({"assay.campaign.lease_lost", file_.string(), "the lease of this process",
                         "that of " + in_words(text_of(file_)),
                         "this process did not renew it in time; another one has gone on with the campaign"});
}

}  // namespace assay::detail
