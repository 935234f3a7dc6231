// SPDX-License-Identifier: Apache-2.0
// The bytes of a .npy file. What is accepted must come back the same from its own encoding.
#include "fuzz.hpp"

#include <assay/data/npy.hpp>

#include <cstring>

namespace {

fuzz::Tally tally("fuzz_npy");

std::string_view data_of(const torch::Tensor& tensor) {
  return {static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes()};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tally.count("runs");
  torch::Tensor tensor;
  if (!fuzz::accepts([&] { tensor = assay::from_npy(fuzz::text_of(data, size), "input"); })) return 0;
  tally.count(tensor.numel() == 0 ? "accepted empty" : "accepted");
  const torch::Tensor back = assay::from_npy(assay::to_npy(tensor), "encoded again");
  fuzz::require(back.scalar_type() == tensor.scalar_type() && back.sizes() == tensor.sizes() &&
                    data_of(back) == data_of(tensor.contiguous()),
                "an array comes back as it was");
  return 0;
}

/// Mutates the header or the data alone, and in three of four cases puts the header's length right.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  constexpr std::size_t start = 10;
  std::uint16_t length = 0;
  if (size >= start) std::memcpy(&length, data + 8, 2);
  if (seed % 4 == 0 || size < start || data[6] != 1 || length > size - start) return LLVMFuzzerMutate(data, size, most);
  std::string header(fuzz::text_of(data + start, length)), rest(fuzz::text_of(data, size).substr(start + length));
  std::string& part = seed % 4 == 1 ? rest : header;
  const std::size_t room = part.size() + 64;
  const std::size_t before = part.size();
  part.resize(room);
  part.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(part.data()), before, room));
  const auto now = static_cast<std::uint16_t>(header.size());
  std::string file(fuzz::text_of(data, 8));
  file.append(reinterpret_cast<const char*>(&now), 2);
  file += header + rest;
  if (file.size() > most || header.size() > 65535) return LLVMFuzzerMutate(data, size, most);
  std::memcpy(data, file.data(), file.size());
  return file.size();
}
