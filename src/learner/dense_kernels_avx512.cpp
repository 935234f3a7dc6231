// SPDX-License-Identifier: Apache-2.0
#define ASSAY_ISA dense_avx512
#define ASSAY_VECTOR_BYTES 64
#define ASSAY_TILE_ROWS 8
#include "dense_kernels_body.hpp"
