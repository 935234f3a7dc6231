// SPDX-License-Identifier: Apache-2.0
// What a batch costs on a CUDA device while a small regression net (SiLU, mean squared error, AdamW) is trained:
// assay's loop with recorded steps and without, and the replays of a bare graph of the operators of one step. Prints
// one JSON object; microseconds of the wall clock a batch, over whole epochs.
#include "training_data.hpp"

#include <assay/config.hpp>
#include <assay/detail/graph_backend.hpp>
#include <assay/learner/ensemble.hpp>
#include <assay/learner/mlp.hpp>
#include <assay/learner/module_learner.hpp>

#include <ATen/Context.h>
#include <ATen/core/grad_mode.h>

#include <chrono>
#include <cstdio>

namespace {

using bench::Data, bench::Net;

double now() {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

template <class Learner>
double by_assay(const Net& net, const Data& data, Learner learner, assay::GraphCapture capture,
                assay::MixedPrecision precision = assay::MixedPrecision::none, bool tf32 = false) {
  const assay::TensorPool labeled(assay::Values{{"x", data.x}, {"y", data.y}}), none;
  const std::int64_t warm = 5;  // steps are recorded in the first epochs
  assay::DefaultTrainingLoop loop({.epochs = net.epochs + warm,
                                   .batch_size = net.batch,
                                   .optimizer = assay::AdamW(),
                                   .early_stopping = std::nullopt,
                                   .device = "cuda",
                                   .mixed_precision = precision,
                                   .tf32 = tf32,
                                   .graph_capture = capture});
  double began = 0, ended = 0;
  assay::TrainingContext context{.labeled = labeled, .validation = none, .round = 1, .random = assay::RandomKey(1)};
  context.epoch_finished = [&](const assay::EpochReport& epoch) { (epoch.epoch == warm ? began : ended) = now(); };
  loop.train(assay::LearnerRef(learner), context);
  return (ended - began) / static_cast<double>(net.epochs * net.batches());
}

/// One batch's gradients and update, recorded by hand and replayed: what the device needs.
double bare_graph(const Net& net, const Data& data, assay::Mlp learner) {
  const assay::Values batch{{"x", data.x.narrow(0, 0, net.batch)}, {"y", data.y.narrow(0, 0, net.batch)}};
  const torch::Device device(torch::kCUDA, 0);
  learner.to(device, torch::kFloat32);
  learner.fit_scaling(batch, false);
  learner.reset(1);
  const assay::Batch packed = learner.pack(batch, {});
  assay::AdamW optimizer;
  optimizer.init(learner.parameters());
  const torch::Tensor rate = torch::full({}, 1e-3, torch::TensorOptions(torch::kFloat32).device(device));
  const auto step = [&] {
    learner.loss_and_gradients(packed);
    optimizer.step(rate);
  };
  const auto graphs = assay::detail::graph_support(c10::DeviceType::CUDA).backend;
  const auto stream = graphs->own_stream(device);
  for (int i = 0; i < 3; ++i) step();
  const auto recorded = graphs->record(step);
  const std::int64_t steps = net.epochs * net.batches();
  double began = 0;
  for (std::int64_t i = -10; i < steps; ++i) {
    if (i == 0) {
      rate.cpu();  // waits for the device
      began = now();
    }
    recorded->launch();
  }
  rate.cpu();
  return (now() - began) / static_cast<double>(steps);
}

}  // namespace

int main() {
  if (!at::hasCUDA() || !assay::detail::graph_support(c10::DeviceType::CUDA).backend) {
    std::fprintf(stderr, "bench_training_cuda: no CUDA device, or nothing that records its work\n");
    return 77;
  }
  torch::manual_seed(0);
  using assay::GraphCapture;
  constexpr auto full = assay::MixedPrecision::none;
  assay::Json report;
  for (const Net& net : bench::nets(/*more_epochs=*/10)) {
    const Data data(net);
    const std::vector<std::int64_t> hidden{net.width, net.width};
    const assay::Mlp mlp({.inputs = {"x"}, .targets = {"y"}, .hidden = hidden});
    const auto module = [&] {
      return assay::ModuleLearner(bench::make_module(net), {.inputs = {"x"}, .targets = {"y"}}, assay::mse_loss);
    };
    const auto ensemble = [&](std::int64_t members) {
      return assay::Ensemble({.members = members, .inputs = {"x"}, .targets = {"y"}, .hidden = hidden});
    };
    report[net.name()] = {
        {"mlp", by_assay(net, data, mlp, GraphCapture::required)},
        {"mlp, not recorded", by_assay(net, data, mlp, GraphCapture::off)},
        {"mlp, bf16", by_assay(net, data, mlp, GraphCapture::required, assay::MixedPrecision::bf16)},
        {"bare graph", bare_graph(net, data, mlp)},
        {"module", by_assay(net, data, module(), GraphCapture::required)},
        {"module, not recorded", by_assay(net, data, module(), GraphCapture::off)},
        {"ensemble of 16", by_assay(net, data, ensemble(16), GraphCapture::required)},
        {"mlp, tf32", by_assay(net, data, mlp, GraphCapture::required, full, true)},
        {"ensemble of 16, tf32", by_assay(net, data, ensemble(16), GraphCapture::required, full, true)}};
  }
  std::printf("%s\n", report.dump().c_str());
}
