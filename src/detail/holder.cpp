// SPDX-License-Identifier: Apache-2.0
#include "holder.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace assay::detail {

namespace {

std::string text_of(const std::string& file) {
  std::ifstream in(file);
  std::string text((std::istreambuf_iterator<char>(in)), {});
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::string start_of(long process) {
  const std::string stat = text_of("/proc/" + std::to_string(process) + "/stat");
  std::istringstream fields(stat.substr(std::min(stat.rfind(')') + 1, stat.size())));
  std::string field;
  for (int i = 3; i <= 22; ++i) fields >> field;
  return stat.empty() ? "" : field;
}

std::string boot_of_this_kernel() { return text_of("/proc/sys/kernel/random/boot_id"); }

std::string space_of_this_process() {
  std::error_code none;  // no /proc, or another namespace's: nothing is certain then
  return std::filesystem::read_symlink("/proc/self/ns/pid", none).string();
}

}  // namespace

std::string host_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

Holder this_holder() {
  const long process = ::getpid();
  return {host_name(), process, start_of(process), boot_of_this_kernel(), space_of_this_process()};
}

bool known_dead(const Holder& holder) {
  if (holder.boot.empty() || holder.boot != boot_of_this_kernel()) return false;
  if (holder.space.empty() || holder.space != space_of_this_process()) return false;
  if (holder.process <= 0 || holder.started.empty()) return false;
  if (::kill(static_cast<pid_t>(holder.process), 0) != 0 && errno == ESRCH) return true;
  // Another process of the same number; one of another user may be hidden, and is taken to be the holder.
  const std::string started = start_of(holder.process);
  return !started.empty() && started != holder.started;
}

Json to_json(const Holder& holder) {
  return {{"host", holder.host},
          {"process", holder.process},
          {"started", holder.started},
          {"boot", holder.boot},
          {"space", holder.space}};
}

std::optional<Holder> holder_from(const Json& json) {
  if (!json.is_object()) return std::nullopt;
  const auto text = [&](const char* key) -> std::optional<std::string> {
    const auto found = json.find(key);
    if (found == json.end()) return "";  // an earlier version did not write it
    return found->is_string() ? std::optional(found->get<std::string>()) : std::nullopt;
  };
  const auto host = text("host"), started = text("started"), boot = text("boot"), space = text("space");
  const auto process = json.find("process");
  if (!host || host->empty() || !started || !boot || !space || process == json.end()) return std::nullopt;
  if (!process->is_number_integer()) return std::nullopt;
  return Holder{*host, process->get<long>(), *started, *boot, *space};
}

std::string in_words(const Holder& holder) {
  return "process " + std::to_string(holder.process) + " on host " + holder.host;
}

}  // namespace assay::detail
