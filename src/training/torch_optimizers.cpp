// SPDX-License-Identifier: Apache-2.0
#include <assay/training/torch_optimizer.hpp>

namespace assay {

void add_torch_optimizers(Registry<AnyOptimizer>& registry) {
  add_torch_optimizer<torch::optim::RMSprop>(registry, "gradients scaled by a running mean of their squares");
  add_torch_optimizer<torch::optim::Adagrad>(registry, "gradients scaled by the sum of all their squares");
}

}  // namespace assay
