// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

namespace assay::detail {

/// In words, that the process calls LibTorch's BLAS although a BLAS of the host's is loaded, and what to do; nothing
/// where all is well. LibTorch's MKL returns complex numbers otherwise than gfortran's callers expect: LAPACK's zheev
/// and zhegv crash then. Cost: once a look at the process's libraries.
std::optional<std::string> replaced_blas();

}  // namespace assay::detail
