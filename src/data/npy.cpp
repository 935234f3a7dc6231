// SPDX-License-Identifier: Apache-2.0
#include "../detail/brief.hpp"
#include "npy_header.hpp"

#include <assay/data/npy.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>

#include <ATen/ops/empty.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace assay {

namespace {

constexpr std::pair<std::string_view, torch::Dtype> npy_dtypes[] = {
    {"<f8", torch::kFloat64}, {"<f4", torch::kFloat32}, {"<f2", torch::kFloat16},
    {"<i8", torch::kInt64},   {"<i4", torch::kInt32},   {"<i2", torch::kInt16},
    {"|i1", torch::kInt8},    {"|u1", torch::kUInt8},   {"|b1", torch::kBool}};

constexpr std::size_t most_dimensions = 64;
/// Of an array without elements: its other extents take no bytes that would bound them.
constexpr std::uint64_t largest_empty = std::uint64_t{1} << 48;

[[noreturn]] void malformed(const std::filesystem::path& file, std::string expected, std::string got) {
  throw DataError({"assay.npy", file.string(), std::move(expected), detail::brief(std::move(got)), ""});
}

/// See `data::read_npy_header`.
class HeaderReader {
 public:
  HeaderReader(std::string_view header, const std::filesystem::path& file)
      : header_(header), rest_(header), file_(file) {}

  void read() {
    expect('{');
    while (!take('}')) {
      const std::string_view key = text();
      expect(':');
      if (key == "descr" && !descr) {
        descr = text("little-endian numbers");
      } else if (key == "fortran_order" && !fortran_order) {
        fortran_order = truth();
      } else if (key == "shape" && !shape) {
        shape = extents();
      } else {
        malformed(file_, "'descr', 'fortran_order' and 'shape' in its header, each once", std::string(key));
      }
      if (!take(',')) {
        expect('}');
        break;
      }
    }
    skip_blanks();
    if (!rest_.empty()) miss("an end after '}'");
    if (!descr) miss("a dtype");
    if (!fortran_order || !shape) miss("a shape and its order");
  }

  std::optional<std::string_view> descr;
  std::optional<bool> fortran_order;
  std::optional<std::vector<std::int64_t>> shape;

 private:
  [[noreturn]] void miss(std::string expected) const { malformed(file_, std::move(expected), std::string(header_)); }

  void skip_blanks() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size())); }
  bool take(char wanted) {
    skip_blanks();
    if (!rest_.starts_with(wanted)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char wanted) {
    if (!take(wanted)) miss(std::string("a '") + wanted + "' in its header");
  }
  std::string_view text(const char* expected = "a text in its header") {
    skip_blanks();
    const char quote = rest_.empty() ? '\0' : rest_.front();
    const std::size_t end = quote == '\'' || quote == '"' ? rest_.find(quote, 1) : std::string_view::npos;
    if (end == std::string_view::npos) miss(expected);
    const std::string_view found = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    return found;
  }
  bool truth() {
    skip_blanks();
    for (const std::string_view word : {"True", "False"}) {
      if (!rest_.starts_with(word)) continue;
      rest_.remove_prefix(word.size());
      return word == "True";
    }
    miss("True or False for 'fortran_order'");
  }
  std::vector<std::int64_t> extents() {
    std::vector<std::int64_t> found;
    expect('(');
    while (!take(')')) {
      skip_blanks();
      std::int64_t extent = -1;
      const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), extent);
      if (error != std::errc() || extent < 0) miss("whole numbers in its shape");
      rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
      found.push_back(extent);
      if (found.size() > most_dimensions) miss("at most " + std::to_string(most_dimensions) + " dimensions");
      if (!take(',')) {
        expect(')');
        break;
      }
    }
    return found;
  }

  std::string_view header_, rest_;
  const std::filesystem::path& file_;
};

/// Bytes of an array. Errors: `DataError` if they are more than `most`, or more than can be counted.
std::uint64_t bytes_of(const std::vector<std::int64_t>& shape, std::uint64_t element, std::uint64_t most,
                       const std::filesystem::path& file) {
  const bool empty = std::find(shape.begin(), shape.end(), 0) != shape.end();
  std::uint64_t size = element;
  for (const std::int64_t extent : shape) {
    if (extent == 0) continue;
    if (size > (empty ? largest_empty : most) / static_cast<std::uint64_t>(extent))
      malformed(file, "as much data as the shape says", "less");
    size *= static_cast<std::uint64_t>(extent);
  }
  return empty ? 0 : size;
}

}  // namespace

data::NpyHeader data::read_npy_header(std::string_view header, const std::filesystem::path& file) {
  HeaderReader reader(header, file);
  reader.read();
  return {.descr = *reader.descr, .fortran_order = *reader.fortran_order, .shape = *std::move(reader.shape)};
}

torch::Tensor read_npy(const std::filesystem::path& file) { return from_npy(detail::read_file(file), file); }

torch::Tensor from_npy(std::string_view bytes, const std::filesystem::path& file) {
  if (bytes.size() < 12 || bytes.compare(0, 6, "\x93NUMPY") != 0 || bytes[6] < 1 || bytes[6] > 3)
    malformed(file, "a .npy file", "something else");
  const bool first_version = bytes[6] == 1;
  std::uint32_t length = 0;
  std::memcpy(&length, bytes.data() + 8, first_version ? 2 : 4);
  const std::size_t start = first_version ? 10 : 12;
  if (length > bytes.size() - start) malformed(file, "a whole header", "a file that ends inside it");
  const data::NpyHeader header = data::read_npy_header(bytes.substr(start, length), file);
  const auto* known = std::find_if(std::begin(npy_dtypes), std::end(npy_dtypes),
                                   [&](const auto& d) { return d.first == header.descr; });
  if (known == std::end(npy_dtypes))
    malformed(file, "little-endian numbers", "dtype '" + std::string(header.descr) + "'");
  if (header.fortran_order) malformed(file, "an array in C order", "one in Fortran order");
  const std::string_view numbers = bytes.substr(start + length);
  const std::uint64_t size = bytes_of(header.shape, c10::elementSize(known->second), numbers.size(), file);
  if (numbers.size() != size) malformed(file, std::to_string(size) + " bytes of data", std::to_string(numbers.size()));
  torch::Tensor tensor = at::empty(header.shape, known->second);
  if (size > 0) std::memcpy(tensor.mutable_data_ptr(), numbers.data(), size);
  return tensor;
}

std::string to_npy(const torch::Tensor& tensor) {
  const torch::Tensor data = tensor.detach().to(torch::kCPU).contiguous();
  const auto* known = std::find_if(std::begin(npy_dtypes), std::end(npy_dtypes),
                                   [&](const auto& d) { return d.second == data.scalar_type(); });
  if (known == std::end(npy_dtypes)) malformed("tensor", "a dtype that .npy has", c10::toString(data.scalar_type()));
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
