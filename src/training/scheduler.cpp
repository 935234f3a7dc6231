// SPDX-License-Identifier: Apache-2.0
#include <assay/training/scheduler.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace assay {

CosineSchedule::CosineSchedule(CosineScheduleOptions options_) : options(options_) { require_valid(options, key); }

double CosineSchedule::factor(const ScheduleProgress& progress) const {
  const double done = static_cast<double>(progress.epoch) / static_cast<double>(progress.epochs);
  return options.final_factor + (1 - options.final_factor) * (1 + std::cos(std::numbers::pi * done)) / 2;
}

WarmupSchedule::WarmupSchedule(WarmupScheduleOptions options_) : options(std::move(options_)) {
  require_valid(options, key);
}

double WarmupSchedule::factor(const ScheduleProgress& progress) const {
  if (progress.epoch < options.epochs) {
    return static_cast<double>(progress.epoch + 1) / (static_cast<double>(options.epochs) + 1);
  }
  const auto warmed = static_cast<std::size_t>(options.epochs);
  return options.then.factor({.epoch = progress.epoch - options.epochs,
                              .epochs = std::max<std::int64_t>(1, progress.epochs - options.epochs),
                              .history = progress.history.subspan(std::min(warmed, progress.history.size()))});
}

PlateauSchedule::PlateauSchedule(PlateauScheduleOptions options_) : options(options_) { require_valid(options, key); }

double PlateauSchedule::factor(const ScheduleProgress& progress) const {
  double factor = 1;
  double best = std::numeric_limits<double>::infinity();
  std::int64_t since_best = 0;
  for (const EpochReport& epoch : progress.history) {
    const double loss = std::isnan(epoch.validation_loss) ? epoch.training_loss : epoch.validation_loss;
    if (loss < best - options.min_delta * std::abs(best) || std::isinf(best)) {
      best = loss;
      since_best = 0;
    } else if (++since_best == options.patience) {
      factor *= options.factor;
      since_best = 0;
    }
  }
  return std::max(factor, options.min_factor);
}

}  // namespace assay
