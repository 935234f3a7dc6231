// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/random.hpp>
#include <assay/data/tensor_pool.hpp>

#include <cstdint>
#include <functional>
#include <limits>
#include <string>

namespace assay {

/// One finished epoch.
struct EpochReport {
  std::int64_t epoch = 0;   ///< counted from 1
  std::int64_t epochs = 0;  ///< planned
  double training_loss = 0;
  double validation_loss = std::numeric_limits<double>::quiet_NaN();  ///< NaN where nothing was validated
  double learning_rate = 0;
};

/// How a training went.
struct TrainingReport {
  std::int64_t epochs = 0;      ///< run in this training
  std::int64_t best_epoch = 0;  ///< whose parameters the learner has now
  std::int64_t batches = 0;
  std::int64_t threads = 0;   ///< of LibTorch while it ran; 0 for a loop that does not say
  std::int64_t replayed = 0;  ///< of the batches: out of a recorded graph, on a device
  std::string not_recorded;   ///< why batches on a device were not recorded; empty where they were, and on the CPU
  double training_loss = 0;
  double validation_loss = std::numeric_limits<double>::quiet_NaN();
  std::string warning{};  ///< why this loop cannot train the learner well; empty where it can
  std::string ended_by;   ///< "epochs", "early_stopping" or "stop_requested"
};

/// What the driver gives a training loop.
struct TrainingContext {
  const TensorPool& labeled;
  const TensorPool& validation;  ///< for early stopping; may be empty
  std::int64_t round = 0;
  bool fine_tuning = false;  ///< the learner was trained in an earlier round
  RandomKey random{0};       ///< this round's training stream
  /// Called after every epoch with the loop in a state that `save` can catch: checkpoints and progress hang here.
  std::function<void(const EpochReport&)> epoch_finished = [](const EpochReport&) {};
  std::function<bool()> stop_requested = [] { return false; };
};

}  // namespace assay
