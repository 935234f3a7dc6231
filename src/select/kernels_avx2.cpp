// SPDX-License-Identifier: Apache-2.0
#define ASSAY_ISA avx2
#include "kernels_body.hpp"
