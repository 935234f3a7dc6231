// SPDX-License-Identifier: Apache-2.0
#define ASSAY_ISA generic
#include "kernels_body.hpp"
