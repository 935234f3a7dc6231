// SPDX-License-Identifier: Apache-2.0
#include "output.hpp"

#include <assay/detail/files.hpp>
#include <assay/error.hpp>

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>

namespace assay::app {

void put(const std::filesystem::path& out, std::string_view text) {
  if (!out.empty()) return detail::write_file(out, text);
  std::cout << text;
  flush_output();
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
