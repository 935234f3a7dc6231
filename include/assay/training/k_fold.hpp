// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/training/default_training_loop.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace assay {

struct KFoldOptions {
  std::int64_t folds = 5;
  DefaultTrainingLoopOptions training = {.warm_start = WarmStart::reset};

  static constexpr std::array describe{
      OptionInfo{.name = "folds", .help = "parts the labeled samples are dealt into", .min = 2},
      OptionInfo{.name = "training", .help = "of the loop `default`, which trains on all parts but one, and on all"},
  };
};

/// Finds by cross-validation how many epochs to train, then trains on every labeled sample.
///
/// The labeled samples are dealt into `folds` parts. The learner is trained from new weights on all parts but one until
/// the loss of that one stops falling (`training.early_stopping`), for each part in turn; then once more, from new
/// weights and on all samples, for the median of the parts' best epochs. No label is held out of what the campaign ends
/// with, and the reported validation loss is the mean over all samples of the loss by nets that never saw them.
///
/// Every round starts from new weights: earlier ones have seen every part. With a validation pool there are no parts,
/// and the loop trains as `DefaultTrainingLoop`; so it does with a single sample. With fewer samples than `folds` each
/// sample is a part.
///
/// Cost: up to `folds` + 1 trainings of `training.epochs`, and a copy of the labeled pool.
/// Errors: those of `DefaultTrainingLoop`; `ConfigError` without early stopping or with `shrink_and_perturb`.
/// Source: Stone 1974, "Cross-validatory choice and assessment of statistical predictions"; Goodfellow, Bengio and
/// Courville 2016, "Deep learning", algorithm 7.2, for training anew on everything.
class KFold {
 public:
  static constexpr std::string_view key = "k_fold";
  static constexpr std::string_view summary = "epochs by cross-validation, then all labels";

  explicit KFold(KFoldOptions options = {});

  /// Trains; continues a training of the same context that `load` or a stop request left unfinished.
  TrainingReport train(LearnerRef learner, TrainingContext& context);
  /// In the middle of a training what the parts so far have shown, and the state of the loop that trains on this one.
  State save() const;
  /// Errors: `CheckpointError` for a state that `save` did not give.
  void load(const State& state);

  KFoldOptions options;

 private:
  /// What the parts so far have shown.
  struct Progress {
    std::uint64_t stream = 0;  // of the round's random key
    std::vector<std::int64_t> best_epochs;
    double loss_sum = 0;  // over the samples of these parts, at their best epochs
    std::int64_t epochs = 0, batches = 0, replayed = 0;
    bool stopped_early = false;
  };

  TrainingReport train_parts(const LearnerRef& learner, const TrainingContext& context);
  TrainingReport run(const LearnerRef& learner, const TrainingContext& context, const TensorPool& labeled,
                     const TensorPool& validation, RandomKey random);
  void count(const TrainingReport& part);

  DefaultTrainingLoop loop_;
  std::optional<Progress> progress_;
};

}  // namespace assay
