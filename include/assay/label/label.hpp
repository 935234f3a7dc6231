// SPDX-License-Identifier: Apache-2.0
#pragma once

// All label strategies.
#include <assay/label/external_label.hpp>
#include <assay/label/function_label.hpp>
#include <assay/label/process_label.hpp>
