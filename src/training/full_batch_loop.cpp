// SPDX-License-Identifier: Apache-2.0
#include <assay/detail/guest.hpp>
#include <assay/error.hpp>
#include <assay/training/full_batch_loop.hpp>

#include <ATen/core/grad_mode.h>
#include <torch/optim/lbfgs.h>

#include <cmath>
#include <limits>

namespace assay {

namespace {

/// Weights and the loss they have.
struct Found {
  double loss = std::numeric_limits<double>::infinity();
  std::vector<torch::Tensor> weights;
};

void put_back(const Found& found, const std::vector<torch::Tensor>& parameters) {
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < parameters.size(); ++i) parameters[i].detach().copy_(found.weights[i]);
}

/// Minimises from where the learner is; `best` keeps the best weights that any loss was computed for.
void minimise(const LearnerRef& learner, const Batch& batch, const FullBatchLoopOptions& options, Found& best,
              std::int64_t& losses) {
  const std::vector<torch::Tensor> parameters = learner->parameters();
  torch::optim::LBFGS optimizer(parameters, torch::optim::LBFGSOptions(1)
                                                .max_iter(options.iterations)
                                                .max_eval(2 * options.iterations)
                                                .history_size(10)
                                                .tolerance_grad(options.tolerance)
                                                .tolerance_change(1e-12)
                                                .line_search_fn("strong_wolfe"));
  optimizer.step([&] {
    for (const torch::Tensor& parameter : parameters) parameter.mutable_grad().reset();
    torch::Tensor loss = learner->training_step(batch);
    loss.backward();
    ++losses;
    const double value = loss.item<double>();
    if (value < best.loss) {
      best = {value, {}};
      for (const torch::Tensor& parameter : parameters) best.weights.push_back(parameter.detach().clone());
    }
    return loss;
  });
}

}  // namespace

TrainingReport FullBatchLoop::train(LearnerRef learner, TrainingContext& context) {
  const detail::GuestScope guest;
  const at::AutoGradMode gradients(true);
  if (context.labeled.empty()) {
    throw DataError({"assay.pool.empty", "labeled pool", "at least one sample to train on", "none", ""});
  }
  learner->fit_scaling(context.labeled.all(), context.fine_tuning);
  learner->to(torch::kCPU, torch::kFloat64);
  Found best;
  TrainingReport report;
  const auto start = [&](bool draw, std::int64_t number) {
    if (draw) {
      learner->reset(context.random.with("weights").with(number).bits());
      learner->to(torch::kCPU, torch::kFloat64);
    }
    // Packed at each start: what a learner packs may depend on the seed it was reset with.
    const Batch batch = learner->pack(context.labeled.all(), context.labeled.ids());
    learner->set_training(true);
    try {
      minimise(learner, batch, options, best, report.batches);
    } catch (const TrainingError&) {
      // This start went where the loss has no value; whether any start found one is checked below.
    }
    learner->set_training(false);
    ++report.epochs;
  };
  try {
    if (context.fine_tuning) start(false, -1);
    for (std::int64_t i = 0; i < options.starts; ++i) start(true, i);
  } catch (const c10::Error& error) {
    learner->set_training(false);
    throw TrainingError({"assay.training.step", "round " + std::to_string(context.round),
                         "a learner that can be trained on the labeled pool", error.what_without_backtrace(), ""});
  }
  if (best.weights.empty()) {
    throw TrainingError({"assay.training.not_finite", "round " + std::to_string(context.round), "a finite loss",
                         "none from " + std::to_string(report.epochs) + " starts", ""});
  }
  const std::vector<torch::Tensor> parameters = learner->parameters();
  put_back(best, parameters);
  for (const torch::Tensor& parameter : parameters) parameter.mutable_grad().reset();
  report.best_epoch = report.epochs;
  report.training_loss = best.loss;
  report.ended_by = "epochs";
  return report;
}

}  // namespace assay
