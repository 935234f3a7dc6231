// SPDX-License-Identifier: Apache-2.0
#include <assay/detail/training_progress.hpp>
#include <assay/error.hpp>

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_copy.h>
#include <ATen/ops/empty.h>

#include <limits>

namespace assay::detail {

Snapshot::Snapshot(const Snapshot& other) {
  for (const torch::Tensor& copy : other.copies_) copies_.push_back(copy.clone());
}

void Snapshot::take(const std::vector<torch::Tensor>& live) {
  const at::NoGradGuard no_grad;
  if (copies_.size() == live.size()) {
    if (!live.empty()) at::_foreach_copy_(copies_, live);
    return;
  }
  copies_.clear();
  for (const torch::Tensor& tensor : live) copies_.push_back(tensor.detach().clone());
}

void Snapshot::put_back(const std::vector<torch::Tensor>& live) const {
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < copies_.size(); ++i) live[i].detach().copy_(copies_[i]);
}

void Snapshot::save(State& state, const std::string& prefix) const {
  for (std::size_t i = 0; i < copies_.size(); ++i) {
    state.tensors.set(prefix + std::to_string(i),
                      copies_[i].to(torch::kCPU, copies_[i].scalar_type(), /*non_blocking=*/false, /*copy=*/true));
  }
}

void Snapshot::load(const State& state, const std::string& prefix, const std::vector<torch::Tensor>& live) {
  copies_.clear();
  for (std::size_t i = 0; i < live.size(); ++i) {
    const torch::Tensor& saved = state.tensors.at(prefix + std::to_string(i));
    if (saved.sizes() != live[i].sizes()) {
      std::ostringstream expected, got;
      expected << live[i].sizes();
      got << saved.sizes();
      throw CheckpointError({"assay.checkpoint.training", "best parameters, tensor " + std::to_string(i),
                             expected.str(), got.str(), "resume with the learner that was being trained"});
    }
    copies_.push_back(saved.to(live[i].device(), live[i].scalar_type(), /*non_blocking=*/false, /*copy=*/true));
  }
}

std::int64_t EarlyStopper::best_epoch(const std::vector<EpochReport>& history) const {
  std::int64_t best_epoch = 0;
  double best = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < history.size(); ++i) {
    if (best_epoch == 0 || history[i].validation_loss < best - min_delta) {
      best = history[i].validation_loss;
      best_epoch = static_cast<std::int64_t>(i) + 1;
    }
  }
  return best_epoch;
}

void TrainingProgress::save(State& state) const {
  state.json["training"] = Json{{"round", round},           {"fine_tuning", fine_tuning},
                                {"samples", samples},       {"stream", stream},
                                {"threads", threads},       {"planned", history.empty() ? 0 : history.back().epochs},
                                {"has_best", !best.empty()}};
  torch::Tensor table = at::empty({static_cast<std::int64_t>(history.size()), 3}, torch::kFloat64);
  auto* row = table.mutable_data_ptr<double>();
  for (const EpochReport& epoch : history) {
    *row++ = epoch.training_loss;
    *row++ = epoch.validation_loss;
    *row++ = epoch.learning_rate;
  }
  state.tensors.set("history", std::move(table));
  best.save(state, "best/");
}

TrainingProgress TrainingProgress::load(const State& state) {
  const Json& json = state.json.at("training");
  TrainingProgress progress{.round = integer_from_json<std::int64_t>(json.at("round")),
                            .fine_tuning = json.at("fine_tuning").get<bool>(),
                            .samples = integer_from_json<std::int64_t>(json.at("samples")),
                            .stream = integer_from_json<std::uint64_t>(json.at("stream")),
                            .threads = at::get_num_threads(),
                            .history = {},
                            .best = {}};
  // States of earlier versions hold no number of threads: they were made with the host program's.
  if (json.contains("threads")) progress.threads = integer_from_json<std::int64_t>(json.at("threads"));
  const torch::Tensor table = state.tensors.at("history").to(torch::kCPU, torch::kFloat64).contiguous();
  if (table.dim() != 2 || table.size(1) != 3) {
    std::ostringstream got;
    got << table.sizes();
    throw CheckpointError({"assay.checkpoint.training", "history of the training", "[epochs, 3]", got.str(), ""});
  }
  const auto planned = integer_from_json<std::int64_t>(json.at("planned"));
  const auto* row = table.const_data_ptr<double>();
  for (std::int64_t epoch = 1; epoch <= table.size(0); ++epoch, row += 3) {
    progress.history.push_back({epoch, planned, row[0], row[1], row[2]});
  }
  return progress;
}

}  // namespace assay::detail
