// SPDX-License-Identifier: Apache-2.0
#include <assay/training/default_training_loop.hpp>

#include "kept_memory.hpp"
#include "precision.hpp"
#include "training_run.hpp"

#include <assay/detail/guest.hpp>
#include <assay/detail/restoring.hpp>
#include <assay/detail/state_parts.hpp>
#include <assay/error.hpp>

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/DeviceGuard.h>

#include <algorithm>

namespace assay {

namespace {

const std::string optimizer_part = "optimizer/";

/// The part of a state that stands under `optimizer`.
State optimizer_state(const State& state) {
  Json json = state.json.contains("optimizer") ? state.json.at("optimizer") : Json::object();
  return detail::part_of(state.tensors, std::move(json), optimizer_part);
}

}  // namespace

DefaultTrainingLoop::DefaultTrainingLoop(DefaultTrainingLoopOptions options_)
    : options(std::move(options_)), optimizer_(options.optimizer) {
  require_valid(options, key);
  if (detail::training_dtype(options.dtype) != torch::kFloat32 && options.mixed_precision != MixedPrecision::none) {
    throw ConfigError({"assay.config.value", "/mixed_precision", "none with dtype float64", "bf16",
                       "use dtype \"float32\", or leave mixed_precision out"});
  }
}

TrainingReport DefaultTrainingLoop::train(LearnerRef learner, TrainingContext& context) try {
  const detail::GuestScope guest;
  const int allowed = at::get_num_threads();
  const at::AutoGradMode gradients(true);

  prepare(learner, context);
  const int threads = options.threads ? static_cast<int>(*options.threads)
                                      : static_cast<int>(std::clamp<std::int64_t>(progress_->threads, 1, allowed));
  if (threads != allowed) at::set_num_threads(threads);
  const c10::OptionalDeviceGuard device(parameters_.front().device());
  const std::string not_recorded = open_recording();
  const auto stream = recorded_.held ? recorded_.held->own_stream() : nullptr;
  const detail::Tf32Scope tf32(options.tf32);
  const detail::KeptMemory memory;
  detail::TrainingRun run(options, learner, context, *progress_, recorded_.held.get());
  const auto report = [&](std::string ended_by) {
    TrainingReport made = run.report(std::move(ended_by));
    if (!not_recorded.empty()) made.not_recorded = not_recorded;
    detail::clear_gradients(parameters_);
    return made;
  };
  if (recorded_.held) {
    const torch::Tensor& rate = recorded_.held->rate();
    recorded_.held->begin({.step = [&](const Batch& batch) { return step(learner, batch, rate); },
                           .readings = [&] { return run.readings(); }},
                          options.batch_size);
  }
  while (!run.finished()) {
    context.epoch_finished(train_epoch(learner, run));
    if (!run.finished() && context.stop_requested()) return report("stop_requested");
  }
  run.restore_best();
  TrainingReport done = report(run.ended_by());
  if (const std::string_view reason = learner->needs_whole_pool();
      !reason.empty() && options.batch_size < context.labeled.size()) {
    done.warning = std::string(reason) + ": mini-batches of " + std::to_string(options.batch_size) + " of " +
                   std::to_string(context.labeled.size()) +
                   " samples train it badly; leave the loop out, or take one that trains on the whole labeled pool";
  }
  progress_.reset();
  if (options.reset_optimizer_states) forget_moments();
  return done;
} catch (const TrainingError&) {
  abandon(learner);
  throw;
} catch (const c10::Error& error) {
  abandon(learner);
  throw TrainingError({"assay.training.step", "round " + std::to_string(context.round),
                       "a learner that can be trained on the labeled pool", error.what_without_backtrace(), ""});
} catch (...) {
  // Whoever throws between two epochs (an observer, a full disk) leaves a training that can be continued.
  if (progress_ && progress_->mid_epoch) abandon(learner);
  throw;
}

EpochReport DefaultTrainingLoop::train_epoch(const LearnerRef& learner, detail::TrainingRun& run) {
  const double rate = run.start_epoch();
  try {
    if (recorded_.held) {
      recorded_.held->run_batches();
      require_recording(recorded_.held->obstacle());
      return run.finish_epoch(rate);
    }
    for (std::int64_t i = 0; i < run.batches(); ++i) {
      const Batch& batch = run.batch(i);
      run.count(step(learner, batch, rate), batch.size());
    }
    return run.finish_epoch(rate);
  } catch (...) {
    run.undo_epoch();
    throw;
  }
}

template <class Rate>
torch::Tensor DefaultTrainingLoop::step(const LearnerRef& learner, const Batch& batch, const Rate& rate) {
  const bool bf16 = options.mixed_precision == MixedPrecision::bf16;
  const bool own_gradients = !bf16 && learner->has_own_gradients();
  torch::Tensor loss;
  if (own_gradients) {
    loss = learner->loss_and_gradients(batch);
  } else {
    std::optional<detail::Bf16Scope> forward;  // the way back follows by itself
    if (bf16) forward.emplace(parameters_.front().device().type());
    loss = learner->training_step(batch);
    forward.reset();
    detail::require_loss(loss);
    loss.backward();
  }
  if (options.gradient_clip) detail::clip_gradients(parameters_, *options.gradient_clip);
  optimizer_.step(rate);
  if (!own_gradients) detail::clear_gradients(parameters_);
  return loss;
}

std::string DefaultTrainingLoop::open_recording() {
  const torch::Device device = parameters_.front().device();
  const detail::GraphSupport support = detail::graph_support(device.type());
  std::string obstacle;
  if (!support.backend) {
    obstacle = support.why_not;
  } else if (!optimizer_.takes_tensor_rate()) {
    obstacle = "the optimizer takes its learning rate on the host: use sgd, adam or adamw";
  }
  if (!obstacle.empty() || options.graph_capture == GraphCapture::off) {
    recorded_.held.reset();
    require_recording(obstacle);
    const bool nobody_asks = options.graph_capture == GraphCapture::off || (device.is_cpu() && !support.backend);
    return nobody_asks ? "" : obstacle;
  }
  if (!recorded_.held || recorded_.held->device() != device) {
    recorded_.held = std::make_shared<detail::DeviceEpochs>(support.backend, device);
  }
  return "";
}

void DefaultTrainingLoop::require_recording(const std::string& obstacle) const {
  if (obstacle.empty() || options.graph_capture != GraphCapture::required) return;
  throw TrainingError({"assay.training.graph", "/graph_capture", "a training whose steps can be recorded", obstacle,
                       "set graph_capture to \"where_safe\" to train without"});
}

void DefaultTrainingLoop::prepare(const LearnerRef& learner, const TrainingContext& context) {
  if (context.labeled.empty()) {
    throw DataError({"assay.pool.empty", "labeled pool", "at least one sample to train on", "none", ""});
  }
  const bool continuing = find_progress(context);
  if (!continuing) {
    start_weights(learner, context);
    progress_ = detail::TrainingProgress{.round = context.round,
                                         .fine_tuning = context.fine_tuning,
                                         .samples = context.labeled.size(),
                                         .stream = context.random.bits(),
                                         .history = {},
                                         .best = {}};
  }
  learner->to(detail::training_device(options.device), detail::training_dtype(options.dtype));
  std::vector<torch::Tensor> parameters = learner->parameters();
  if (parameters.empty()) {
    throw TrainingError({"assay.training.parameters", "learner", "at least one trainable parameter", "none", ""});
  }
  if (!continuing) progress_->threads = detail::training_threads(parameters, options.batch_size, at::get_num_threads());
  const bool keep_moments = continuing || (detail::fine_tunes(options, context) && !options.reset_optimizer_states);
  give_parameters(std::move(parameters), keep_moments);
  if (loaded_ && continuing && loaded_->json.at("training").at("has_best").get<bool>()) {
    std::vector<torch::Tensor> tracked = parameters_;
    const std::vector<torch::Tensor> buffers = learner->buffers();
    tracked.insert(tracked.end(), buffers.begin(), buffers.end());
    progress_->best.load(*loaded_, "best/", tracked);
  }
  loaded_.reset();
  detail::clear_gradients(parameters_);
}

void DefaultTrainingLoop::start_weights(const LearnerRef& learner, const TrainingContext& context) const {
  const bool from_scratch = !detail::fine_tunes(options, context);
  learner->fit_scaling(context.labeled.all(), !from_scratch);
  if (from_scratch) {
    learner->reset(context.random.with("weights").bits());
  } else if (options.warm_start == WarmStart::shrink_and_perturb) {
    detail::shrink_and_perturb(learner->parameters(), options.shrink_and_perturb,
                               context.random.with("perturb").bits());
  }
}

bool DefaultTrainingLoop::find_progress(const TrainingContext& context) {
  if (loaded_ && loaded_->json.contains("training")) progress_ = detail::TrainingProgress::load(*loaded_);
  if (!progress_ || !progress_->belongs_to(context)) return false;
  if (progress_->samples != context.labeled.size()) {
    throw CheckpointError({"assay.checkpoint.training", "round " + std::to_string(context.round),
                           "the " + std::to_string(progress_->samples) + " labeled samples training began with",
                           std::to_string(context.labeled.size()), "resume with the campaign's own labeled pool"});
  }
  return true;
}

void DefaultTrainingLoop::give_parameters(std::vector<torch::Tensor> parameters, bool keep_moments) {
  const bool attached = !parameters_.empty() && !loaded_;
  const bool same = attached && detail::same_tensors(parameters, parameters_);
  const bool kept = attached && !forgotten_;
  if (same && keep_moments && kept) return;
  // A recorded step goes on to be right if the optimizer's memory stays where it is.
  if (same && !keep_moments && recorded_.held && !key_of(optimizer_.spec()).empty() &&
      optimizer_.spec() == options.optimizer.spec()) {
    forgotten_ = false;
    return optimizer_.init(std::move(parameters));
  }
  const State moments = loaded_ ? optimizer_state(*loaded_) : optimizer_.save();
  optimizer_ = options.optimizer;
  optimizer_.init(parameters);
  if (keep_moments && (loaded_ || kept)) optimizer_.load(moments);
  forgotten_ = false;
  parameters_ = std::move(parameters);
}

void DefaultTrainingLoop::forget_moments() {
  forgotten_ = true;
  if (!recorded_.held) drop_optimizer();
}

void DefaultTrainingLoop::drop_optimizer() {
  optimizer_ = options.optimizer;
  parameters_.clear();
  recorded_.held.reset();
}

void DefaultTrainingLoop::abandon(const LearnerRef& learner) {
  learner->set_training(false);
  detail::clear_gradients(parameters_);
  drop_optimizer();
  progress_.reset();
  loaded_.reset();
}

State DefaultTrainingLoop::save() const {
  if (loaded_) return *loaded_;
  State state;
  if (!parameters_.empty() && !forgotten_)
    state.json["optimizer"] = detail::add_part(state, optimizer_.save(), optimizer_part);
  if (progress_ && !progress_->mid_epoch) progress_->save(state);
  return state;
}

void DefaultTrainingLoop::load(const State& state) {
  detail::restoring("training loop", [&] {  // found here, not where training begins
    if (!state.json.contains("training")) return;
    detail::TrainingProgress::load(state);
    state.json.at("training").at("has_best").get<bool>();
  });
  drop_optimizer();
  progress_.reset();
  loaded_ = state;
}

}  // namespace assay
