// SPDX-License-Identifier: Apache-2.0
#include <assay/detail/generator_scope.hpp>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>

#include <mutex>

namespace assay::detail {

GeneratorScope::GeneratorScope(torch::Device device) : generator_(at::globalContext().defaultGenerator(device)) {
  const std::scoped_lock lock(generator_.mutex());
  state_ = generator_.get_state();
}

GeneratorScope::~GeneratorScope() {
  const std::scoped_lock lock(generator_.mutex());
  generator_.set_state(state_);
}

void GeneratorScope::seed(std::uint64_t seed) {
  const std::scoped_lock lock(generator_.mutex());
  generator_.set_current_seed(seed);
}

at::Generator make_generator(std::uint64_t seed) { return at::detail::createCPUGenerator(seed); }

}  // namespace assay::detail
