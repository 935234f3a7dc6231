// SPDX-License-Identifier: Apache-2.0
#include "archives.hpp"

#include <assay/error.hpp>

namespace assay::app {

namespace {

[[noreturn]] void built_without_hdf5(const std::filesystem::path& file) {
  throw DataError(
      {"assay.hdf5", file.string(), "an assay that was built with HDF5", "one without",
       "install the library (Debian and Ubuntu: apt install libhdf5-dev) and build assay again, or use .npz"});
}

}  // namespace

std::vector<std::string> hdf5_names(const std::filesystem::path& file) { built_without_hdf5(file); }
torch::Tensor read_hdf5(const std::filesystem::path& file, const std::string&) { built_without_hdf5(file); }
void write_hdf5(const std::filesystem::path& file, const Values&, const Texts&) { built_without_hdf5(file); }

}  // namespace assay::app
