// SPDX-License-Identifier: Apache-2.0
#include "fuzz.hpp"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstring>

#include <sys/resource.h>

namespace fuzz {

using assay::Json;

Tally::Tally(const char* target) : target_(target) { at::set_num_threads(1); }

Tally::~Tally() {
  struct rusage usage {};
  ::getrusage(RUSAGE_SELF, &usage);
  std::fprintf(stderr, "%s:", target_);
  for (const auto& [what, count] : counts_) std::fprintf(stderr, " %s %lld,", what.c_str(), (long long)count);
  std::fprintf(stderr, " peak %ld MiB\n", usage.ru_maxrss / 1024);
}

std::vector<std::string_view> split(std::string_view input, std::size_t count) {
  std::vector<std::string_view> parts;
  while (parts.size() + 1 < count) {
    const std::size_t end = std::min(input.find('\0'), input.size());
    parts.push_back(input.substr(0, end));
    input.remove_prefix(std::min(end + 1, input.size()));
  }
  parts.push_back(input);
  return parts;
}

Json parse(std::string_view text) { return Json::parse(text, nullptr, /*allow_exceptions=*/false); }

namespace {

const std::map<std::string, std::uint64_t> sizes{{"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8},
                                                 {"I32", 4}, {"I16", 2}, {"I8", 1},  {"U8", 1},   {"BOOL", 1}};

/// Bytes of a declared tensor; more than anything for one that is not small.
std::uint64_t bytes_of(const Json& entry) {
  constexpr std::uint64_t much = std::uint64_t{1} << 40;
  if (!entry.is_object() || !entry.contains("dtype") || !entry.contains("shape")) return much;
  const Json &dtype = entry["dtype"], &shape = entry["shape"];
  if (!dtype.is_string() || !sizes.contains(dtype.get<std::string>()) || !shape.is_array() || shape.size() > 64)
    return much;
  std::uint64_t bytes = sizes.at(dtype.get<std::string>());
  for (const Json& extent : shape) {
    if (!extent.is_number_unsigned() || extent.get<std::uint64_t>() > 65536 || bytes > 65536) return much;
    bytes *= extent.get<std::uint64_t>();
  }
  return bytes;
}

}  // namespace

std::string safetensors_of(std::string_view declaration, std::string_view data,
                           const std::map<std::string, std::string>& metadata) {
  const Json declared = parse(declaration);
  Json header = Json::object();
  std::uint64_t end = 0;
  if (declared.is_object()) {
    for (const auto& [name, entry] : declared.items()) {
      const std::uint64_t bytes = bytes_of(entry);
      if (end + bytes > 65536) continue;
      header[name] = {{"dtype", entry["dtype"]}, {"shape", entry["shape"]}, {"data_offsets", {end, end + bytes}}};
      end += bytes;
    }
  }
  if (!metadata.empty()) header["__metadata__"] = metadata;
  const std::string text = header.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string file(8, '\0');
  const std::uint64_t length = text.size();
  std::memcpy(file.data(), &length, 8);
  file += text;
  for (std::uint64_t i = 0; i < end; ++i) file += data.empty() ? '\0' : data[i % data.size()];
  return file;
}

void lower(Json& json, const std::vector<std::string>& keys, std::int64_t most, double absurd) {
  if (!json.is_structured()) return;
  for (auto& [key, value] : json.items()) {
    if (value.is_structured()) {
      lower(value, keys, most, absurd);
    } else if (value.is_number() && value.get<double>() > static_cast<double>(most) && value.get<double>() <= absurd &&
               std::find(keys.begin(), keys.end(), key) != keys.end()) {
      value = most;
    }
  }
}

}  // namespace fuzz
