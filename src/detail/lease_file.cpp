// SPDX-License-Identifier: Apache-2.0
#include "lease_file.hpp"

#include <assay/error.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace assay::detail {

namespace fs = std::filesystem;

namespace {

// The text is JSON of fixed places: {"taken":0,"state":"opening ","ledger":                   0,...
constexpr std::string_view before_mark = R"({"taken":)";
constexpr std::int64_t mark_at = before_mark.size();
constexpr std::int64_t state_at = mark_at + 2;
constexpr std::size_t length = 1024;
constexpr std::size_t page = 4096;

constexpr std::array<std::string_view, 4> state_names{"opening ", "held    ", "released", "gave up "};

[[noreturn]] void lease_file_failed(const fs::path& file, const std::string& what, int error) {
  throw CheckpointError({"assay.file", file.string(), "to " + what, std::strerror(error), ""});
}

bool gone(int error) { return error == ENOENT || error == ESTALE; }

std::string state_part(LeaseState state, std::int64_t ledger) {
  std::string number = std::to_string(ledger);
  number.insert(0, 20 - std::min<std::size_t>(20, number.size()), ' ');
  return R"("state":")" + std::string(state_names[static_cast<std::size_t>(state)]) + R"(","ledger":)" + number;
}

std::optional<LeaseText> parse(const std::string& text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (text.size() != length || !json.is_object()) return std::nullopt;
  const auto number = [&](const char* key) -> std::int64_t {
    const auto found = json.find(key);
    return found != json.end() && found->is_number_unsigned() ? found->get<std::int64_t>() : -1;
  };
  LeaseText read{.taken = number("taken") != 0, .ledger = number("ledger"), .after = number("after")};
  const auto state = json.find("state"), holder = json.find("holder");
  if (read.ledger < 0 || read.after < 0 || state == json.end() || !state->is_string()) return std::nullopt;
  const auto name = std::find(state_names.begin(), state_names.end(), state->get<std::string>());
  const std::optional<Holder> who = holder == json.end() ? std::nullopt : holder_from(*holder);
  if (name == state_names.end() || !who) return std::nullopt;
  read.state = static_cast<LeaseState>(name - state_names.begin());
  read.holder = *who;
  return read;
}

}  // namespace

std::string to_string(const LeaseText& text) {
  std::string all = std::string(before_mark) + (text.taken ? "1," : "0,") + state_part(text.state, text.ledger) +
                    R"(,"after":)" + std::to_string(text.after) + R"(,"holder":)" + to_json(text.holder).dump() + "}";
  if (all.size() >= length) {
    throw CheckpointError({"assay.lease", "this host", "a host name of at most 255 bytes", text.holder.host, ""});
  }
  all.resize(length - 1, ' ');
  return all + "\n";
}

std::optional<LeaseFile> LeaseFile::open(const fs::path& file) {
  LeaseFile opened(file);
  if (!opened.open_to_read()) return std::nullopt;
  return opened;
}

LeaseFile::LeaseFile(LeaseFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      direct_(other.direct_),
      modified_(other.modified_),
      device_(other.device_),
      inode_(other.inode_) {}

LeaseFile& LeaseFile::operator=(LeaseFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  direct_ = other.direct_;
  modified_ = other.modified_;
  device_ = other.device_;
  inode_ = other.inode_;
  return *this;
}

LeaseFile::~LeaseFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool LeaseFile::open_to_read() {
  constexpr int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  direct_ = true;
  descriptor_ = ::open(path_.c_str(), flags | O_DIRECT);
  if (descriptor_ < 0 && errno == EINVAL) {
    direct_ = false;
    descriptor_ = ::open(path_.c_str(), flags);
  }
  if (descriptor_ < 0 && gone(errno)) return false;
  if (descriptor_ < 0 && errno == ELOOP) fail_as_damaged("a symbolic link, which is not followed");
  if (descriptor_ < 0) lease_file_failed(path_, "open it", errno);
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) {
    if (gone(errno)) return false;
    lease_file_failed(path_, "read its time", errno);
  }
  if (!S_ISREG(status.st_mode)) fail_as_damaged("something that is not a file");
  modified_ = status.st_mtim;
  device_ = status.st_dev;
  inode_ = status.st_ino;
  return true;
}

bool LeaseFile::is_this(int descriptor) const {
  struct stat status {};
  return ::fstat(descriptor, &status) == 0 && status.st_dev == device_ && status.st_ino == inode_;
}

std::optional<std::string> LeaseFile::bytes() const {
  alignas(page) std::array<char, page> bytes;
  ssize_t count = -1;
  if (direct_) {
    count = ::pread(descriptor_, bytes.data(), page, 0);
  } else {
    const int again = ::open(path_.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (again < 0 && gone(errno)) return std::nullopt;
    if (again < 0) lease_file_failed(path_, "open it", errno);
    const bool same = is_this(again);
    if (same) count = ::pread(again, bytes.data(), page, 0);
    const int error = errno;
    ::close(again);
    if (!same) return std::nullopt;
    errno = error;
  }
  if (count < 0 && gone(errno)) return std::nullopt;
  if (count < 0) lease_file_failed(path_, "read it", errno);
  return std::string(bytes.data(), static_cast<std::size_t>(count));
}

std::optional<LeaseText> LeaseFile::read() const {
  const std::optional<std::string> all = bytes();
  if (!all) return std::nullopt;
  std::optional<LeaseText> text = parse(*all);
  if (!text)
    fail_as_damaged(std::to_string(all->size()) + (all->size() == page ? " bytes or more" : " bytes") +
                    " of another kind");
  return text;
}

void LeaseFile::fail_as_damaged(const std::string& got) const {
  throw CheckpointError({"assay.lease", path_.string(), "a lease as assay writes it", got,
                         "if no process on any host runs this campaign, remove this file"});
}

int LeaseFile::open_to_write() const {
  // Synchronous, and byte by byte: a client that wrote whole pages back would undo what the other process wrote.
  const int descriptor = ::open(path_.c_str(), O_WRONLY | O_DSYNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0 && !gone(errno)) lease_file_failed(path_, "write to it", errno);
  if (descriptor >= 0 && !is_this(descriptor)) {
    ::close(descriptor);
    return -1;
  }
  return descriptor;
}

/// \return false if the file is there no more.
bool LeaseFile::write(std::string_view bytes, std::int64_t at) const {
  const int descriptor = open_to_write();
  if (descriptor < 0) return false;
  int error = ::pwrite(descriptor, bytes.data(), bytes.size(), at) == static_cast<ssize_t>(bytes.size()) ? 0 : errno;
  if (::close(descriptor) != 0 && error == 0) error = errno;
  if (error != 0 && !gone(error)) lease_file_failed(path_, "write to it", error);
  return error == 0;
}

bool LeaseFile::mark_taken() const { return write("1", mark_at); }

void LeaseFile::write_state(LeaseState state, std::int64_t ledger) const {
  if (!write(state_part(state, ledger), state_at)) lease_file_failed(path_, "write to it", ESTALE);
}

void LeaseFile::renew() const {
  const int descriptor = open_to_write();
  if (descriptor < 0) lease_file_failed(path_, "renew it", ESTALE);
  const int error = ::futimens(descriptor, nullptr) == 0 ? 0 : errno;
  ::close(descriptor);
  if (error != 0) lease_file_failed(path_, "renew it", error);
}

}  // namespace assay::detail
