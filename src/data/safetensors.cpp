// SPDX-License-Identifier: Apache-2.0
#include <assay/data/safetensors.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>
#include <assay/json.hpp>

#include <ATen/ops/empty.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace assay {

static_assert(std::endian::native == std::endian::little, "assay: safetensors data is little-endian");

namespace {

constexpr std::pair<const char*, torch::Dtype> dtypes[] = {
    {"F64", torch::kFloat64}, {"F32", torch::kFloat32}, {"F16", torch::kFloat16}, {"BF16", torch::kBFloat16},
    {"I64", torch::kInt64},   {"I32", torch::kInt32},   {"I16", torch::kInt16},   {"I8", torch::kInt8},
    {"U8", torch::kUInt8},    {"BOOL", torch::kBool}};

[[noreturn]] void fail(std::string_view where, std::string expected, std::string got) {
  throw CheckpointError({.id = "assay.safetensors",
                         .where = std::string(where),
                         .expected = std::move(expected),
                         .got = std::move(got),
                         .advice = "the file is damaged, or is no safetensors file"});
}

const char* name_of(const NamedTensor& entry) {
  for (const auto& [name, dtype] : dtypes) {
    if (dtype == entry.tensor.scalar_type()) return name;
  }
  throw DataError({.id = "assay.values.dtype",
                   .where = "'" + entry.name + "'",
                   .expected = "a floating-point, integer or boolean tensor",
                   .got = c10::toString(entry.tensor.scalar_type()),
                   .advice = "convert it; a complex tensor goes as torch::view_as_real"});
}

struct Entry {
  std::string name;
  torch::Dtype dtype = torch::kFloat64;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;
};

Entry entry_from(const std::string& name, const Json& json, std::uint64_t size, std::string_view where) {
  Entry entry{.name = name};
  const Json& shape = json.at("shape");
  const Json& offsets = json.at("data_offsets");
  const auto known = std::find_if(std::begin(dtypes), std::end(dtypes),
                                  [&](const auto& pair) { return json.at("dtype") == pair.first; });
  if (known == std::end(dtypes)) fail(where, "a known dtype for '" + name + "'", json.at("dtype").dump());
  entry.dtype = known->second;
  std::uint64_t bytes = c10::elementSize(entry.dtype);
  for (const Json& extent : shape) {
    if (!extent.is_number_unsigned()) fail(where, "extents >= 0 for '" + name + "'", shape.dump());
    const auto n = extent.get<std::uint64_t>();
    if (n != 0 && bytes > size / n && bytes != 0) fail(where, "'" + name + "' to fit the file", shape.dump());
    bytes *= n;
    entry.shape.push_back(static_cast<std::int64_t>(n));
  }
  if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
      !offsets[1].is_number_unsigned()) {
    fail(where, "two data offsets for '" + name + "'", offsets.dump());
  }
  entry.begin = offsets[0].get<std::uint64_t>();
  entry.end = offsets[1].get<std::uint64_t>();
  if (entry.begin > entry.end || entry.end > size || entry.end - entry.begin != bytes) {
    fail(where, std::to_string(bytes) + " bytes of data for '" + name + "' inside the file", offsets.dump());
  }
  return entry;
}

}  // namespace

std::string to_safetensors(const Values& tensors, const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::vector<torch::Tensor> data;
  std::uint64_t offset = 0;
  for (const NamedTensor& entry : tensors) {
    const torch::Tensor tensor = entry.tensor.detach().to(torch::kCPU).contiguous();
    const std::uint64_t end = offset + tensor.nbytes();
    header[entry.name] = {{"dtype", name_of(entry)}, {"shape", tensor.sizes().vec()}, {"data_offsets", {offset, end}}};
    data.push_back(tensor);
    offset = end;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  std::string bytes(8, '\0');
  const std::uint64_t length = text.size();
  std::memcpy(bytes.data(), &length, 8);
  bytes.reserve(8 + text.size() + offset);
  bytes += text;
  for (const torch::Tensor& tensor : data)
    bytes.append(static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes());
  return bytes;
}

Values from_safetensors(std::span<const std::byte> bytes, std::string_view where) {
  constexpr std::uint64_t longest_header = 100'000'000;
  if (bytes.size() < 8) fail(where, "at least 8 bytes", std::to_string(bytes.size()));
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  if (length > longest_header || length > bytes.size() - 8) {
    fail(where, "a header inside the file", "one of " + std::to_string(length) + " bytes");
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + 8, length);
  const std::span<const std::byte> data = bytes.subspan(8 + length);
  std::vector<Entry> entries;
  try {
    const Json header = parse_json(text, where);
    if (!header.is_object()) fail(where, "an object as header", header.type_name());
    for (const auto& item : header.items()) {
      if (item.key() != "__metadata__") entries.push_back(entry_from(item.key(), item.value(), data.size(), where));
    }
  } catch (const Json::exception& error) {
    fail(where, "a safetensors header", error.what());
  } catch (const ConfigError& error) {
    fail(where, "a safetensors header", error.what());
  }
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.begin < b.begin; });
  Values tensors;
  std::uint64_t offset = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != offset) fail(where, "data without gaps or overlaps", "'" + entry.name + "' out of place");
    offset = entry.end;
    torch::Tensor tensor = at::empty(entry.shape, entry.dtype);
    if (tensor.nbytes() > 0) std::memcpy(tensor.mutable_data_ptr(), data.data() + entry.begin, tensor.nbytes());
    tensors.set(entry.name, std::move(tensor));
  }
  if (offset != data.size()) fail(where, std::to_string(offset) + " bytes of data", std::to_string(data.size()));
  return tensors;
}

void write_safetensors(const std::filesystem::path& file, const Values& tensors,
                       const std::map<std::string, std::string>& metadata) {
  detail::write_file(file, to_safetensors(tensors, metadata));
}

Values read_safetensors(const std::filesystem::path& file) {
  const std::string bytes = detail::read_file(file);
  return from_safetensors(std::as_bytes(std::span(bytes)), file.string());
}

}  // namespace assay
