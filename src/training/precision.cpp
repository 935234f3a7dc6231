// SPDX-License-Identifier: Apache-2.0
#include "precision.hpp"

#include <ATen/Context.h>
#include <ATen/autocast_mode.h>

namespace assay::detail {

Bf16Scope::Bf16Scope(c10::DeviceType device)
    : device_(device),
      enabled_(at::autocast::is_autocast_enabled(device)),
      cached_(at::autocast::is_autocast_cache_enabled()),
      dtype_(at::autocast::get_autocast_dtype(device)) {
  at::autocast::set_autocast_enabled(device, true);
  at::autocast::set_autocast_dtype(device, at::kBFloat16);
  at::autocast::set_autocast_cache_enabled(false);
}

Bf16Scope::~Bf16Scope() {
  at::autocast::set_autocast_enabled(device_, enabled_);
  at::autocast::set_autocast_dtype(device_, dtype_);
  at::autocast::set_autocast_cache_enabled(cached_);
}

Tf32Scope::Tf32Scope(bool allowed) : before_(at::globalContext().allowTF32CuBLAS()) {
  if (allowed != before_) at::globalContext().setAllowTF32CuBLAS(allowed);
}

Tf32Scope::~Tf32Scope() {
  if (at::globalContext().allowTF32CuBLAS() != before_) at::globalContext().setAllowTF32CuBLAS(before_);
}

}  // namespace assay::detail
