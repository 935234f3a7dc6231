// SPDX-License-Identifier: Apache-2.0
// The training that the moons campaign does, as a LibTorch user would write it by hand: the same net, 70 trainings of
// 30 epochs on 50 to 740 points, shuffled and gathered in batches of 16, plain SGD. Prints one JSON object.
#include <ATen/Parallel.h>
#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/optim/sgd.h>
#include <torch/types.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>

int main() {
  at::set_num_threads(1);
  torch::manual_seed(0);
  const torch::Tensor x = torch::randn({1000, 2});
  const torch::Tensor y = (x.select(1, 0) > x.select(1, 1)).to(torch::kLong);
  torch::nn::Sequential net(torch::nn::Linear(2, 16), torch::nn::SiLU(), torch::nn::Linear(16, 2));
  std::int64_t batches = 0;
  double loss_sum = 0;
  const auto began = std::chrono::steady_clock::now();
  for (int round = 0; round < 70; ++round) {
    const std::int64_t labeled = 50 + 10 * round;
    torch::optim::SGD optimizer(net->parameters(), round == 0 ? 0.01 : 0.005);
    for (int epoch = 0; epoch < 30; ++epoch) {
      const torch::Tensor order = torch::randperm(labeled);
      for (std::int64_t first = 0; first < labeled; first += 16) {
        const torch::Tensor rows = order.slice(0, first, std::min<std::int64_t>(first + 16, labeled));
        optimizer.zero_grad();
        const torch::Tensor loss = torch::nn::functional::cross_entropy(net->forward(x.index_select(0, rows)),
                                                                        y.index_select(0, rows));
        loss.backward();
        optimizer.step();
        loss_sum += loss.item<double>();
        ++batches;
      }
    }
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  std::printf("{\"seconds\": %.4f, \"batches\": %lld, \"mean_loss\": %.4f}\n", seconds, static_cast<long long>(batches),
              loss_sum / static_cast<double>(batches));
}
