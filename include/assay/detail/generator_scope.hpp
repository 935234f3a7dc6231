// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace assay::detail {

/// Borrows LibTorch's default generator of a device, for code that draws from it (dropout, module constructors), and
/// gives it back as it was.
class GeneratorScope {
 public:
  explicit GeneratorScope(torch::Device device);
  GeneratorScope(const GeneratorScope&) = delete;
  GeneratorScope& operator=(const GeneratorScope&) = delete;
  ~GeneratorScope();

  /// Starts the generator anew. The CPU generator uses the low 32 bits of a seed alone.
  void seed(std::uint64_t seed);

 private:
  at::Generator generator_;
  torch::Tensor state_;
};

/// A generator of its own on the CPU, started from `seed`.
at::Generator make_generator(std::uint64_t seed);

}  // namespace assay::detail
