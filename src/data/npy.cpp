// SPDX-License-Identifier: Apache-2.0
#include <assay/data/npy.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>

#include <ATen/ops/empty.h>

#include <cstring>
#include <regex>
#include <string>
#include <utility>
#include <vector>

namespace assay {

namespace {

constexpr std::pair<std::string_view, torch::Dtype> dtypes[] = {
    {"<f8", torch::kFloat64}, {"<f4", torch::kFloat32}, {"<f2", torch::kFloat16},
    {"<i8", torch::kInt64},   {"<i4", torch::kInt32},   {"<i2", torch::kInt16},
    {"|i1", torch::kInt8},    {"|u1", torch::kUInt8},   {"|b1", torch::kBool}};

[[noreturn]] void fail(const std::filesystem::path& file, std::string expected, std::string got) {
  throw DataError({"assay.npy", file.string(), std::move(expected), std::move(got), ""});
}

}  // namespace

torch::Tensor read_npy(const std::filesystem::path& file) { return from_npy(detail::read_file(file), file); }

torch::Tensor from_npy(std::string_view bytes, const std::filesystem::path& file) {
  if (bytes.size() < 12 || bytes.compare(0, 6, "\x93NUMPY") != 0) fail(file, "a .npy file", "something else");
  const bool first_version = bytes[6] == 1;
  std::uint32_t length = 0;
  std::memcpy(&length, bytes.data() + 8, first_version ? 2 : 4);
  const std::size_t start = first_version ? 10 : 12;
  if (length > bytes.size() - start) fail(file, "a whole header", "a file that ends inside it");
  const std::string header(bytes.substr(start, length));
  std::smatch found;
  if (!std::regex_search(header, found, std::regex("'descr':\\s*'([^']*)'"))) fail(file, "a dtype", header);
  const std::string descr = found[1];
  const auto* known = std::find_if(std::begin(dtypes), std::end(dtypes),
                                   [&](const auto& d) { return d.first == descr; });
  if (known == std::end(dtypes)) fail(file, "little-endian numbers", "dtype '" + descr + "'");
  if (!std::regex_search(header, std::regex("'fortran_order':\\s*False"))) fail(file, "an array in C order", header);
  if (!std::regex_search(header, found, std::regex("'shape':\\s*\\(([0-9, ]*)\\)"))) fail(file, "a shape", header);
  const std::string shape_text = found[1];
  std::vector<std::int64_t> shape;
  std::uint64_t size = c10::elementSize(known->second);
  const std::regex number("[0-9]+");
  for (std::sregex_iterator it(shape_text.begin(), shape_text.end(), number), end; it != end; ++it) {
    shape.push_back(std::stoll(it->str()));
    const auto extent = static_cast<std::uint64_t>(shape.back());
    if (extent != 0 && size > bytes.size() / extent) fail(file, "as much data as the shape says", "less");
    size *= extent;
  }
  if (bytes.size() - start - length != size) {
    fail(file, std::to_string(size) + " bytes of data", std::to_string(bytes.size() - start - length));
  }
  torch::Tensor tensor = at::empty(shape, known->second);
  if (size > 0) std::memcpy(tensor.mutable_data_ptr(), bytes.data() + start + length, size);
  return tensor;
}

std::string to_npy(const torch::Tensor& tensor) {
  const torch::Tensor data = tensor.detach().to(torch::kCPU).contiguous();
  const auto* known = std::find_if(std::begin(dtypes), std::end(dtypes),
                                   [&](const auto& d) { return d.second == data.scalar_type(); });
  if (known == std::end(dtypes)) fail("tensor", "a dtype that .npy has", c10::toString(data.scalar_type()));
  std::string header = "{'descr': '" + std::string(known->first) + "', 'fortran_order': False, 'shape': (";
  for (const std::int64_t extent : data.sizes()) header += std::to_string(extent) + ", ";
  header += "), }";
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  const auto length = static_cast<std::uint16_t>(header.size());
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes.append(reinterpret_cast<const char*>(&length), 2);
  bytes += header;
  if (data.nbytes() > 0) bytes.append(static_cast<const char*>(data.const_data_ptr()), data.nbytes());
  return bytes;
}

void write_npy(const std::filesystem::path& file, const torch::Tensor& tensor) {
  detail::write_file(file, to_npy(tensor));
}

}  // namespace assay
