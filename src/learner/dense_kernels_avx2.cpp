// SPDX-License-Identifier: Apache-2.0
#define ASSAY_ISA dense_avx2
#define ASSAY_VECTOR_BYTES 32
#define ASSAY_TILE_ROWS 6
#include "dense_kernels_body.hpp"
