// SPDX-License-Identifier: Apache-2.0
#include "find_server.hpp"

#include <assay/error.hpp>

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace assay::client {

namespace {

bool can_be_run(const std::string& file) {
  struct stat found {};
  return ::stat(file.c_str(), &found) == 0 && S_ISREG(found.st_mode) && ::access(file.c_str(), X_OK) == 0;
}

/// The folder of a file, with its links resolved; empty if there is none.
std::string folder_of(const char* file) {
  char resolved[PATH_MAX];
  if (!file || !::realpath(file, resolved)) return {};
  const std::string_view path = resolved;
  return std::string(path.substr(0, path.rfind('/')));
}

std::vector<std::string> places() {
  std::vector<std::string> all;
  Dl_info library{};
  const bool known = ::dladdr(reinterpret_cast<const void*>(&find_server), &library) != 0;
  for (const std::string& folder : {folder_of(known ? library.dli_fname : nullptr), folder_of("/proc/self/exe")}) {
    if (folder.empty()) continue;
    // A program's own folder; lib/ and lib/x86_64-linux-gnu/ of a prefix.
    for (const char* beside : {"", "/../bin", "/../../bin"}) all.push_back(folder + beside);
  }
  all.emplace_back(ASSAY_SERVER_BUILT);
  all.emplace_back(ASSAY_SERVER_INSTALLED);
  const char* const path = std::getenv("PATH");
  std::string_view rest = path ? path : "";
  while (!rest.empty()) {
    const std::size_t end = rest.find(':');
    if (end != 0) all.emplace_back(rest.substr(0, end));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  return all;
}

}  // namespace

std::string find_server() {
  if (const char* const named = std::getenv("ASSAY_SERVER"); named && *named) {
    if (can_be_run(named)) return named;
    throw Error({"assay.client.program", "ASSAY_SERVER", "the assay program", std::string("'") + named + "'",
                 "set it to the path of a program that can be run"});
  }
  for (const std::string& place : places()) {
    if (std::string program = place + "/assay"; can_be_run(program)) return program;
  }
  throw Error({"assay.client.program", "assay", "the program in which the campaign runs",
               "none in bin/ beside the library or the program, and none on PATH",
               "install assay's command, or set ASSAY_SERVER to its path"});
}

}  // namespace assay::client
