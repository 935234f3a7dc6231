// SPDX-License-Identifier: Apache-2.0
#define ASSAY_ISA avx512
#include "kernels_body.hpp"
