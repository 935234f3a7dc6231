// SPDX-License-Identifier: Apache-2.0
// Sketched gradient features of 100,000 candidates (network 512-512, sketch 512) against what they cannot do without: a
// forward pass and the sketch's matrix products. Prints one JSON object: medians of seconds, and their ratio.
#include "median.hpp"

#include <assay/data/random.hpp>
#include <assay/json.hpp>
#include <assay/learner/mlp.hpp>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/randn.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <utility>
#include <vector>

namespace {

constexpr std::int64_t block_rows = 8192;  // what a learner is asked about at once
constexpr std::int64_t width = 512, sketch = 512, inputs = 16;

template <class Work>
double median_seconds(int runs, Work work) {
  std::vector<double> seconds;
  for (int run = 0; run < runs; ++run) {
    const auto start = std::chrono::steady_clock::now();
    work();
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return bench::median(std::move(seconds));
}

}  // namespace

int main(int argc, char** argv) {
  const at::NoGradGuard no_gradients;
  const std::int64_t candidates = argc > 1 ? std::atoll(argv[1]) : 100'000;
  const int runs = argc > 2 ? std::atoi(argv[2]) : 5;
  assay::Mlp learner({.inputs = {"x"}, .targets = {"y"}, .hidden = {width, width}});
  const torch::Tensor x = at::randn({candidates, inputs}, torch::kFloat64);
  const assay::Values samples{{"x", x}, {"y", x.select(1, 0)}};
  learner.fit_scaling(samples, false);
  learner.reset(1);
  const auto blocks = [&](const auto& use) {
    for (std::int64_t first = 0; first < candidates; first += block_rows) {
      use(assay::Values{{"x", x.narrow(0, first, std::min(block_rows, candidates - first))}});
    }
  };
  // The factors that are projected: each layer's input with a one, and the gradient of its result.
  std::vector<torch::Tensor> factors;
  for (const std::int64_t columns : {inputs + 1, width, width + 1, width, width + 1}) {
    factors.push_back(at::randn({block_rows, columns}));
  }
  std::vector<torch::Tensor> signs;
  for (const torch::Tensor& factor : factors) signs.push_back(at::randn({factor.size(1), sketch}));
  const double forward = median_seconds(runs, [&] { blocks([&](const assay::Values& v) { learner.predict(v); }); });
  const double products = median_seconds(runs, [&] {
    blocks([&](const assay::Values& v) {
      for (std::size_t i = 0; i < factors.size(); ++i) {
        at::mm(factors[i].narrow(0, 0, v["x"].size(0)), signs[i]);
      }
    });
  });
  const double features = median_seconds(
      runs, [&] { blocks([&](const assay::Values& v) { learner.gradient_features(v, {.sketch = sketch}); }); });
  std::cout << assay::Json{{"candidates", candidates},
                           {"forward", forward},
                           {"products", products},
                           {"features", features},
                           {"ratio", features / (forward + products)}}
                   .dump()
            << '\n';
}
