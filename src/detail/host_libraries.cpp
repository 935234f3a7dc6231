// SPDX-License-Identifier: Apache-2.0
#include "host_libraries.hpp"

#include <dlfcn.h>
#include <link.h>

#include <filesystem>
#include <vector>

namespace assay::detail {

namespace {

constexpr const char* complex_product = "zdotc_";

/// The file that a function is in; empty for none.
std::string file_of(const void* function) {
  Dl_info info{};
  return function && ::dladdr(function, &info) != 0 && info.dli_fname ? info.dli_fname : "";
}

std::vector<std::string> loaded_libraries() {
  std::vector<std::string> files;
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* found) {
        if (info->dlpi_name && *info->dlpi_name)
          static_cast<std::vector<std::string>*>(found)->push_back(info->dlpi_name);
        return 0;
      },
      &files);
  return files;
}

bool is_libtorch(const std::string& file) {
  return std::filesystem::path(file).filename().string().starts_with("libtorch");
}

/// Whether a library has the function itself, not by one that it needs.
bool has_own(const std::string& file, const char* function) {
  void* const library = ::dlopen(file.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  if (!library) return false;
  const bool own = file_of(::dlsym(library, function)) == file;
  ::dlclose(library);
  return own;
}

}  // namespace

std::optional<std::string> replaced_blas() {
  const std::string taken = file_of(::dlsym(RTLD_DEFAULT, complex_product));
  if (!is_libtorch(taken)) return std::nullopt;
  for (const std::string& file : loaded_libraries()) {
    if (is_libtorch(file) || !has_own(file, complex_product)) continue;
    return "LibTorch's BLAS takes the place of " + file +
           ", and crashes LAPACK's complex routines (zheev, zhegv): link that library before assay, with "
           "-Wl,--no-as-needed, or link assay::client, which keeps LibTorch in a process of its own";
  }
  return std::nullopt;
}

}  // namespace assay::detail
