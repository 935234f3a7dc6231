// SPDX-License-Identifier: Apache-2.0
// The nets and data of the training benchmarks.
#pragma once

#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include <cstdint>
#include <string>
#include <vector>

namespace bench {

struct Net {
  std::int64_t inputs, width, batch, samples, epochs;
  std::string name() const {
    return std::to_string(inputs) + "-" + std::to_string(width) + "-" + std::to_string(width) + "-1 batch " +
           std::to_string(batch);
  }
  std::int64_t batches() const { return samples / batch; }
};

inline std::vector<Net> nets(std::int64_t more_epochs = 1) {
  std::vector<Net> nets{{8, 64, 32, 2048, 50}, {8, 256, 256, 4096, 10}, {16, 512, 1024, 8192, 3}};
  for (Net& net : nets) net.epochs *= more_epochs;
  return nets;
}

struct Data {
  torch::Tensor x, y;
  explicit Data(const Net& net) : x(torch::randn({net.samples, net.inputs})), y(x.sin().sum(1, true)) {}
};

inline torch::nn::Sequential make_module(const Net& net) {
  using torch::nn::Linear, torch::nn::SiLU;
  return torch::nn::Sequential(Linear(net.inputs, net.width), SiLU(), Linear(net.width, net.width), SiLU(),
                               Linear(net.width, 1));
}

}  // namespace bench
