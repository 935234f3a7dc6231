// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/learner/module_learner.hpp>

#include <torch/nn/modules/linear.h>

#include <utility>

namespace toy {

/// A linear module, whose loss may be a test's own.
inline assay::ModuleLearner linear(assay::AnyModule::Loss loss = assay::mse_loss) {
  return assay::ModuleLearner(torch::nn::Linear(2, 1), {.inputs = {"a", "b"}, .targets = {"y"}}, std::move(loss));
}

}  // namespace toy
