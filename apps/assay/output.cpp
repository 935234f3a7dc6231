// SPDX-License-Identifier: Apache-2.0
#include "output.hpp"

#include <assay/detail/files.hpp>
#include <assay/error.hpp>

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>

namespace assay::app {

namespace fs = std::filesystem;

namespace {

/// Whether a path is that of a file by which a campaign lives.
bool is_of_a_campaign(const fs::path& file) {
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  const std::string name = file.filename();
  const auto begins = [&](std::string_view with) { return name.starts_with(with); };
  return (fs::exists(folder / "ledger.sqlite") || fs::exists(folder / "campaign.json")) &&
         (begins("ledger.") || begins("lease.") || name == "campaign.json" || name == "lock" || name == "log.jsonl" ||
          name == "metrics.jsonl" || name == "status.json");
}

/// Into a device or a pipe: renamed over, it would be one no longer.
void write_through(const fs::path& out, std::string_view text) {
  std::ofstream stream(out, std::ios::binary);
  stream << text << std::flush;
  stream.close();
  if (!stream) throw DataError({"assay.output", out.string(), "to write it, to its end", std::strerror(errno), ""});
}

}  // namespace

void put(const fs::path& out, std::string_view text) {
  if (out.empty()) {
    std::cout << text;
    return flush_output();
  }
  // A link stays one.
  std::error_code none;
  const fs::path file = fs::is_symlink(out, none) && fs::exists(out, none) ? fs::canonical(out) : out;
  if (is_of_a_campaign(file)) {
    throw DataError({"assay.output", out.string(), "a file that is no part of a campaign", "one of assay's own",
                     "give another name"});
  }
  const fs::file_type type = fs::status(file, none).type();
  const bool special = type == fs::file_type::character || type == fs::file_type::fifo || type == fs::file_type::block;
  special ? write_through(file, text) : detail::write_file(file, text);
}

void flush_output() {
  errno = 0;
  bool good = std::cout.flush().good() && std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  if (good) {
    // Network file systems tell of a full disk when a file is closed.
    const int copy = ::dup(STDOUT_FILENO);
    good = copy < 0 || ::close(copy) == 0;
  }
  if (good) return;
  // The stream has failed earlier, and does not say why: another byte, behind what is lost already, does.
  if (errno == 0 && ::write(STDOUT_FILENO, "\n", 1) >= 0) errno = 0;
  throw DataError({"assay.output", "standard output", "to write it, to its end",
                   errno != 0 ? std::strerror(errno) : "an earlier error",
                   "what it holds is not whole: do not use it"});
}

}  // namespace assay::app
