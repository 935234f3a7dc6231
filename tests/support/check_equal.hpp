// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "catch.hpp"

#include <torch/types.h>

#include <cstdint>
#include <vector>

inline void check_equal(const torch::Tensor& values, const std::vector<double>& expected, double epsilon = 1e-9) {
  REQUIRE(values.numel() == static_cast<std::int64_t>(expected.size()));
  const torch::Tensor flat = values.flatten();
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CHECK(flat[static_cast<std::int64_t>(i)].item<double>() == Approx(expected[i]).epsilon(epsilon));
  }
}
