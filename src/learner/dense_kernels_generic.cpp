// SPDX-License-Identifier: Apache-2.0
#define ASSAY_ISA dense_generic
#define ASSAY_VECTOR_BYTES 16
#define ASSAY_TILE_ROWS 4
#include "dense_kernels_body.hpp"
