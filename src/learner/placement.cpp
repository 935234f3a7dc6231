// SPDX-License-Identifier: Apache-2.0
#include "placement.hpp"

#include <ATen/Context.h>
#include <ATen/detail/CUDAHooksInterface.h>

namespace assay::detail {

torch::Device saved_device(const State& state) {
  const auto saved = state.json.find("device");
  if (saved == state.json.end()) return torch::kCPU;
  const torch::Device device(saved->get<std::string>());
  const bool here = device.is_cuda() && at::hasCUDA() && device.index() < at::detail::getCUDAHooks().deviceCount();
  return here ? device : torch::Device(torch::kCPU);
}

}  // namespace assay::detail
