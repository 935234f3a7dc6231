// SPDX-License-Identifier: Apache-2.0
#include "tensors.hpp"

#include <assay/detail/files.hpp>
#include <assay/error.hpp>

#include <cstring>
#include <span>
#include <utility>

namespace assay::detail {

void refuse_surrogate(const std::string& where, std::string expected, std::string got) {
  throw CheckpointError({"assay.surrogate.file", where, std::move(expected), std::move(got), ""});
}

SurrogateTensors::SurrogateTensors(const std::filesystem::path& file) : file_(file.string()), bytes_(read_file(file)) {
  SafetensorsHeader header = read_safetensors_header(std::as_bytes(std::span(bytes_)), file_);
  start_ = header.data_start;
  for (SafetensorsEntry& entry : header.entries) entries_.emplace(entry.name, std::move(entry));
}

const SafetensorsEntry& SurrogateTensors::entry(const std::string& name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) refuse_surrogate(file_, "a tensor '" + name + "'", "none");
  return found->second;
}

template <class T>
std::vector<T> SurrogateTensors::read(const std::string& name, std::int64_t count) const {
  const SafetensorsEntry& found = entry(name);
  const char* dtype = sizeof(T) == sizeof(float) ? "F32" : "F64";
  if (found.dtype != dtype || found.end - found.begin != static_cast<std::uint64_t>(count) * sizeof(T))
    refuse_surrogate(file_ + ", '" + name + "'", std::to_string(count) + " numbers, " + dtype, "others");
  std::vector<T> numbers(static_cast<std::size_t>(count));
  std::memcpy(numbers.data(), bytes_.data() + start_ + found.begin, numbers.size() * sizeof(T));
  return numbers;
}

template std::vector<float> SurrogateTensors::read<float>(const std::string&, std::int64_t) const;
template std::vector<double> SurrogateTensors::read<double>(const std::string&, std::int64_t) const;

}  // namespace assay::detail
