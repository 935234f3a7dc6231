// SPDX-License-Identifier: Apache-2.0
#include <assay/detail/batch_feed.hpp>
#include <assay/detail/restoring.hpp>
#include <assay/detail/state_parts.hpp>
#include <assay/error.hpp>
#include <assay/training/k_fold.hpp>

#include <algorithm>
#include <utility>

namespace assay {

namespace {

const std::string loop_part = "loop/";

/// The part each row is dealt into: of equal sizes, or one more.
std::vector<std::int64_t> dealt(const std::vector<SampleId>& ids, std::int64_t parts, const RandomKey& random) {
  detail::BatchOrder order(ids);
  const auto* row = order.shuffled(random).const_data_ptr<std::int64_t>();
  std::vector<std::int64_t> part(ids.size());
  for (std::size_t rank = 0; rank < ids.size(); ++rank) {
    part[static_cast<std::size_t>(row[rank])] = static_cast<std::int64_t>(rank) % parts;
  }
  return part;
}

struct Split {
  TensorPool rest, part;
};

Split split(const TensorPool& pool, const std::vector<std::int64_t>& part_of_row, std::int64_t part) {
  std::vector<std::int64_t> rows[2];
  std::vector<SampleId> ids[2];
  for (std::size_t row = 0; row < part_of_row.size(); ++row) {
    const int side = part_of_row[row] == part ? 1 : 0;
    rows[side].push_back(static_cast<std::int64_t>(row));
    ids[side].push_back(pool.ids()[row]);
  }
  Split made;
  made.rest.append(pool.gather(rows[0]), ids[0]);
  made.part.append(pool.gather(rows[1]), ids[1]);
  return made;
}

std::int64_t median(std::vector<std::int64_t> numbers) {
  std::sort(numbers.begin(), numbers.end());
  const std::size_t half = numbers.size() / 2;
  return numbers.size() % 2 == 1 ? numbers[half] : (numbers[half - 1] + numbers[half] + 1) / 2;
}

}  // namespace

KFold::KFold(KFoldOptions options_) : options(std::move(options_)) {
  require_valid(options, key);
  if (!options.training.early_stopping) {
    throw ConfigError({"assay.config.value", "/training/early_stopping", "a patience to find the number of epochs with",
                       "null", "use the loop \"default\" for a fixed number of epochs"});
  }
  if (options.training.warm_start == WarmStart::shrink_and_perturb) {
    throw ConfigError({"assay.config.value", "/training/warm_start", "reset", "shrink_and_perturb",
                       "earlier weights have seen every part: use the loop \"default\" to go on from them"});
  }
  options.training.warm_start = WarmStart::reset;
  loop_ = DefaultTrainingLoop(options.training);
}

TrainingReport KFold::train(LearnerRef learner, TrainingContext& context) try {
  if (!context.validation.empty() || context.labeled.size() < 2) {
    loop_.options = options.training;
    return run(learner, context, context.labeled, context.validation, context.random);
  }
  return train_parts(learner, context);
} catch (const TrainingError&) {
  progress_.reset();
  throw;
}

TrainingReport KFold::train_parts(const LearnerRef& learner, const TrainingContext& context) {
  const TensorPool& labeled = context.labeled;
  const std::int64_t parts = std::min(options.folds, labeled.size());
  const std::vector<std::int64_t> part_of_row = dealt(labeled.ids(), parts, context.random.with("parts"));
  if (!progress_ || progress_->stream != context.random.bits()) progress_ = Progress{.stream = context.random.bits()};

  loop_.options = options.training;
  while (static_cast<std::int64_t>(progress_->best_epochs.size()) < parts) {
    const auto part = static_cast<std::int64_t>(progress_->best_epochs.size());
    const Split now = split(labeled, part_of_row, part);
    const TrainingReport report = run(learner, context, now.rest, now.part, context.random.with("part").with(part));
    if (report.ended_by == "stop_requested") return report;
    progress_->best_epochs.push_back(report.best_epoch);
    progress_->loss_sum += report.validation_loss * static_cast<double>(now.part.size());
    progress_->stopped_early |= report.ended_by == "early_stopping";
    count(report);
  }

  loop_.options.early_stopping.reset();
  loop_.options.epochs = median(progress_->best_epochs);
  TrainingReport report = run(learner, context, labeled, TensorPool(), context.random.with("all"));
  if (report.ended_by == "stop_requested") return report;
  count(report);
  report.epochs = progress_->epochs;
  report.batches = progress_->batches;
  report.replayed = progress_->replayed;
  report.validation_loss = progress_->loss_sum / static_cast<double>(labeled.size());
  report.ended_by = progress_->stopped_early ? "early_stopping" : "epochs";
  progress_.reset();
  return report;
}

TrainingReport KFold::run(const LearnerRef& learner, const TrainingContext& context, const TensorPool& labeled,
                          const TensorPool& validation, RandomKey random) {
  TrainingContext part{.labeled = labeled,
                       .validation = validation,
                       .round = context.round,
                       .random = random,
                       .epoch_finished = context.epoch_finished,
                       .stop_requested = context.stop_requested};
  return loop_.train(learner, part);
}

void KFold::count(const TrainingReport& part) {
  progress_->epochs += part.epochs;
  progress_->batches += part.batches;
  progress_->replayed += part.replayed;
}

State KFold::save() const {
  State state;
  state.json["loop"] = detail::add_part(state, loop_.save(), loop_part);
  if (!progress_) return state;
  state.json["parts"] = {{"stream", progress_->stream},
                         {"best_epochs", progress_->best_epochs},
                         {"loss_sum", progress_->loss_sum},
                         {"epochs", progress_->epochs},
                         {"batches", progress_->batches},
                         {"replayed", progress_->replayed},
                         {"stopped_early", progress_->stopped_early}};
  return state;
}

void KFold::load(const State& state) {
  std::optional<Progress> progress;
  detail::restoring("training loop", [&] {
    if (state.json.contains("parts")) {
      const Json& parts = state.json.at("parts");
      progress = Progress{.stream = parts.at("stream").get<std::uint64_t>(),
                          .best_epochs = parts.at("best_epochs").get<std::vector<std::int64_t>>(),
                          .loss_sum = parts.at("loss_sum").get<double>(),
                          .epochs = parts.at("epochs").get<std::int64_t>(),
                          .batches = parts.at("batches").get<std::int64_t>(),
                          .replayed = parts.at("replayed").get<std::int64_t>(),
                          .stopped_early = parts.at("stopped_early").get<bool>()};
      for (const std::int64_t epoch : progress->best_epochs) {
        if (epoch >= 0 && epoch <= options.training.epochs) continue;
        throw CheckpointError({"assay.checkpoint.training", "best_epochs",
                               "epochs from 0 to " + std::to_string(options.training.epochs), std::to_string(epoch),
                               "resume with the loop that began the training"});
      }
    }
    loop_.load(detail::part_of(state.tensors, state.json.value("loop", Json::object()), loop_part));
  });
  progress_ = std::move(progress);
}

}  // namespace assay
