// SPDX-License-Identifier: Apache-2.0
#include "../data/npy_header.hpp"

#include <assay/error.hpp>
#include <assay/json.hpp>
#include <assay/select/feature_matrix.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace assay {

namespace {

[[noreturn]] void no_matrix(const std::filesystem::path& file, std::string expected, std::string got,
                            std::string advice = "") {
  throw DataError({"assay.select.file", file.string(), std::move(expected), std::move(got), std::move(advice)});
}

std::string text(const std::vector<std::int64_t>& shape) {
  std::string all;
  for (const std::int64_t extent : shape) all += (all.empty() ? "" : ", ") + std::to_string(extent);
  return "[" + all + "]";
}

struct Header {
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::uint64_t offset = 0, bytes = 0;
};

}  // namespace

struct FeatureMatrix::Source {
  torch::Tensor tensor;
  std::filesystem::path path;
  int descriptor = -1;
  std::uint64_t offset = 0, length = 0;
  void* mapping = nullptr;
  std::uint64_t mapped = 0;
  const void* data = nullptr;

  ~Source() {
    if (mapping != nullptr) ::munmap(mapping, mapped);
    if (descriptor >= 0) ::close(descriptor);
  }
  void read(std::uint64_t position, std::uint64_t count, void* out) const {
    char* to = static_cast<char*>(out);
    while (count > 0) {
      const ssize_t got = ::pread(descriptor, to, count, static_cast<off_t>(position));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) no_matrix(path, "to read it", std::strerror(errno));
      if (got == 0) no_matrix(path, "as much data as its header says", "a file that ends early", "it is truncated");
      to += got;
      position += static_cast<std::uint64_t>(got);
      count -= static_cast<std::uint64_t>(got);
    }
  }
};

namespace {

template <class Source>
Header npy_header(const Source& source, std::uint64_t size) {
  const std::filesystem::path& file = source.path;
  char start[12] = {};
  if (size < 12) no_matrix(file, "a .npy file", "one of " + std::to_string(size) + " bytes");
  source.read(0, sizeof start, start);
  if (std::memcmp(start, "\x93NUMPY", 6) != 0) no_matrix(file, "a .npy file", "something else");
  const bool first_version = start[6] == 1;
  std::uint32_t length = 0;
  std::memcpy(&length, start + 8, first_version ? 2 : 4);
  const std::uint64_t begin = first_version ? 10 : 12;
  if (length > size - begin) no_matrix(file, "a whole header", "a file that ends inside it", "it is truncated");
  if (length > 1'000'000) no_matrix(file, "a header of at most 1 MB", std::to_string(length) + " bytes");
  std::string header(length, '\0');
  source.read(begin, length, header.data());
  Header result{.offset = begin + length, .bytes = size - begin - length};
  data::NpyHeader parsed = data::read_npy_header(header, file);
  result.dtype = parsed.descr;
  result.shape = std::move(parsed.shape);
  const bool one_column = result.shape.size() == 1 || (result.shape.size() == 2 && result.shape[1] == 1);
  if (!one_column && parsed.fortran_order)
    no_matrix(file, "rows that stand together (C order)", "an array in Fortran order",
              "save numpy.ascontiguousarray of it");
  return result;
}

template <class Source>
Header safetensors_header(const Source& source, std::uint64_t size, const std::string& name) {
  const std::filesystem::path& file = source.path;
  std::uint64_t length = 0;
  if (size < 8) no_matrix(file, "a safetensors file", "one of " + std::to_string(size) + " bytes");
  source.read(0, 8, &length);
  if (length > 100'000'000 || length > size - 8) {
    no_matrix(file, "a safetensors file", "a header of " + std::to_string(length) + " bytes",
              "it is truncated or damaged");
  }
  std::string bytes(length, '\0');
  source.read(8, length, bytes.data());
  try {
    Json header = parse_json(bytes, file.string());
    if (!header.is_object()) no_matrix(file, "an object as header", header.type_name());
    header.erase("__metadata__");
    std::string names;
    std::uint64_t last = 0;
    for (const auto& item : header.items()) {
      names += (names.empty() ? "'" : ", '") + item.key() + "'";
      last = std::max(last, item.value().at("data_offsets").at(1).get<std::uint64_t>());
    }
    if (last != size - 8 - length) {
      no_matrix(file, std::to_string(last) + " bytes of data", std::to_string(size - 8 - length) + " bytes",
                last > size - 8 - length ? "it is truncated" : "");
    }
    if (name.empty() && header.size() != 1) {
      no_matrix(file, "the name of one of its tensors", "none", "it holds " + names + "; write FILE#NAME");
    }
    const std::string wanted = name.empty() ? header.items().begin().key() : name;
    if (!header.contains(wanted)) no_matrix(file, "a tensor '" + wanted + "'", names);
    const Json& entry = header.at(wanted);
    Header result{.dtype = entry.at("dtype").get<std::string>(), .shape = {}};
    for (const Json& extent : entry.at("shape")) {
      const auto n = extent.get<std::uint64_t>();
      if (!extent.is_number_unsigned() || n > 1'000'000'000'000'000) no_matrix(file, "extents >= 0", entry.dump());
      result.shape.push_back(static_cast<std::int64_t>(n));
    }
    const auto begin = entry.at("data_offsets").at(0).get<std::uint64_t>();
    const auto end = entry.at("data_offsets").at(1).get<std::uint64_t>();
    if (begin > end || end > size - 8 - length) {
      no_matrix(file, "as much data as its header says", std::to_string(size - 8 - length) + " bytes",
                "it is truncated");
    }
    result.offset = 8 + length + begin;
    result.bytes = end - begin;
    return result;
  } catch (const Json::exception& error) {
    no_matrix(file, "a safetensors header", error.what());
  } catch (const ConfigError& error) {
    no_matrix(file, "a safetensors header", error.what());
  }
}

torch::Dtype dtype_of(const std::string& name, const std::string& where) {
  if (name == "<f4" || name == "F32") return torch::kFloat32;
  if (name == "<f8" || name == "F64") return torch::kFloat64;
  throw ShapeError({"assay.select.dtype", where, "float32 or float64, little-endian", name, "convert it"});
}

}  // namespace

FeatureMatrix::FeatureMatrix(const torch::Tensor& rows, std::string name) : name_(std::move(name)) {
  if (!rows.defined()) return;
  const torch::Tensor matrix = rows.dim() == 1 ? rows.unsqueeze(1) : rows;
  if (matrix.dim() != 2)
    throw ShapeError({"assay.select.shape", name_, "rows of features, [n, d]", text(rows.sizes().vec()), ""});
  dtype_ = matrix.scalar_type();
  if (dtype_ != torch::kFloat32 && dtype_ != torch::kFloat64) {
    throw ShapeError({"assay.select.dtype", name_, "float32 or float64", c10::toString(dtype_), "convert it"});
  }
  rows_ = matrix.size(0);
  dims_ = matrix.size(1);
  source_ = std::make_shared<Source>();
  source_->tensor = matrix.detach().to(torch::kCPU).contiguous();
  source_->data = source_->tensor.const_data_ptr();
  if (rows_ > 0 && dims_ == 0) throw ShapeError({"assay.select.shape", name_, "at least one feature", "none", ""});
}

FeatureMatrix FeatureMatrix::open(const std::filesystem::path& file, const std::string& tensor) {
  auto source = std::make_shared<Source>();
  source->path = file;
  source->descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat facts {};
  if (source->descriptor < 0 || ::fstat(source->descriptor, &facts) != 0) {
    no_matrix(file, "a file that can be read", std::strerror(errno));
  }
  if (!S_ISREG(facts.st_mode)) no_matrix(file, "a regular file", "something else");
  const auto size = static_cast<std::uint64_t>(facts.st_size);
  const std::string kind = file.extension().string();
  if (kind != ".npy" && kind != ".safetensors") no_matrix(file, "a .npy or .safetensors file", "'" + kind + "'");
  const Header header = kind == ".npy" ? npy_header(*source, size) : safetensors_header(*source, size, tensor);

  FeatureMatrix matrix;
  matrix.name_ = file.string();
  matrix.dtype_ = dtype_of(header.dtype, file.string());
  if (header.shape.empty() || header.shape.size() > 2 || (header.shape.size() == 2 && header.shape[1] == 0)) {
    throw ShapeError({"assay.select.shape", file.string(), "rows of features, [n, d]", text(header.shape), ""});
  }
  matrix.rows_ = header.shape[0];
  matrix.dims_ = header.shape.size() == 2 ? header.shape[1] : 1;
  const std::uint64_t element = c10::elementSize(matrix.dtype_);
  const auto dims = static_cast<std::uint64_t>(matrix.dims_), rows = static_cast<std::uint64_t>(matrix.rows_);
  if (rows > 0 && (dims > header.bytes / element || rows > header.bytes / element / dims)) {
    no_matrix(file, text(header.shape) + " numbers", std::to_string(header.bytes) + " bytes", "it is truncated");
  }
  if (rows * dims * element != header.bytes) {
    no_matrix(file, std::to_string(rows * dims * element) + " bytes of data", std::to_string(header.bytes) + " bytes");
  }
  source->offset = header.offset;
  source->length = header.bytes;
  matrix.source_ = std::move(source);
  return matrix;
}

bool FeatureMatrix::from_file() const noexcept { return source_ != nullptr && source_->descriptor >= 0; }
const void* FeatureMatrix::data() const noexcept { return source_ == nullptr ? nullptr : source_->data; }

void FeatureMatrix::map() {
  if (source_ == nullptr || source_->data != nullptr || source_->length == 0) return;
  // Misaligned data (a header whose length is no multiple of the element) is read instead.
  const std::uint64_t size = source_->offset + source_->length;
  void* mapping = source_->offset % c10::elementSize(dtype_) != 0
                      ? MAP_FAILED
                      : ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, source_->descriptor, 0);
  if (mapping == MAP_FAILED) return;
  source_->mapping = mapping;
  source_->mapped = size;
  source_->data = static_cast<const char*>(mapping) + source_->offset;
}

void FeatureMatrix::read(std::int64_t first, std::int64_t count, void* out) const {
  const auto row = static_cast<std::uint64_t>(dims_) * c10::elementSize(dtype_);
  const auto begin = static_cast<std::uint64_t>(first) * row, size = static_cast<std::uint64_t>(count) * row;
  if (size == 0) return;
  if (source_->data != nullptr) {
    std::memcpy(out, static_cast<const char*>(source_->data) + begin, size);
  } else {
    source_->read(source_->offset + begin, size, out);
  }
}

}  // namespace assay
