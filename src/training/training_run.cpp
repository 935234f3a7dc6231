// SPDX-License-Identifier: Apache-2.0
#include "training_run.hpp"

#include "out_of_bag.hpp"

#include <assay/error.hpp>

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace assay::detail {

namespace {

constexpr std::int64_t validation_rows = 4096;

std::vector<std::int64_t> all_rows(const TensorPool& pool) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(pool.size()));
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::int64_t>(i);
  return rows;
}

std::vector<SampleId> ids_of(const TrainingRun::Part& part) {
  std::vector<SampleId> ids;
  for (const std::int64_t row : part.rows) ids.push_back(part.pool->ids()[static_cast<std::size_t>(row)]);
  return ids;
}

/// All of a pool, packed.
TrainingRun::Part whole(const LearnerRef& learner, const TensorPool& pool) {
  return {&pool, all_rows(pool), learner->pack(pool.all(), pool.ids())};
}

/// Some rows of a packed pool.
TrainingRun::Part some(const TrainingRun::Part& all, std::vector<std::int64_t> rows) {
  const torch::Tensor index = at::tensor(rows, torch::kInt64).to(all.packed.inputs.front().device());
  return {all.pool, std::move(rows), all.packed.rows(index)};
}

/// Whether early stopping holds a sample out in every training.
bool held_out(SampleId id, std::int64_t one_in) {
  return RandomKey(0).with("fold").with(id).uniform() * static_cast<double>(one_in) < 1;
}

/// "; its 'stress' holds nan at element 3", or nothing.
std::string bad_value_of(const Values& sample) {
  for (const NamedTensor& entry : sample) {
    const std::vector<double> numbers = sample.numbers(entry.name);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      if (!std::isfinite(numbers[i])) {
        return "; its '" + entry.name + "' holds " + std::to_string(numbers[i]) + " at element " + std::to_string(i);
      }
    }
  }
  return "";
}

/// In one pass over integers, which vectorises: a number is not finite if its exponent is all ones.
bool all_finite(const float* numbers, std::int64_t count) {
  constexpr std::uint32_t exponent = 0x7f800000;
  std::uint32_t bad = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    bad |= static_cast<std::uint32_t>((std::bit_cast<std::uint32_t>(numbers[i]) & exponent) == exponent);
  }
  return bad == 0;
}

std::string number_text(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

}  // namespace

torch::Device training_device(const std::string& name) {
  std::optional<torch::Device> device;
  try {
    device.emplace(name);
  } catch (const c10::Error&) {
  }
  if (!device || !(device->is_cpu() || device->is_cuda())) {
    throw ConfigError({"assay.training.device", "/device", "cpu, cuda or cuda:N", "'" + name + "'", ""});
  }
  if (device->is_cuda()) {
    if (!at::hasCUDA()) {
      throw ConfigError(
          {"assay.training.device", "/device", "a device this program can use", "'" + name + "'",
           "no CUDA device is visible, or the program is not linked with assay::cuda "
           "(find_package(assay COMPONENTS cuda)): use device \"cpu\", or check nvidia-smi and the link"});
    }
    const int count = at::detail::getCUDAHooks().deviceCount();
    if (device->index() >= count) {
      throw ConfigError(
          {"assay.training.device", "/device", "cuda:0 to cuda:" + std::to_string(count - 1), "'" + name + "'", ""});
    }
  }
  return *device;
}

torch::Dtype training_dtype(const std::string& name) {
  if (name == "float32") return torch::kFloat32;
  if (name == "float64") return torch::kFloat64;
  throw ConfigError({"assay.config.value", "/dtype", "float32 or float64", "'" + name + "'", ""});
}

void shrink_and_perturb(const std::vector<torch::Tensor>& parameters, const ShrinkAndPerturbOptions& options,
                        std::uint64_t seed) {
  const at::NoGradGuard no_grad;
  at::Generator generator = make_generator(seed);
  for (const torch::Tensor& parameter : parameters) {
    const torch::Tensor noise = at::empty(parameter.sizes(), torch::kFloat64).normal_(0, options.perturb, generator);
    parameter.detach().mul_(options.shrink).add_(noise.to(parameter.device(), parameter.scalar_type()));
  }
}

std::int64_t training_threads(const std::vector<torch::Tensor>& parameters, std::int64_t batch_size,
                              std::int64_t allowed) {
  // A thread is woken and waited for at every operator: it has to save more than that costs.
  constexpr std::int64_t worth_a_thread = std::int64_t{1} << 24;  // multiplications
  if (!parameters.front().is_cpu()) return allowed;
  std::int64_t numbers = 0;
  for (const torch::Tensor& parameter : parameters) numbers += parameter.numel();
  return std::clamp<std::int64_t>(numbers * batch_size / worth_a_thread, 1, allowed);
}

void clip_gradients(const std::vector<torch::Tensor>& parameters, double max_norm) {
  const at::NoGradGuard no_grad;
  std::vector<torch::Tensor> gradients;
  for (const torch::Tensor& parameter : parameters) {
    if (parameter.grad().defined()) gradients.push_back(parameter.grad());
  }
  if (gradients.empty()) return;
  const torch::Tensor norm = at::linalg_vector_norm(at::stack(at::_foreach_norm(gradients)));
  at::_foreach_mul_(gradients, (norm + 1e-6).reciprocal_().mul_(max_norm).clamp_max_(1));
}

void clear_gradients(const std::vector<torch::Tensor>& parameters) {
  for (const torch::Tensor& parameter : parameters) parameter.mutable_grad().reset();
}

void throw_bad_loss(const torch::Tensor& loss) {
  std::ostringstream got;
  if (!loss.defined()) {
    got << "an undefined tensor";
  } else if (loss.dim() != 0) {
    got << "a tensor of shape " << loss.sizes();
  } else {
    got << "a number without gradient";
  }
  throw TrainingError({"assay.training.loss", "training_step", "a 0-dimensional loss that depends on the parameters",
                       got.str(), "average the loss over the batch; do not detach it"});
}

TrainingRun::TrainingRun(const DefaultTrainingLoopOptions& options, LearnerRef learner, const TrainingContext& context,
                         TrainingProgress& progress, DeviceEpochs* recorded)
    : options_(options),
      learner_(learner),
      random_(context.random),
      progress_(progress),
      epochs_(fine_tunes(options, context) ? options.fine_tuning_epochs : options.epochs),
      rate_(fine_tunes(options, context) ? options.fine_tuning_lr.value_or(options.optimizer.lr())
                                         : options.optimizer.lr()),
      recorded_(recorded),
      parameters_(learner->parameters()),
      tracked_(parameters_),
      parts_(held_by(recorded, split(context))),
      batch_size_(std::min(options.batch_size, parts_.training.packed.size())),
      order_(ids_of(parts_.training), parameters_.front().device()),
      generator_(parameters_.front().device()) {
  const std::vector<torch::Tensor> buffers = learner_->buffers();
  tracked_.insert(tracked_.end(), buffers.begin(), buffers.end());
  if (options.early_stopping && validates()) {
    stopper_ = EarlyStopper{options.early_stopping->patience, options.early_stopping->min_delta};
  }
  if (recorded) {
    device_loss_ = recorded->loss_sum();
    return;
  }
  feed_.emplace(parts_.training.packed, batch_size_);
  const torch::Device device = parts_.training.packed.inputs.front().device();
  if (!device.is_cpu()) device_loss_ = at::zeros({}, torch::TensorOptions(torch::kFloat64).device(device));
}

TrainingRun::Parts TrainingRun::held_by(DeviceEpochs* recorded, Parts parts) {
  if (!recorded) return parts;
  parts.training.packed = recorded->hold_training(parts.training.packed);
  if (!parts.validation.rows.empty()) parts.validation.packed = recorded->hold_validation(parts.validation.packed);
  return parts;
}

TrainingRun::Parts TrainingRun::split(const TrainingContext& context) const {
  Part labeled = whole(learner_, context.labeled);
  if (!context.validation.empty()) return {std::move(labeled), whole(learner_, context.validation)};
  if (!options_.early_stopping || options_.early_stopping->watch == Watch::nothing) return {std::move(labeled), {}};
  if (options_.early_stopping->watch == Watch::out_of_bag) {
    Part left_out = some(labeled, out_of_bag_rows(learner_, labeled.packed));
    return {std::move(labeled), std::move(left_out), /*out_of_bag=*/true};
  }
  std::vector<std::int64_t> kept, held;
  for (const std::int64_t row : labeled.rows) {
    (held_out(context.labeled.ids()[static_cast<std::size_t>(row)], options_.holdout) ? held : kept).push_back(row);
  }
  if (held.size() < 2 || kept.empty()) return {std::move(labeled), {}};
  return {some(labeled, std::move(kept)), some(labeled, std::move(held))};
}

bool TrainingRun::finished() const { return static_cast<std::int64_t>(history().size()) >= epochs_ || stopped_early(); }

double TrainingRun::start_epoch() {
  const auto epoch = static_cast<std::int64_t>(history().size());
  const RandomKey key = random_.with("epoch").with(epoch);
  progress_.mid_epoch = true;
  generator_.seed(key.with("generator").bits());
  epoch_start_.take(tracked_);
  const double rate = rate_ * options_.scheduler.factor({.epoch = epoch, .epochs = epochs_, .history = history()});
  learner_->set_training(true);
  if (recorded_) {
    if (dealt_ != epoch) deal(epoch);
    recorded_->set_rate(rate);
    return rate;
  }
  feed_->start(order_of(epoch));
  host_loss_ = 0;
  if (device_loss_.defined()) device_loss_.zero_();
  return rate;
}

const torch::Tensor& TrainingRun::order_of(std::int64_t epoch) {
  return order_.shuffled(random_.with("epoch").with(epoch).with("order"));
}

void TrainingRun::deal(std::int64_t epoch) {
  recorded_->deal(order_of(epoch));
  dealt_ = epoch;
}

void TrainingRun::count(const torch::Tensor& loss, std::int64_t samples) {
  if (device_loss_.defined()) {
    device_loss_.add_(loss.detach(), samples);
  } else {
    const double value = loss.scalar_type() == torch::kFloat32 && loss.is_cpu()
                             ? static_cast<double>(*loss.const_data_ptr<float>())
                             : loss.item<double>();
    host_loss_ += value * static_cast<double>(samples);
  }
}

torch::Tensor TrainingRun::validation_loss() {
  const Batch& packed = parts_.validation.packed;
  torch::Tensor sum;
  for (std::int64_t first = 0; first < packed.size(); first += validation_rows) {
    const Batch block = packed.slice(first, std::min(validation_rows, packed.size() - first));
    const torch::Tensor mean = parts_.out_of_bag ? learner_->out_of_bag_step(block) : learner_->validation_step(block);
    const torch::Tensor loss = mean.detach().to(torch::kFloat64) * static_cast<double>(block.size());
    sum = sum.defined() ? sum + loss : loss;
  }
  return sum / static_cast<double>(packed.size());
}

torch::Tensor TrainingRun::parameter_check() const {
  // The last step of an epoch can spoil parameters whose losses nobody has seen yet. A largest element cannot
  // overflow, as a sum of squares could.
  constexpr double infinity = std::numeric_limits<double>::infinity();
  std::vector<torch::Tensor> others;
  for (const torch::Tensor& parameter : parameters_) {
    if (parameter.numel() == 0) continue;
    if (!parameter.is_cpu() || parameter.scalar_type() != torch::kFloat32 ||
        !parameter.is_non_overlapping_and_dense()) {
      others.push_back(parameter.detach());
    } else if (!all_finite(parameter.const_data_ptr<float>(), parameter.numel())) {
      return at::scalar_tensor(infinity, torch::kFloat64);
    }
  }
  if (others.empty()) return at::scalar_tensor(0.0, torch::kFloat64);
  return at::stack(at::_foreach_norm(others, infinity)).sum().to(torch::kFloat64);
}

torch::Tensor TrainingRun::readings() {
  const torch::Tensor check = parameter_check();
  return at::stack({device_loss_.defined() ? device_loss_ : at::scalar_tensor(host_loss_, torch::kFloat64), check,
                    validates() ? validation_loss() : at::zeros_like(check)});
}

EpochReport TrainingRun::finish_epoch(double rate) {
  const at::NoGradGuard no_grad;
  learner_->set_training(false);
  const auto next = static_cast<std::int64_t>(history().size()) + 1;
  const torch::Tensor end = recorded_ ? recorded_->finish_epoch() : readings();
  if (recorded_ && next < epochs_) deal(next);  // while the device works
  const torch::Tensor read = end.cpu();         // the epoch's one sync
  const auto* value = read.const_data_ptr<double>();
  EpochReport report{.epoch = next,
                     .epochs = epochs_,
                     .training_loss = value[0] / static_cast<double>(parts_.training.packed.size()),
                     .learning_rate = rate};
  if (validates()) report.validation_loss = value[2];
  if (!std::isfinite(value[0]) || !std::isfinite(value[1]) || !std::isfinite(value[2])) throw_not_finite(report);

  progress_.history.push_back(report);
  progress_.mid_epoch = false;
  if (stopper_ && stopper_->improved(history())) progress_.best.take(tracked_);
  return report;
}

void TrainingRun::throw_not_finite(const EpochReport& epoch) {
  epoch_start_.put_back(tracked_);
  Suspect suspect;
  look_for_suspect(parts_.training, suspect);
  if (validates()) look_for_suspect(parts_.validation, suspect);
  const std::string what = "training loss " + number_text(epoch.training_loss) +
                           (!validates() ? "" : ", validation loss " + number_text(epoch.validation_loss)) +
                           " in epoch " + std::to_string(epoch.epoch);
  if (!std::isfinite(suspect.loss)) {
    throw TrainingError({"assay.training.not_finite", "sample " + std::to_string(suspect.id), "a finite loss",
                         number_text(suspect.loss) + suspect.bad_value + " (" + what + ")",
                         "correct or drop the sample; the parameters are those of the epoch's start"});
  }
  throw TrainingError(
      {"assay.training.not_finite", "sample " + std::to_string(suspect.id), "a finite loss",
       what + "; at the epoch's start every loss is finite, this sample's the largest: " + number_text(suspect.loss),
       "training diverged: lower the learning rate or set gradient_clip; the parameters are those "
       "of the epoch's start"});
}

void TrainingRun::look_for_suspect(const Part& part, Suspect& suspect) {
  for (std::size_t i = 0; i < part.rows.size(); ++i) {
    const double loss = learner_->validation_step(part.packed.slice(static_cast<std::int64_t>(i), 1)).item<double>();
    if (suspect.id >= 0 && !std::isfinite(suspect.loss)) return;
    if (std::isfinite(loss) && loss <= suspect.loss) continue;
    suspect.loss = loss;
    suspect.id = part.pool->ids()[static_cast<std::size_t>(part.rows[i])];
    if (!std::isfinite(loss)) suspect.bad_value = bad_value_of(row(part.pool->all(), part.rows[i]));
  }
}

void TrainingRun::restore_best() {
  if (stopper_ && !progress_.best.empty()) progress_.best.put_back(tracked_);
}

TrainingReport TrainingRun::report(std::string ended_by) const {
  TrainingReport report{.epochs = static_cast<std::int64_t>(history().size()),
                        .batches = static_cast<std::int64_t>(history().size()) * batches(),
                        .threads = at::get_num_threads(),
                        .replayed = recorded_ ? recorded_->replayed() : 0,
                        .not_recorded = recorded_ ? recorded_->obstacle() : "",
                        .ended_by = std::move(ended_by)};
  report.best_epoch = stopper_ ? stopper_->best_epoch(history()) : report.epochs;
  if (report.best_epoch > 0) {
    const EpochReport& best = history()[static_cast<std::size_t>(report.best_epoch - 1)];
    report.training_loss = best.training_loss;
    report.validation_loss = best.validation_loss;
  }
  return report;
}

}  // namespace assay::detail
