// SPDX-License-Identifier: Apache-2.0
// What the fuzz targets share. A target is one function, `LLVMFuzzerTestOneInput`: libFuzzer calls it with inputs that
// it invents, `replay_main.cpp` with files and, for some seconds, with what it makes of them.
#pragma once

#include <assay/data/values.hpp>
#include <assay/error.hpp>
#include <assay/json.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
/// Mutates bytes in place, up to `most` of them; libFuzzer's, or that of `replay_main.cpp`. \return how many there are.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace fuzz {

/// How many inputs a target saw, and how far they came; told at exit. A target that nothing gets through tests little.
class Tally {
 public:
  explicit Tally(const char* target);
  ~Tally();
  void count(const std::string& what) { ++counts_[what]; }

 private:
  const char* target_;
  std::map<std::string, std::int64_t> counts_;
};

/// Runs `body`, which may refuse its input by an `assay::Error`. Any other exception leaves the target: a finding.
template <class Body>
bool accepts(Body&& body) {
  try {
    body();
    return true;
  } catch (const assay::Error&) {
    return false;
  }
}

/// Ends the process with a message: a finding.
inline void require(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// The parts of an input, between NUL bytes; at least `count`, the last with all that is left.
std::vector<std::string_view> split(std::string_view input, std::size_t count);

/// JSON as nlohmann's parser takes it; a discarded value for what it does not take.
assay::Json parse(std::string_view text);

/// A safetensors file of those tensors in `declaration`, `{"name": {"dtype": "F32", "shape": [2, 3]}}`, that can be:
/// with the right offsets, up to 64 KiB, filled with `data` over and over.
std::string safetensors_of(std::string_view declaration, std::string_view data,
                           const std::map<std::string, std::string>& metadata = {});

/// Lowers every number under one of `keys`, at any depth, to `most`, unless it is over `absurd`: what a configuration
/// asks for in memory and time it gets, up to the limits of the library, which are looked at from above.
void lower(assay::Json& json, const std::vector<std::string>& keys, std::int64_t most, double absurd);

/// Mutates one of the `jsons` leading parts as JSON (another value, a part moved, dropped or doubled), or the bytes.
std::size_t mutate_parts(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed, std::size_t jsons,
                         std::size_t parts);
std::string mutate_json(std::string_view text, unsigned seed);

}  // namespace fuzz
