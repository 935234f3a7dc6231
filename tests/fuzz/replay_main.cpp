// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target without libFuzzer: over files (each argument is one, or a folder of them), then for some seconds
// over mutations of them: [--seconds S] [--seed N] FILE... An input that ends the program is left as a file.
#include "fuzz.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

namespace fs = std::filesystem;

extern "C" {
/// A target's own, where it has one.
__attribute__((weak)) std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most,
                                                          unsigned seed);
/// Of a sanitizer, where there is one.
__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());
}

namespace {

std::minstd_rand random_bytes;
std::vector<std::uint8_t> input;  ///< with room for mutations behind `input_size`
std::size_t input_size = 0;
std::string target = "fuzz";

void keep_input() {
  const std::string file = target + ".ended_it";
  std::ofstream(file, std::ios::binary)
      .write(reinterpret_cast<const char*>(input.data()), static_cast<std::streamsize>(input_size));
  std::fprintf(stderr, "the input is in %s\n", file.c_str());
}

void run() {
  try {
    LLVMFuzzerTestOneInput(input.data(), input_size);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "not an assay::Error: %s\n", error.what());
    keep_input();
    std::exit(1);
  }
}

void take(const std::string& bytes) {
  constexpr std::size_t room = 8192;
  input_size = bytes.size();
  input.resize(std::max(input_size, room));
  std::memcpy(input.data(), bytes.data(), input_size);
}

}  // namespace

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most) {
  const auto below = [](std::size_t limit) { return limit == 0 ? 0 : random_bytes() % limit; };
  const std::size_t at = below(size), count = std::min(1 + below(8), size - at);
  constexpr std::array<std::uint8_t, 8> special{0, 1, 0x7f, 0x80, 0xff, '"', '\n', ','};
  switch (size == 0 ? 3 : random_bytes() % 6) {
    case 0: data[at] ^= static_cast<std::uint8_t>(1u << below(8)); return size;
    case 1: data[at] = special[below(special.size())]; return size;
    case 2: data[at] = static_cast<std::uint8_t>(random_bytes()); return size;
    case 3:  // one more
      if (size >= most) return size;
      std::memmove(data + at + 1, data + at, size - at);
      data[at] = static_cast<std::uint8_t>(random_bytes());
      return size + 1;
    case 4:  // some less
      std::memmove(data + at, data + at + count, size - at - count);
      return size - count;
    default: std::memmove(data + below(size - count + 1), data + at, count); return size;
  }
}

int main(int argc, char** argv) {
  target = fs::path(argv[0]).filename();
  double seconds = 0;
  unsigned seed = std::random_device()();
  std::vector<std::string> inputs;
  const auto add = [&](const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  };
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--seconds" && i + 1 < argc) {
      seconds = std::atof(argv[++i]);
    } else if (argument == "--seed" && i + 1 < argc) {
      seed = static_cast<unsigned>(std::atoll(argv[++i]));
    } else if (fs::is_directory(argument)) {
      for (const auto& entry : fs::directory_iterator(argument)) add(entry.path());
    } else if (fs::exists(argument)) {
      add(argument);
    }
  }
  if (__sanitizer_set_death_callback) __sanitizer_set_death_callback(keep_input);
  for (const std::string& one : inputs) {
    take(one);
    run();
  }
  std::printf("%zu inputs\n", inputs.size());
  if (inputs.empty()) return 1;
  random_bytes.seed(seed);
  std::int64_t mutated = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  for (; std::chrono::steady_clock::now() < end; ++mutated) {
    take(inputs[random_bytes() % inputs.size()]);
    for (auto left = 1 + random_bytes() % 3; left > 0; --left) {
      const auto number = static_cast<unsigned>(random_bytes());
      input_size = LLVMFuzzerCustomMutator ? LLVMFuzzerCustomMutator(input.data(), input_size, input.size(), number)
                                           : LLVMFuzzerMutate(input.data(), input_size, input.size());
    }
    run();
  }
  if (seconds > 0) std::printf("%lld mutations, seed %u\n", static_cast<long long>(mutated), seed);
  return 0;
}
