// SPDX-License-Identifier: Apache-2.0
// What a batch costs while a small regression net (SiLU, mean squared error, AdamW) is trained on one thread: assay's
// loop with `Mlp`, `Ensemble` and a module of LibTorch's, beside loops written by hand on LibTorch that shuffle, gather
// and sum up the loss as well. Prints one JSON object: microseconds of the processor a batch over whole epochs, medians
// of five turns.
#include "median.hpp"
#include "training_data.hpp"

#include <assay/config.hpp>
#include <assay/learner/ensemble.hpp>
#include <assay/learner/mlp.hpp>
#include <assay/learner/module_learner.hpp>

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/mse_loss.h>
#include <ATen/ops/mse_loss_backward.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/silu_backward.h>
#include <ATen/ops/sum.h>
#include <torch/optim/adamw.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace {

/// Microseconds of the processor that this process has used: on one thread the time a quiet machine would take, and
/// what a busy one distorts least.
double now() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return 1e6 * static_cast<double>(time.tv_sec) + 1e-3 * static_cast<double>(time.tv_nsec);
}

using bench::Data, bench::make_module, bench::Net;

/// Microseconds a batch of a whole epoch, the first epoch left out.
struct Timing {
  double microseconds = 0, first_loss = 0, last_loss = 0;
};

/// assay's loop, as a campaign calls it.
template <class Learner>
Timing by_assay(const Net& net, const Data& data, Learner learner,
                assay::MixedPrecision precision = assay::MixedPrecision::none) {
  const assay::TensorPool labeled(assay::Values{{"x", data.x}, {"y", data.y}}), none;
  assay::DefaultTrainingLoop loop({.epochs = net.epochs + 1,
                                   .batch_size = net.batch,
                                   .optimizer = assay::AdamW(),
                                   .early_stopping = std::nullopt,
                                   .mixed_precision = precision});
  Timing timing;
  double began = 0, ended = 0;
  assay::TrainingContext context{.labeled = labeled, .validation = none, .round = 1, .random = assay::RandomKey(1)};
  context.epoch_finished = [&](const assay::EpochReport& epoch) {
    (epoch.epoch == 1 ? began : ended) = now();
    (epoch.epoch == 1 ? timing.first_loss : timing.last_loss) = epoch.training_loss;
  };
  loop.train(assay::LearnerRef(learner), context);
  timing.microseconds = (ended - began) / static_cast<double>(net.epochs * net.batches());
  return timing;
}

/// Epochs of a loop by hand: shuffled, gathered at once, cut into views. `step(x, y)` trains and gives the loss.
template <class Step>
Timing by_hand(const Net& net, const Data& data, Step&& step) {
  torch::Tensor x = torch::empty_like(data.x), y = torch::empty_like(data.y);
  const std::vector<torch::Tensor> xs = x.split(net.batch), ys = y.split(net.batch);
  Timing timing;
  double began = 0;
  for (std::int64_t epoch = 0; epoch <= net.epochs; ++epoch) {
    if (epoch == 1) began = now();
    const torch::Tensor order = torch::randperm(net.samples);
    at::index_select_out(x, data.x, 0, order);
    at::index_select_out(y, data.y, 0, order);
    double loss = 0;
    for (std::size_t i = 0; i < xs.size(); ++i) loss += step(xs[i], ys[i]);
    (epoch == 0 ? timing.first_loss : timing.last_loss) = loss / static_cast<double>(xs.size());
  }
  timing.microseconds = (now() - began) / static_cast<double>(net.epochs * net.batches());
  return timing;
}

/// As the tutorials write it.
Timing torch_optim(const Net& net, const Data& data) {
  torch::nn::Sequential module = make_module(net);
  torch::optim::AdamW optimizer(module->parameters(), torch::optim::AdamWOptions(1e-3));
  return by_hand(net, data, [&](const torch::Tensor& x, const torch::Tensor& y) {
    optimizer.zero_grad();
    const torch::Tensor loss = at::mse_loss(module->forward(x), y);
    loss.backward();
    optimizer.step();
    return loss.item<double>();
  });
}

/// The fused update of AdamW for any list of parameters and gradients.
class FusedAdamW {
 public:
  explicit FusedAdamW(std::vector<torch::Tensor> parameters) : parameters_(std::move(parameters)) {
    for (const torch::Tensor& parameter : parameters_) {
      means_.push_back(torch::zeros_like(parameter.detach()));
      squares_.push_back(torch::zeros_like(parameter.detach()));
      steps_.push_back(torch::zeros({}));
    }
  }
  void step(const std::vector<torch::Tensor>& gradients) {
    const at::NoGradGuard no_grad;
    for (const torch::Tensor& step : steps_) *step.mutable_data_ptr<float>() += 1;
    at::_fused_adamw_(parameters_, gradients, means_, squares_, {}, steps_, 1e-3, 0.9, 0.999, 0.01, 1e-8, false, false);
  }

 private:
  std::vector<torch::Tensor> parameters_, means_, squares_, steps_;
};

/// A module with the fused optimizer; gradients are taken over instead of zeroed and added to.
Timing fused(const Net& net, const Data& data) {
  torch::nn::Sequential module = make_module(net);
  std::vector<torch::Tensor> parameters = module->parameters(), gradients(parameters.size());
  FusedAdamW optimizer(parameters);
  return by_hand(net, data, [&](const torch::Tensor& x, const torch::Tensor& y) {
    const torch::Tensor loss = at::mse_loss(module->forward(x), y);
    loss.backward();
    for (std::size_t i = 0; i < parameters.size(); ++i) gradients[i] = parameters[i].grad();
    optimizer.step(gradients);
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      gradients[i].reset();
      parameters[i].mutable_grad().reset();
    }
    return loss.item<double>();
  });
}

/// Without autograd, in memory that is kept: the operators' `out` forms, one call an operation.
Timing operators(const Net& net, const Data& data) {
  const at::NoGradGuard no_grad;
  std::vector<torch::Tensor> w, b, w_gradients, b_gradients, before, after, deltas, parameters, gradients;
  std::int64_t in = net.inputs;
  for (const std::int64_t out : {net.width, net.width, std::int64_t{1}}) {
    const double bound = 1 / std::sqrt(static_cast<double>(in));
    w.push_back(torch::empty({in, out}).uniform_(-bound, bound));
    b.push_back(torch::empty({out}).uniform_(-bound, bound));
    w_gradients.push_back(torch::empty({in, out}));
    b_gradients.push_back(torch::empty({out}));
    for (auto* list : {&before, &after, &deltas}) list->push_back(torch::empty({net.batch, out}));
    in = out;
  }
  for (std::size_t i = 0; i < w.size(); ++i) {
    parameters.insert(parameters.end(), {w[i], b[i]});
    gradients.insert(gradients.end(), {w_gradients[i], b_gradients[i]});
  }
  FusedAdamW optimizer(parameters);
  const torch::Tensor one = torch::ones({});
  return by_hand(net, data, [&](const torch::Tensor& x, const torch::Tensor& y) {
    at::addmm_out(before[0], b[0], x, w[0]);
    at::silu_out(after[0], before[0]);
    at::addmm_out(before[1], b[1], after[0], w[1]);
    at::silu_out(after[1], before[1]);
    at::addmm_out(before[2], b[2], after[1], w[2]);
    const torch::Tensor loss = at::mse_loss(before[2], y);
    at::mse_loss_backward_out(deltas[2], one, before[2], y, at::Reduction::Mean);
    for (std::size_t i = 3; i-- > 0;) {
      at::mm_out(w_gradients[i], (i > 0 ? after[i - 1] : x).t(), deltas[i]);
      at::sum_out(b_gradients[i], deltas[i], {0});
      if (i == 0) break;
      at::mm_out(deltas[i - 1], deltas[i], w[i].t());
      at::silu_backward_out(deltas[i - 1], deltas[i - 1], before[i - 1]);
    }
    optimizer.step(gradients);
    return loss.item<double>();
  });
}

/// One step alone, on one batch: no shuffling, no gathering, no loop.
double one_step(const Net& net, const Data& data, assay::Mlp learner) {
  const assay::Values batch{{"x", data.x.narrow(0, 0, net.batch)}, {"y", data.y.narrow(0, 0, net.batch)}};
  learner.fit_scaling(batch, false);
  learner.reset(1);
  const assay::Batch packed = learner.pack(batch, {});
  assay::AdamW optimizer;
  optimizer.init(learner.parameters());
  const std::int64_t steps = net.epochs * net.batches();
  double began = 0;
  for (std::int64_t i = -10; i < steps; ++i) {
    if (i == 0) began = now();
    learner.loss_and_gradients(packed);
    optimizer.step(1e-3);
  }
  return (now() - began) / static_cast<double>(steps);
}

}  // namespace

int main() {
  at::set_num_threads(1);
  torch::manual_seed(0);
  constexpr std::int64_t members = 16;
  constexpr int turns = 5;
  assay::Json report;
  for (const Net& net : bench::nets()) {
    const Data data(net);
    const std::vector<std::int64_t> hidden{net.width, net.width};
    const assay::Mlp mlp({.inputs = {"x"}, .targets = {"y"}, .hidden = hidden});
    const std::vector<std::pair<std::string, std::function<Timing()>>> ways{
        {"mlp", [&] { return by_assay(net, data, mlp); }},
        {"by hand, no autograd", [&] { return operators(net, data); }},
        {"module",
         [&] {
           return by_assay(
               net, data, assay::ModuleLearner(make_module(net), {.inputs = {"x"}, .targets = {"y"}}, assay::mse_loss));
         }},
        {"mlp, bf16", [&] { return by_assay(net, data, mlp, assay::MixedPrecision::bf16); }},
        {"by hand, fused", [&] { return fused(net, data); }},
        {"by hand, torch::optim", [&] { return torch_optim(net, data); }}};
    assay::Json& of_net = report[net.name()];
    std::map<std::string, std::vector<double>> times;
    for (int turn = 0; turn < turns; ++turn) {
      for (const auto& [name, run] : ways) {
        const Timing timing = run();
        if (!(timing.last_loss < timing.first_loss)) {
          std::fprintf(stderr, "%s, %s does not learn: %g, %g\n", net.name().c_str(), name.c_str(), timing.first_loss,
                       timing.last_loss);
          return 1;
        }
        times[name].push_back(timing.microseconds);
      }
    }
    for (const auto& [name, of_way] : times) of_net[name] = bench::median(of_way);
    of_net["mlp, step alone"] = one_step(net, data, mlp);
    if (net.width == 64) {
      of_net["ensemble of 16"] =
          by_assay(net, data,
                   assay::Ensemble({.members = members, .inputs = {"x"}, .targets = {"y"}, .hidden = hidden}))
              .microseconds;
    }
  }
  std::printf("%s\n", report.dump().c_str());
}
