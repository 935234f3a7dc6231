// SPDX-License-Identifier: Apache-2.0
// What counts as constant, in any unit.
#include "support/catch.hpp"
#include "support/column.hpp"

#include <assay/learner/scaler.hpp>

#include <ATen/ops/cat.h>

using namespace assay;

TEST_CASE("columns of any unit are standardised to a deviation of one", "[learner]") {
  for (const double unit : {1e-100, 1e-30, 1e-6, 1.0, 1e6, 1e30, 1e100}) {
    INFO(unit);
    const torch::Tensor data = column({-3 * unit, -unit, unit, 3 * unit});
    const Standardizer standard = Standardizer::fit(data);
    CHECK(standard.scale.item<double>() == Approx(2.23606797749979 * unit));
    CHECK(torch::allclose(standard.apply(data).flatten() * 2.23606797749979, column({-3, -1, 1, 3}).flatten()));
    CHECK(torch::allclose(standard.invert(standard.apply(data)), data));
  }
}

TEST_CASE("a column is constant if its numbers differ by roundings of their mean, and not by its size", "[learner]") {
  for (const double value : {0.1, -0.1, 1e-30, 7e25}) {
    INFO(value);
    // Their mean is rounded: the deviation is some 1e-17 of it.
    const torch::Tensor same = torch::full({10, 1}, value, torch::kFloat64);
    CHECK(spread(same).item<double>() == 0);
    const Standardizer standard = Standardizer::fit(same);
    CHECK(standard.scale.item<double>() == 1);
    CHECK(standard.apply(same).abs().max().item<double>() <= 1e-15 * std::abs(value));
  }
  CHECK(Standardizer::fit(column({0, 0, 0})).scale.item<double>() == 1);
  // A small change of a large number is a change.
  CHECK(Standardizer::fit(column({1e6 - 1e-3, 1e6 + 1e-3})).scale.item<double>() == Approx(1e-3).epsilon(1e-6));
  CHECK(spread(column({5})).item<double>() == 0);  // one row
}

TEST_CASE("each column has its own mean and deviation, those of the whole population", "[learner]") {
  const torch::Tensor data = torch::cat({column({1, 3}), column({10, 10}), column({-4, 4})}, 1);
  const Standardizer standard = Standardizer::fit(data);
  CHECK(torch::equal(standard.mean, torch::tensor({2.0, 10.0, 0.0}, torch::kFloat64)));
  CHECK(torch::equal(standard.scale, torch::tensor({1.0, 1.0, 4.0}, torch::kFloat64)));
  CHECK(torch::equal(spread(data), torch::tensor({1.0, 0.0, 4.0}, torch::kFloat64)));
}
