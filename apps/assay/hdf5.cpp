// SPDX-License-Identifier: Apache-2.0
#include "archives.hpp"

#include <assay/error.hpp>

#include <hdf5.h>

namespace assay::app {

namespace {

/// An identifier of the HDF5 library, closed at its end.
class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  explicit operator bool() const { return id_ >= 0; }
  operator hid_t() const { return id_; }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

[[noreturn]] void hdf5_failed(const std::filesystem::path& file, std::string expected, std::string got) {
  throw DataError({"assay.hdf5", file.string(), std::move(expected), std::move(got), ""});
}

/// What the library says of an error goes to no terminal: the caller says it in words.
void be_quiet() { H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); }

/// The names at a file's root, for a message.
std::string names_in(hid_t file) {
  H5G_info_t group;
  if (H5Gget_info(file, &group) < 0) return "none";
  std::string text;
  for (hsize_t i = 0; i < std::min<hsize_t>(group.nlinks, 20); ++i) {
    std::string name(200, '\0');
    const ssize_t length = H5Lget_name_by_idx(file, ".", H5_INDEX_NAME, H5_ITER_INC, i, name.data(), name.size(),
                                              H5P_DEFAULT);
    if (length < 0) continue;
    name.resize(std::min(static_cast<std::size_t>(length), name.size() - 1));
    text += (text.empty() ? "'" : ", '") + name + "'";
  }
  return text.empty() ? "none" : text;
}

hid_t type_of(torch::Dtype dtype) { return dtype == torch::kFloat64 ? H5T_NATIVE_DOUBLE : H5T_NATIVE_INT64; }

torch::Tensor writable(const torch::Tensor& tensor) {
  return tensor.detach().to(torch::kCPU, tensor.is_floating_point() ? torch::kFloat64 : torch::kInt64).contiguous();
}

void write(hid_t file, const std::string& name, hid_t type, hid_t space, const void* data,
           const std::filesystem::path& path) {
  const Handle groups(H5Pcreate(H5P_LINK_CREATE), &H5Pclose);
  H5Pset_create_intermediate_group(groups, 1);
  const Handle dataset(H5Dcreate2(file, name.c_str(), type, space, groups, H5P_DEFAULT, H5P_DEFAULT), &H5Dclose);
  if (!dataset || H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
    hdf5_failed(path, "to write dataset '" + name + "'", "an error of the HDF5 library");
}

}  // namespace

std::vector<std::string> hdf5_names(const std::filesystem::path& path) {
  be_quiet();
  const Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), &H5Fclose);
  if (!file) hdf5_failed(path, "an HDF5 file", "something else, or a file that cannot be read");
  std::vector<std::string> names;
  const auto collect = [](hid_t at, const char* name, const H5L_info_t*, void* into) -> herr_t {
    const Handle dataset(H5Dopen2(at, name, H5P_DEFAULT), &H5Dclose);  // groups are none
    if (dataset) static_cast<std::vector<std::string>*>(into)->emplace_back(name);
    return 0;
  };
  if (H5Lvisit(file, H5_INDEX_NAME, H5_ITER_INC, collect, &names) < 0)
    hdf5_failed(path, "readable names of datasets", "a damaged file");
  return names;
}

torch::Tensor read_hdf5(const std::filesystem::path& path, const std::string& name) {
  be_quiet();
  const Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), &H5Fclose);
  if (!file) hdf5_failed(path, "an HDF5 file", "something else, or a file that cannot be read");
  const Handle dataset(H5Dopen2(file, name.c_str(), H5P_DEFAULT), &H5Dclose);
  if (!dataset) hdf5_failed(path, "a dataset '" + name + "'", names_in(file) + " at its root");
  const Handle type(H5Dget_type(dataset), &H5Tclose);
  const Handle space(H5Dget_space(dataset), &H5Sclose);
  const H5T_class_t kind = H5Tget_class(type);
  if (kind != H5T_FLOAT && kind != H5T_INTEGER)
    hdf5_failed(path, "numbers in dataset '" + name + "'", "something else");
  const int rank = H5Sget_simple_extent_ndims(space);
  if (rank < 1) hdf5_failed(path, "rows along the first axis of dataset '" + name + "'", "a single number");
  std::vector<hsize_t> extents(static_cast<std::size_t>(rank));
  H5Sget_simple_extent_dims(space, extents.data(), nullptr);
  const torch::Dtype dtype = kind == H5T_FLOAT ? torch::kFloat64 : torch::kInt64;
  torch::Tensor values = torch::empty(std::vector<std::int64_t>(extents.begin(), extents.end()), dtype);
  if (values.numel() > 0 &&
      H5Dread(dataset, type_of(dtype), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.mutable_data_ptr()) < 0)
    hdf5_failed(path, "readable numbers in dataset '" + name + "'",
                "a damaged file, or a filter that is not installed");
  return values;
}

void write_hdf5(const std::filesystem::path& path, const Values& columns, const Texts& texts) {
  be_quiet();
  const Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), &H5Fclose);
  if (!file) hdf5_failed(path, "to write it", "an error of the HDF5 library");
  for (const auto& [name, tensor] : columns) {
    const torch::Tensor values = writable(tensor);
    const std::vector<hsize_t> extents(values.sizes().begin(), values.sizes().end());
    const Handle space(H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr), &H5Sclose);
    write(file, name, type_of(values.scalar_type()), space, values.const_data_ptr(), path);
  }
  const Handle text(H5Tcopy(H5T_C_S1), &H5Tclose);
  H5Tset_size(text, H5T_VARIABLE);
  H5Tset_cset(text, H5T_CSET_UTF8);
  for (const auto& [name, cells] : texts) {
    std::vector<const char*> pointers;
    for (const std::string& cell : cells) pointers.push_back(cell.c_str());
    const hsize_t extent = pointers.size();
    const Handle space(H5Screate_simple(1, &extent, nullptr), &H5Sclose);
    write(file, name, text, space, pointers.data(), path);
  }
  // A full disk may show only now: what closes the file tells nobody.
  if (H5Fflush(file, H5F_SCOPE_GLOBAL) < 0)
    hdf5_failed(path, "to write it, to its end", "an error of the HDF5 library");
}

}  // namespace assay::app
