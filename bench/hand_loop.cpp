// SPDX-License-Identifier: Apache-2.0
// The training that the moons campaign does, written by hand on LibTorch in three ways: the same net (2-16-1, SiLU),
// loss (binary cross-entropy with logits) and schedule (70 trainings of 30 epochs on 50 to 740 points, shuffled,
// gathered, in batches of 16, SGD), 52,770 batches each. Prints one JSON object; the fastest is what assay is measured
// against.
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_fused_sgd.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/silu.h>
#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/optim/sgd.h>
#include <torch/types.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <vector>

namespace {

constexpr std::int64_t batch_size = 16;

struct Data {
  torch::Tensor x = torch::randn({1000, 2});
  torch::Tensor y = (x.select(1, 0) > x.select(1, 1)).to(torch::kFloat).unsqueeze(1);
};

struct Result {
  double seconds = 0;
  std::int64_t batches = 0;
  double loss_sum = 0;
};

torch::nn::Sequential make_net() {
  torch::manual_seed(0);
  return torch::nn::Sequential(torch::nn::Linear(2, 16), torch::nn::SiLU(), torch::nn::Linear(16, 1));
}

/// Runs the campaign's trainings; `train(labeled, rate, result)` is one of them.
template <class Train>
Result campaign(int rounds, Train&& train) {
  Result result;
  const auto began = std::chrono::steady_clock::now();
  for (int round = 0; round < rounds; ++round) train(50 + 10 * round, round == 0 ? 0.01 : 0.005, result);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return result;
}

/// As the tutorials write it: a module, an optimizer of torch::optim, a gather for each batch.
Result with_modules(const Data& data, int rounds) {
  torch::nn::Sequential net = make_net();
  return campaign(rounds, [&](std::int64_t labeled, double rate, Result& result) {
    torch::optim::SGD optimizer(net->parameters(), rate);
    for (int epoch = 0; epoch < 30; ++epoch) {
      const torch::Tensor order = torch::randperm(labeled);
      for (std::int64_t first = 0; first < labeled; first += batch_size) {
        const torch::Tensor rows = order.slice(0, first, std::min(first + batch_size, labeled));
        optimizer.zero_grad();
        const torch::Tensor loss = torch::nn::functional::binary_cross_entropy_with_logits(
            net->forward(data.x.index_select(0, rows)), data.y.index_select(0, rows));
        loss.backward();
        optimizer.step();
        result.loss_sum += loss.item<double>();
        ++result.batches;
      }
    }
  });
}

/// By someone who counts operators: no modules, one gather an epoch, batches as views made once a training, gradients
/// taken over instead of zeroed and added to. `step(parameters, gradients, rate)` updates.
template <class Step>
Result by_operators(const Data& data, int rounds, Step&& step) {
  std::vector<torch::Tensor> p = make_net()->parameters();
  std::vector<torch::Tensor> gradients(p.size());
  return campaign(rounds, [&](std::int64_t labeled, double rate, Result& result) {
    torch::Tensor x = torch::empty({labeled, 2}), y = torch::empty({labeled, 1});
    const std::vector<torch::Tensor> xs = x.split(batch_size), ys = y.split(batch_size);
    for (int epoch = 0; epoch < 30; ++epoch) {
      const torch::Tensor order = torch::randperm(labeled);
      at::index_select_out(x, data.x, 0, order);
      at::index_select_out(y, data.y, 0, order);
      for (std::size_t i = 0; i < xs.size(); ++i) {
        const torch::Tensor logits = at::linear(at::silu(at::linear(xs[i], p[0], p[1])), p[2], p[3]);
        const torch::Tensor loss = at::binary_cross_entropy_with_logits(logits, ys[i]);
        loss.backward();
        {
          const at::NoGradGuard no_grad;
          for (std::size_t k = 0; k < p.size(); ++k) gradients[k] = p[k].grad();
          step(p, gradients, rate);
          for (std::size_t k = 0; k < p.size(); ++k) {
            gradients[k].reset();
            p[k].mutable_grad().reset();
          }
        }
        result.loss_sum += loss.item<double>();
        ++result.batches;
      }
    }
  });
}

Result fused(const Data& data, int rounds) {
  return by_operators(data, rounds, [](auto& parameters, auto& gradients, double rate) {
    at::_fused_sgd_(parameters, gradients, {}, /*weight_decay=*/0, /*momentum=*/0, rate, /*dampening=*/0,
                    /*nesterov=*/false, /*maximize=*/false, /*is_first_step=*/false);
  });
}

Result one_by_one(const Data& data, int rounds) {
  return by_operators(data, rounds, [](auto& parameters, auto& gradients, double rate) {
    for (std::size_t k = 0; k < parameters.size(); ++k) parameters[k].sub_(gradients[k], rate);
  });
}

}  // namespace

int main() {
  at::set_num_threads(1);
  torch::manual_seed(0);
  const Data data;
  for (const auto& way : {with_modules, fused, one_by_one}) way(data, 2);  // whatever is done once
  const Result modules = with_modules(data, 70), with_fused = fused(data, 70), single = one_by_one(data, 70);
  for (const Result& result : {with_fused, single}) {
    if (result.batches != modules.batches || std::abs(result.loss_sum / modules.loss_sum - 1) > 0.02) return 1;
  }
  std::printf(
      "{\"seconds\": {\"modules\": %.4f, \"fused_sgd\": %.4f, \"one_by_one\": %.4f}, \"batches\": %lld, "
      "\"mean_loss\": %.4f}\n",
      modules.seconds, with_fused.seconds, single.seconds, static_cast<long long>(modules.batches),
      modules.loss_sum / static_cast<double>(modules.batches));
}
