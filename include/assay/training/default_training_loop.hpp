// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/any/any_learner.hpp>
#include <assay/detail/scratch.hpp>
#include <assay/detail/training_progress.hpp>
#include <assay/options.hpp>
#include <assay/training/adamw.hpp>
#include <assay/training/context.hpp>
#include <assay/training/optimizer.hpp>
#include <assay/training/scheduler.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

namespace detail {
class DeviceEpochs;
class TrainingRun;
}  // namespace detail

/// What early stopping watches where there is no validation pool.
enum class Watch {
  nothing,     ///< all labels are trained on, for all epochs
  holdout,     ///< some labeled samples that are never trained on
  out_of_bag,  ///< of an ensemble: each sample by the members whose bootstrap left it out; all are trained on
};

struct EarlyStoppingOptions {
  std::int64_t patience = 50;
  double min_delta = 0;
  Watch watch = Watch::nothing;

  static constexpr std::array describe{
      OptionInfo{.name = "patience", .help = "epochs without improvement after which training ends", .min = 1},
      OptionInfo{.name = "min_delta", .help = "decrease of the validation loss that counts as improvement", .min = 0},
      OptionInfo{.name = "watch",
                 .help = "what stands in for a validation pool: nothing, held-out samples, or those that "
                         "members of an ensemble leave out"},
  };
};

/// What the weights of a later training start from.
enum class WarmStart {
  continued,           ///< those that are there
  reset,               ///< new ones, drawn from the campaign's seed and the round
  shrink_and_perturb,  ///< θ ← shrink · θ + noise, noise normal with deviation `perturb`
};

struct ShrinkAndPerturbOptions {
  double shrink = 0.6;
  double perturb = 0.01;

  static constexpr std::array describe{
      OptionInfo{.name = "shrink", .help = "what every parameter is multiplied with", .min = 0, .max = 1},
      OptionInfo{.name = "perturb", .help = "standard deviation of the noise added to it", .min = 0},
  };
};

/// Whether the steps of a training on a device are recorded as a graph and replayed.
enum class GraphCapture {
  where_safe,  ///< unless the learner or the optimizer cannot be recorded, which the report then says
  off,
  required,  ///< as `where_safe`, but a training that cannot be recorded is an error
};

enum class MixedPrecision {
  none,
  bf16,  ///< products of matrices in bfloat16; parameters, sums, losses and updates as without
};

struct DefaultTrainingLoopOptions {
  std::int64_t epochs = 400;
  std::int64_t fine_tuning_epochs = 100;
  std::int64_t batch_size = 16;
  AnyOptimizer optimizer = AdamW({.lr = 2e-3});
  std::optional<double> fine_tuning_lr = std::nullopt;
  WarmStart warm_start = WarmStart::continued;
  ShrinkAndPerturbOptions shrink_and_perturb = {};
  AnyScheduler scheduler = CosineSchedule();
  std::optional<double> gradient_clip = std::nullopt;
  std::optional<EarlyStoppingOptions> early_stopping = EarlyStoppingOptions{};
  std::int64_t holdout = 10;
  bool reset_optimizer_states = true;
  std::string device = "cpu";
  std::string dtype = "float32";
  MixedPrecision mixed_precision = MixedPrecision::none;
  bool tf32 = false;
  GraphCapture graph_capture = GraphCapture::where_safe;
  std::optional<std::int64_t> threads = std::nullopt;

  static constexpr std::array describe{
      OptionInfo{.name = "epochs", .help = "of the first training", .min = 0},
      OptionInfo{.name = "fine_tuning_epochs", .help = "of every later training", .min = 0},
      OptionInfo{.name = "batch_size", .help = "samples in an optimizer step", .min = 1},
      OptionInfo{.name = "optimizer", .help = "sgd, adam, adamw or one of your own"},
      OptionInfo{.name = "fine_tuning_lr", .help = "learning rate of later trainings; else the optimizer's", .min = 0},
      OptionInfo{.name = "warm_start", .help = "what the weights of a later training start from"},
      OptionInfo{.name = "shrink_and_perturb", .help = "for the warm start of that name"},
      OptionInfo{.name = "scheduler", .help = "how the learning rate changes over the epochs"},
      OptionInfo{
          .name = "gradient_clip", .help = "largest norm of all gradients together; none: not clipped", .min = 0},
      OptionInfo{.name = "early_stopping",
                 .help = "end when the validation loss stops falling, and return to the best epoch; null: never"},
      OptionInfo{.name = "holdout",
                 .help = "for the watch of that name: one labeled sample in this many is held out",
                 .min = 2},
      OptionInfo{.name = "reset_optimizer_states", .help = "start every training with fresh moments"},
      OptionInfo{.name = "device", .help = "cpu, cuda or cuda:N"},
      OptionInfo{.name = "dtype", .help = "float32 or float64, for the learner's parameters and batches"},
      OptionInfo{.name = "mixed_precision", .help = "bf16: products of matrices in bfloat16, while training"},
      OptionInfo{.name = "tf32", .help = "on CUDA, products of float32 matrices may round their factors to TF32"},
      OptionInfo{.name = "graph_capture", .help = "on CUDA, steps are recorded once and replayed"},
      OptionInfo{.name = "threads",
                 .help = "of LibTorch while training; else as many as pay for the sizes, up to the host program's",
                 .min = 1,
                 .max = 4096},
  };
};

/// Trains a learner with mini-batches of the labeled pool, on the CPU or a CUDA device.
///
/// The first training starts from weights drawn from the campaign's seed (`learner.reset`) and takes `epochs`; later
/// ones go on from the weights that are there, or from these shrunk and perturbed, and take `fine_tuning_epochs` at
/// `fine_tuning_lr`; with `reset` they are as the first. Standardisation is fitted on the labeled pool; while
/// fine-tuning the weights are rescaled with it. Every epoch visits all samples in an order drawn from their ids.
///
/// A learner with `loss_and_gradients` is trained without autograd. Without `threads`, their number is a function of
/// the number of parameters and the batch size, at most what the host program allows; it is kept with the state of a
/// training, so that one that is resumed goes on with as many.
///
/// On a device whose work can be recorded (CUDA, with assay::cuda) a step is recorded from its gather to its update and
/// replayed from then on, in every round while the pool grows; the first steps of a training run as they are, watched
/// for whatever a recording could not repeat: a number read by the host, a shape that depends on data, an optimizer
/// that takes its rate on the host, steps that differ. Such a training runs as without, and its report says why.
/// Numbers are the same bits either way, as far as the device's kernels are deterministic. `mixed_precision` needs
/// float32 and goes through autograd. It makes small nets slower.
///
/// Early stopping watches the validation pool. Without one training takes all its epochs, on every label, unless
/// something is to stand in for it. `Watch::holdout` holds out one labeled sample in `holdout`, chosen by a hash of its
/// id: the same ones in every round, since a learner that goes on from earlier weights must not be judged on what those
/// were fitted to. They are never trained on, in the campaign's final training neither. With fewer than two such
/// samples nothing is held out and training runs all its epochs. With `Watch::out_of_bag` an `Ensemble` loses no label:
/// each sample is judged by the members whose bootstrap left it out (about 37 % of them, the same in every round); all
/// members stop at the same epoch. Cost: a forward pass of all members over the labeled pool each epoch, about a third
/// of what training on it costs. Source: Breiman 1996, "Out-of-bag estimation".
///
/// Cost: a batch costs the learner's own step and the optimizer's kernel; one device sync an epoch. The packed pool
/// (in `dtype`, on `device`) and at most 16 MiB beside it, or a quarter of the pool where steps are recorded; while it
/// trains on the CPU, up to 512 MiB of large tensors that were let go of.
/// Errors: `ConfigError` for a device that is not there; `TrainingError` `assay.training.not_finite`, naming the
/// sample; `TrainingError` for a learner without parameters or whose loss does not depend on them. Whatever leaves an
/// epoch, an exception of the learner's own loss included, leaves the parameters as they were at the epoch's start.
/// Source: Ash and Adams 2020, "On warm-starting neural network training", for shrink and perturb.
class DefaultTrainingLoop {
 public:
  static constexpr std::string_view key = "default";
  static constexpr std::string_view summary = "mini-batches, schedules, early stopping";

  explicit DefaultTrainingLoop(DefaultTrainingLoopOptions options = {});

  /// Trains; continues a training of the same context that `load` or a stop request left unfinished.
  TrainingReport train(LearnerRef learner, TrainingContext& context);

  /// In the middle of a training (`TrainingContext::epoch_finished`) all it takes to continue beside the learner's own
  /// state; between trainings nothing, or the moments if they are kept.
  State save() const;
  /// Errors: `CheckpointError` for a state that `save` did not give.
  void load(const State& state);

  DefaultTrainingLoopOptions options;

 private:
  EpochReport train_epoch(const LearnerRef& learner, detail::TrainingRun& run);
  /// One update of the parameters at a rate that is a number or lies on the device. Gives the loss.
  template <class Rate>
  torch::Tensor step(const LearnerRef& learner, const Batch& batch, const Rate& rate);
  /// Makes `recorded_` ready for a training, or empty. Gives the reason why steps on a device are not recorded.
  std::string open_recording();
  void require_recording(const std::string& obstacle) const;
  void prepare(const LearnerRef& learner, const TrainingContext& context);
  void start_weights(const LearnerRef& learner, const TrainingContext& context) const;
  bool find_progress(const TrainingContext& context);
  void give_parameters(std::vector<torch::Tensor> parameters, bool keep_moments);
  void forget_moments();
  void drop_optimizer();
  void abandon(const LearnerRef& learner);

  AnyOptimizer optimizer_;                 // working copy
  std::vector<torch::Tensor> parameters_;  // what optimizer_ was given
  bool forgotten_ = false;                 // its moments are of a training that is over
  std::optional<detail::TrainingProgress> progress_;
  std::optional<State> loaded_;  // waits for the parameters, which `train` knows
  detail::Scratch<detail::DeviceEpochs> recorded_;
};

}  // namespace assay
