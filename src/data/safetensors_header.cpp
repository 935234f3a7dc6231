// SPDX-License-Identifier: Apache-2.0
#include "safetensors_header.hpp"

#include "../detail/brief.hpp"

#include <assay/error.hpp>
#include <assay/json.hpp>

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

namespace assay::detail {

namespace {

constexpr std::pair<const char*, std::uint64_t> dtype_bytes[] = {{"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2},
                                                                 {"I64", 8}, {"I32", 4}, {"I16", 2}, {"I8", 1},
                                                                 {"U8", 1},  {"BOOL", 1}};

constexpr std::size_t most_dimensions = 64;

[[noreturn]] void header_refused(std::string_view where, std::string expected, std::string got) {
  throw CheckpointError({.id = "assay.safetensors",
                         .where = std::string(where),
                         .expected = std::move(expected),
                         .got = std::move(got),
                         .advice = "the file is damaged, or is no safetensors file"});
}

SafetensorsEntry entry_from(const std::string& name, const Json& json, std::uint64_t size, std::string_view where) {
  const std::string called = "'" + brief(name) + "'";
  SafetensorsEntry entry{.name = name, .dtype = {}, .shape = {}};
  const Json& shape = json.at("shape");
  const Json& offsets = json.at("data_offsets");
  const auto known = std::find_if(std::begin(dtype_bytes), std::end(dtype_bytes),
                                  [&](const auto& pair) { return json.at("dtype") == pair.first; });
  if (known == std::end(dtype_bytes))
    header_refused(where, "a known dtype for " + called, brief(json.at("dtype").dump()));
  entry.dtype = known->first;
  if (!shape.is_array() || shape.size() > most_dimensions) {
    header_refused(where, "a shape of at most " + std::to_string(most_dimensions) + " dimensions for " + called,
                   brief(shape.dump()));
  }
  // Extents beside a zero count too: strides are made of them.
  std::uint64_t bytes = known->second, product = 1;
  for (const Json& extent : shape) {
    if (!extent.is_number_unsigned()) header_refused(where, "extents >= 0 for " + called, brief(shape.dump()));
    const auto n = extent.get<std::uint64_t>();
    if (n > 0 && product > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / 8 / n) {
      header_refused(where, called + " to fit the file", brief(shape.dump()));
    }
    product *= std::max<std::uint64_t>(n, 1);
    if (n == 0) bytes = 0;
    entry.shape.push_back(static_cast<std::int64_t>(n));
  }
  bytes *= product;
  if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
      !offsets[1].is_number_unsigned()) {
    header_refused(where, "two data offsets for " + called, brief(offsets.dump()));
  }
  entry.begin = offsets[0].get<std::uint64_t>();
  entry.end = offsets[1].get<std::uint64_t>();
  if (entry.begin > entry.end || entry.end > size || entry.end - entry.begin != bytes) {
    header_refused(where, std::to_string(bytes) + " bytes of data for " + called + " inside the file",
                   brief(offsets.dump()));
  }
  return entry;
}

}  // namespace

SafetensorsHeader read_safetensors_header(std::span<const std::byte> bytes, std::string_view where) {
  if (bytes.size() < 8) header_refused(where, "at least 8 bytes", std::to_string(bytes.size()));
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  if (length > longest_safetensors_header || length > bytes.size() - 8) {
    header_refused(where,
                   "a header inside the file, of at most " + std::to_string(longest_safetensors_header) + " bytes",
                   "one of " + std::to_string(length) + " bytes");
  }
  SafetensorsHeader header;
  header.data_start = 8 + length;
  const std::uint64_t size = bytes.size() - header.data_start;
  try {
    const Json json = parse_json({reinterpret_cast<const char*>(bytes.data()) + 8, length}, where);
    if (!json.is_object()) header_refused(where, "an object as header", json.type_name());
    for (const auto& item : json.items()) {
      if (item.key() == "__metadata__") {
        header.metadata = item.value().get<std::map<std::string, std::string>>();
      } else {
        header.entries.push_back(entry_from(item.key(), item.value(), size, where));
      }
    }
  } catch (const Json::exception& error) {
    header_refused(where, "a safetensors header", brief(error.what()));
  } catch (const ConfigError& error) {
    header_refused(where, "a safetensors header", brief(error.what()));
  }
  std::stable_sort(header.entries.begin(), header.entries.end(),
                   [](const auto& a, const auto& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
  std::uint64_t offset = 0;
  for (const SafetensorsEntry& entry : header.entries) {
    if (entry.begin != offset) {
      header_refused(where, "data without gaps or overlaps", "'" + brief(entry.name) + "' out of place");
    }
    offset = entry.end;
  }
  if (offset != size) header_refused(where, std::to_string(offset) + " bytes of data", std::to_string(size));
  return header;
}

}  // namespace assay::detail
