// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/detail/utf8.hpp>
