// SPDX-License-Identifier: Apache-2.0
#include "safetensors_dtypes.hpp"
#include "safetensors_header.hpp"

#include <assay/data/safetensors.hpp>
#include <assay/detail/files.hpp>
#include <assay/detail/mapped_file.hpp>
#include <assay/error.hpp>
#include <assay/json.hpp>

#include <ATen/ops/empty.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>
#include <utility>

namespace assay {

static_assert(std::endian::native == std::endian::little, "assay: safetensors data is little-endian");

namespace {

constexpr std::pair<const char*, torch::Dtype> dtypes[] = {
    {"F64", torch::kFloat64}, {"F32", torch::kFloat32}, {"F16", torch::kFloat16}, {"BF16", torch::kBFloat16},
    {"I64", torch::kInt64},   {"I32", torch::kInt32},   {"I16", torch::kInt16},   {"I8", torch::kInt8},
    {"U8", torch::kUInt8},    {"BOOL", torch::kBool}};

const char* dtype_of(const NamedTensor& entry) {
  if (const char* name = detail::safetensors_dtype(entry.tensor.scalar_type())) return name;
  throw DataError({.id = "assay.values.dtype",
                   .where = "'" + entry.name + "'",
                   .expected = "a floating-point, integer or boolean tensor",
                   .got = c10::toString(entry.tensor.scalar_type()),
                   .advice = "convert it; a complex tensor goes as torch::view_as_real"});
}

}  // namespace

const char* detail::safetensors_dtype(torch::Dtype dtype) {
  const auto* const found = std::find_if(std::begin(dtypes), std::end(dtypes),
                                         [&](const auto& pair) { return pair.second == dtype; });
  return found == std::end(dtypes) ? nullptr : found->first;
}

torch::Dtype detail::dtype_of_safetensors(std::string_view name) {
  return std::find_if(std::begin(dtypes), std::end(dtypes), [&](const auto& pair) { return pair.first == name; })
      ->second;
}

std::string to_safetensors(const Values& tensors, const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::vector<torch::Tensor> data;
  std::uint64_t offset = 0;
  for (const NamedTensor& entry : tensors) {
    const bool at_hand = entry.tensor.is_cpu() && entry.tensor.is_contiguous();
    const torch::Tensor tensor = at_hand ? entry.tensor : entry.tensor.detach().to(torch::kCPU).contiguous();
    const std::uint64_t end = offset + tensor.nbytes();
    header[entry.name] = {{"dtype", dtype_of(entry)}, {"shape", tensor.sizes().vec()}, {"data_offsets", {offset, end}}};
    data.push_back(tensor);
    offset = end;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  if (text.size() > detail::longest_safetensors_header) {  // no reader would take it
    throw DataError({"assay.values.header", "safetensors header",
                     "at most " + std::to_string(detail::longest_safetensors_header) + " bytes of names and texts",
                     std::to_string(text.size()), "write fewer tensors or texts into one file"});
  }
  std::string bytes(8, '\0');
  const std::uint64_t length = text.size();
  std::memcpy(bytes.data(), &length, 8);
  bytes.reserve(8 + text.size() + offset);
  bytes += text;
  for (const torch::Tensor& tensor : data)
    bytes.append(static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes());
  return bytes;
}

Values from_safetensors(std::span<const std::byte> bytes, std::string_view where,
                        std::map<std::string, std::string>* metadata) {
  detail::SafetensorsHeader header = detail::read_safetensors_header(bytes, where);
  Values tensors;
  for (const detail::SafetensorsEntry& entry : header.entries) {
    torch::Tensor tensor = at::empty(entry.shape, detail::dtype_of_safetensors(entry.dtype));
    if (tensor.nbytes() > 0) {
      std::memcpy(tensor.mutable_data_ptr(), bytes.data() + header.data_start + entry.begin, tensor.nbytes());
    }
    tensors.set(entry.name, std::move(tensor));
  }
  if (metadata) *metadata = std::move(header.metadata);
  return tensors;
}

void write_safetensors(const std::filesystem::path& file, const Values& tensors,
                       const std::map<std::string, std::string>& metadata) {
  detail::write_file(file, to_safetensors(tensors, metadata));
}

Values read_safetensors(const std::filesystem::path& file) {
  const detail::MappedFile mapped(file);
  return from_safetensors(mapped.bytes(), file.string());
}

}  // namespace assay
