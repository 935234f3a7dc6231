// SPDX-License-Identifier: Apache-2.0
#include "simulation_files.hpp"
#include "valid_utf8.hpp"

#include <assay/detail/files.hpp>
#include <assay/error.hpp>
#include <assay/json.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <string_view>
#include <utility>

namespace assay::detail {

namespace fs = std::filesystem;

namespace {

/// Of both files. A runner and a library of different versions do not work together; what one of format 1 came to,
/// whose files lay among the program's own, is taken up.
constexpr int format = 2;
constexpr double longest_seconds = 1e9;
constexpr int most_cores = 1 << 20;
constexpr std::size_t room = 64 * 1024;
constexpr std::array<std::string_view, 5> kinds{"exited", "signaled", "timed_out", "stopped", "not_started"};

[[noreturn]] void outcome_refused(const fs::path& file, const std::string& got) {
  throw ConfigError({"assay.label.simulation_file", file.string(),
                     "the file of a simulation, format 1 to " + std::to_string(format), got,
                     "library and runner are of different versions, or the file is damaged"});
}

std::chrono::duration<double> seconds_from(const Json& json, const fs::path& file) {
  const double seconds = json.get<double>();
  if (!(seconds >= 0 && seconds <= longest_seconds)) outcome_refused(file, json.dump() + " s");
  return std::chrono::duration<double>(seconds);
}

int format_of(const Json& json, const fs::path& file) {
  const int found = integer_from_json<int>(json.at("format"));
  if (found < 1 || found > format) outcome_refused(file, "format " + std::to_string(found));
  return found;
}

/// A file that was made just now, and goes again.
class Probe {
 public:
  explicit Probe(const fs::path& folder) : file_(folder / ".assay_probe") {
    std::error_code in_the_way;  // told by `open`
    fs::remove_all(file_, in_the_way);
    fd_ = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    error_ = fd_ < 0 ? errno : 0;
  }
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;
  ~Probe() {
    if (fd_ < 0) return;
    ::close(fd_);
    ::unlink(file_.c_str());
  }
  int descriptor() const { return fd_; }
  int error() const { return error_; }

 private:
  fs::path file_;
  int fd_ = -1, error_ = 0;
};

}  // namespace

fs::path own_files(const fs::path& directory) {
  std::error_code error;
  const bool before = !fs::exists(fs::symlink_status(directory / own_folder, error)) &&
                      fs::is_regular_file(fs::symlink_status(directory / order_file, error));
  return before ? directory : directory / own_folder;
}

std::string place_of(const fs::path& directory) {
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return {};
  return std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

void write_order(const fs::path& directory, const SimulationOrder& order) {
  Json json{{"format", format},
            {"mark", order.mark},
            {"host", order.host},
            {"boot", order.boot},
            {"namespace", order.pid_namespace},
            {"place", place_of(directory)},
            {"program", order.program.string()},
            {"arguments", order.arguments},
            {"time_limit", order.time_limit.count()},
            {"grace", order.grace.count()},
            {"output_limit", order.output_limit},
            {"file_limit", nullptr},
            {"cores", order.cores},
            {"unset", order.unset},
            {"environment", order.environment}};
  if (order.file_limit) json["file_limit"] = *order.file_limit;
  std::error_code error;  // told when the file is written
  fs::create_directories(directory / own_folder, error);
  // Arguments may hold any bytes.
  write_file(directory / own_folder / order_file, json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
}

SimulationOrder read_order(const fs::path& directory) {
  const fs::path folder = own_files(directory), file = folder / order_file;
  require_no_link(directory);
  require_no_link(folder);
  const Json json = parse_json(read_own_file(file), file.string());
  try {
    const int found = format_of(json, file);
    SimulationOrder order{
        .mark = json.at("mark").get<std::string>(),
        .host = json.at("host").get<std::string>(),
        .boot = json.at("boot").get<std::string>(),
        .program = json.at("program").get<std::string>(),
        .arguments = json.at("arguments").get<std::vector<std::string>>(),
        .time_limit = seconds_from(json.at("time_limit"), file),
        .grace = seconds_from(json.at("grace"), file),
        .output_limit = std::max<std::int64_t>(0, integer_from_json<std::int64_t>(json.at("output_limit")))};
    if (found >= 2) {
      order.pid_namespace = json.at("namespace").get<std::string>();
      order.place = json.at("place").get<std::string>();
    }
    if (!json.at("file_limit").is_null()) order.file_limit = integer_from_json<std::int64_t>(json.at("file_limit"));
    for (const Json& core : json.at("cores")) {
      order.cores.push_back(integer_from_json<int>(core));
      if (order.cores.back() < 0 || order.cores.back() >= most_cores) outcome_refused(file, "core " + core.dump());
    }
    order.unset = json.at("unset").get<std::vector<std::string>>();
    order.environment = json.at("environment").get<std::map<std::string, std::string>>();
    if (order.mark.empty() || order.arguments.empty()) outcome_refused(file, "no mark, or no arguments");
    return order;
  } catch (const Json::exception& error) {
    outcome_refused(file, error.what());
  }
}

namespace {

std::string text_of(const SimulationOutcome& outcome, const std::string& mark) {
  const Json json{{"format", format},
                  {"mark", mark},
                  {"end", kinds.at(static_cast<std::size_t>(outcome.kind))},
                  {"status", outcome.status},
                  {"seconds", outcome.seconds},
                  {"problem", outcome.problem},
                  {"output", outcome.tail},
                  {"disk_was_full", outcome.disk_was_full}};
  // A path in `problem` may hold any bytes.
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

void write_outcome(const fs::path& directory, const SimulationOutcome& outcome, const std::string& mark) {
  const fs::path file = directory / own_folder / outcome_file;
  detail::remove_all(file);
  detail::remove_all(file.string() + ".writing");
  write_file(file, text_of(outcome, mark));
}

OutcomeRoom::OutcomeRoom(fs::path directory)
    : directory_(std::move(directory)), file_(directory_ / own_folder / "outcome_room") {
  fd_ = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (fd_ < 0) return;
  const std::string bytes(room, ' ');  // written, not only asked for: no file system forgets those
  if (::write(fd_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()) && ::fsync(fd_) == 0) return;
  ::close(std::exchange(fd_, -1));
  ::unlink(file_.c_str());
}

OutcomeRoom::~OutcomeRoom() {
  if (fd_ < 0) return;
  ::close(fd_);
  std::error_code gone;  // by `write`, or by the program
  fs::remove(file_, gone);
}

void OutcomeRoom::write(SimulationOutcome outcome, const std::string& mark) {
  try {
    return write_outcome(directory_, outcome, mark);
  } catch (const CheckpointError&) {
    outcome.disk_was_full = true;
    std::string text = text_of(outcome, mark);
    while (text.size() > room && !outcome.tail.empty()) {
      outcome.tail = valid_utf8(outcome.tail.substr(outcome.tail.size() - outcome.tail.size() / 2));
      text = text_of(outcome, mark);
    }
    if (!write_into_room(text)) throw;
  }
}

/// Over the bytes that are there, and given its name. \return whether it could be.
bool OutcomeRoom::write_into_room(const std::string& text) {
  struct stat held {
  }, there{};
  const bool is_ours = fd_ >= 0 && ::fstat(fd_, &held) == 0 && ::lstat(file_.c_str(), &there) == 0 &&
                       held.st_dev == there.st_dev && held.st_ino == there.st_ino;
  if (!is_ours || text.size() > room) return false;
  return ::pwrite(fd_, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()) &&
         ::ftruncate(fd_, static_cast<off_t>(text.size())) == 0 &&
         ::rename(file_.c_str(), (directory_ / own_folder / outcome_file).c_str()) == 0;
}

std::optional<SimulationOutcome> read_outcome(const fs::path& directory, const std::string& mark) {
  const fs::path folder = own_files(directory), file = folder / outcome_file;
  std::error_code error;
  const auto real = [&](const fs::path& path, fs::file_type type) {
    return fs::symlink_status(path, error).type() == type;
  };
  if (!real(directory, fs::file_type::directory) || !real(folder, fs::file_type::directory) ||
      !real(file, fs::file_type::regular))
    return std::nullopt;
  try {
    const Json json = parse_json(read_own_file(file), file.string());
    format_of(json, file);
    if (json.at("mark") != mark) return std::nullopt;
    const auto kind = std::find(kinds.begin(), kinds.end(), json.at("end").get<std::string>());
    if (kind == kinds.end()) return std::nullopt;
    return SimulationOutcome{.kind = static_cast<SimulationOutcome::Kind>(kind - kinds.begin()),
                             .status = integer_from_json<int>(json.at("status")),
                             .tail = json.at("output").get<std::string>(),
                             .problem = json.at("problem").get<std::string>(),
                             .seconds = seconds_from(json.at("seconds"), file).count(),
                             .disk_was_full = json.value("disk_was_full", false)};
  } catch (const Json::exception&) {
  } catch (const Error&) {
  }
  return std::nullopt;  // something of the program's
}

std::optional<double> age_of(const fs::path& directory, const char* file) {
  const fs::path folder = own_files(directory);
  // Opened: a network file system asks its server then, and does not answer from what it remembers.
  const int fd = ::open((folder / file).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  struct stat then {
  }, now{};
  const bool known = ::fstat(fd, &then) == 0;
  ::close(fd);
  const Probe probe(folder);
  if (!known || probe.descriptor() < 0 || ::futimens(probe.descriptor(), nullptr) != 0 ||
      ::fstat(probe.descriptor(), &now) != 0)
    throw CheckpointError({"assay.file", (folder / file).string(), "to see how old it is", std::strerror(errno), ""});
  return static_cast<double>(now.st_mtim.tv_sec - then.st_mtim.tv_sec) +
         1e-9 * static_cast<double>(now.st_mtim.tv_nsec - then.st_mtim.tv_nsec);
}

void require_room(const fs::path& directory) {
  std::error_code none;
  const fs::path folder = own_files(directory);
  if (!fs::is_directory(fs::symlink_status(folder, none))) return;  // the program removed it: its own doing
  const Probe probe(folder);
  int error = probe.error();
  if (error == 0) {
    rlimit most{};  // beyond it, a signal would end this program
    const bool limited = ::getrlimit(RLIMIT_FSIZE, &most) == 0 && most.rlim_cur < room;
    const std::string bytes(limited ? most.rlim_cur : room, 'x');
    const ssize_t written = ::write(probe.descriptor(), bytes.data(), bytes.size());
    if (written < 0 || ::fsync(probe.descriptor()) != 0) {
      error = errno;
    } else if (written < static_cast<ssize_t>(bytes.size())) {
      error = ENOSPC;
    }
  }
  if (error != ENOSPC && error != EDQUOT && error != EROFS && error != EIO && error != ESTALE) return;
  throw LabelError(
      {"assay.label.disk", directory.string(), "a disk with room for what a simulation writes", std::strerror(error),
       "free some space and go on: the sample is queued, what its program came to is not held against it"});
}

std::string process_namespace() {
  std::error_code error;
  return fs::read_symlink("/proc/self/ns/pid", error).string();
}

std::string boot_of_host() {
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  return boot;
}

}  // namespace assay::detail
