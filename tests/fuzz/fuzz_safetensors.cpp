// SPDX-License-Identifier: Apache-2.0
// The bytes of a safetensors file. What is accepted must come back the same from its own encoding.
#include "fuzz.hpp"

#include <assay/data/safetensors.hpp>

#include <cstring>
#include <span>

namespace {

fuzz::Tally tally("fuzz_safetensors");

std::string_view data_of(const torch::Tensor& tensor) {
  return {static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes()};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tally.count("runs");
  assay::Values tensors;
  std::map<std::string, std::string> metadata;
  const bool read = fuzz::accepts(
      [&] { tensors = assay::from_safetensors(std::as_bytes(std::span(data, size)), "input", &metadata); });
  if (!read) return 0;
  tally.count(tensors.empty() ? "accepted empty" : "accepted");
  const std::string bytes = assay::to_safetensors(tensors, metadata);
  std::map<std::string, std::string> again;
  const assay::Values back = assay::from_safetensors(std::as_bytes(std::span(bytes)), "encoded again", &again);
  fuzz::require(metadata == again, "the metadata come back");
  fuzz::require(back.size() == tensors.size(), "as many tensors come back");
  for (const auto& [name, tensor] : tensors) {
    const torch::Tensor& other = back.at(name);
    fuzz::require(other.scalar_type() == tensor.scalar_type() && other.sizes() == tensor.sizes() &&
                      data_of(other) == data_of(tensor),
                  "every tensor comes back as it was");
  }
  return 0;
}

/// Mutates the header as JSON and puts its length right; in a third of the cases makes it a file that is accepted.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  std::uint64_t length = 0;
  if (size >= 8) std::memcpy(&length, data, 8);
  if (seed % 4 == 0 || size < 8 || length > size - 8) return LLVMFuzzerMutate(data, size, most);
  const std::string_view bytes = fuzz::text_of(data, size), rest = bytes.substr(8 + length);
  const std::string header = fuzz::mutate_json(bytes.substr(8, length), seed / 4);
  std::string file = fuzz::safetensors_of(header, rest);
  if (seed % 4 != 1) {
    length = header.size();
    file.assign(reinterpret_cast<const char*>(&length), 8);
    file += header;
    file += rest;
  }
  if (file.size() > most) return LLVMFuzzerMutate(data, size, most);
  std::memcpy(data, file.data(), file.size());
  return file.size();
}
