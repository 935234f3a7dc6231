// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/detail/owner.hpp>
#include <assay/options.hpp>
#include <assay/training/context.hpp>

#include <array>
#include <concepts>
#include <cstdint>
#include <span>
#include <string_view>

namespace assay {

/// Where a training stands when the rate of its next epoch is asked for.
struct ScheduleProgress {
  std::int64_t epoch = 0;                ///< about to run, counted from 0
  std::int64_t epochs = 1;               ///< planned
  std::span<const EpochReport> history;  ///< the epochs that have run
};

/// A type satisfies `Scheduler` if, for `c` (const),
///  1. `c.factor(progress)` gives the number that the optimizer's learning rate is multiplied with in an epoch, as a
///     function of `ScheduleProgress` alone: a resumed training then needs no state of the scheduler.
template <class T>
concept Scheduler = std::copy_constructible<T> && requires(const T& c, const ScheduleProgress& progress) {
  { c.factor(progress) } -> std::convertible_to<double>;
};

namespace detail {

struct SchedulerInterface : ComponentInterface<SchedulerInterface> {
  virtual double factor(const ScheduleProgress& progress) const = 0;
};

template <class T>
struct SchedulerModel final : ComponentModel<SchedulerInterface, SchedulerModel<T>, T> {
  using ComponentModel<SchedulerInterface, SchedulerModel<T>, T>::ComponentModel;
  double factor(const ScheduleProgress& progress) const override { return this->held.factor(progress); }
};

}  // namespace detail

/// Owns any scheduler; itself one. In JSON: `{"type": "cosine", "final_factor": 0.01}`.
class AnyScheduler {
 public:
  template <detail::NotItself<AnyScheduler> T>
    requires Scheduler<std::remove_cvref_t<T>>
  AnyScheduler(T&& scheduler)
      : self_(std::make_unique<detail::SchedulerModel<std::remove_cvref_t<T>>>(std::forward<T>(scheduler))) {}

  double factor(const ScheduleProgress& progress) const { return self_->factor(progress); }
  Json spec() const { return self_->spec(); }
  void fill_spec(Json& saved) const { self_->fill_spec(saved); }

 private:
  detail::Owner<detail::SchedulerInterface> self_;
};

/// The same rate in every epoch: factor 1.
class ConstantSchedule {
 public:
  static constexpr std::string_view key = "constant";
  static constexpr std::string_view summary = "the same learning rate in every epoch";

  double factor(const ScheduleProgress&) const { return 1; }
};

struct CosineScheduleOptions {
  double final_factor = 0;

  static constexpr std::array describe{
      OptionInfo{.name = "final_factor",
                 .help = "what the learning rate is multiplied with where the cosine ends",
                 .min = 0,
                 .max = 1}};
};

/// Half a cosine from 1 down to `final_factor` = f:  f + (1 - f) · (1 + cos(π · epoch / epochs)) / 2.
///
/// Source: Loshchilov and Hutter 2017, "SGDR: stochastic gradient descent with warm restarts", equation 5.
class CosineSchedule {
 public:
  static constexpr std::string_view key = "cosine";
  static constexpr std::string_view summary = "half a cosine down to final_factor";

  explicit CosineSchedule(CosineScheduleOptions options = {});
  double factor(const ScheduleProgress& progress) const;

  CosineScheduleOptions options;
};

struct WarmupScheduleOptions {
  std::int64_t epochs = 5;
  AnyScheduler then = ConstantSchedule();

  static constexpr std::array describe{
      OptionInfo{.name = "epochs", .help = "over which the learning rate rises", .min = 1},
      OptionInfo{.name = "then", .help = "the schedule of the epochs after the warm-up"},
  };
};

/// A linear rise over the first n = `epochs` epochs, then another schedule over the rest:  (epoch + 1) / (n + 1).
class WarmupSchedule {
 public:
  static constexpr std::string_view key = "warmup";
  static constexpr std::string_view summary = "a linear rise, then another schedule";

  explicit WarmupSchedule(WarmupScheduleOptions options = {});
  double factor(const ScheduleProgress& progress) const;

  WarmupScheduleOptions options;
};

struct PlateauScheduleOptions {
  double factor = 0.5;
  std::int64_t patience = 10;
  double min_delta = 1e-4;
  double min_factor = 1e-3;

  static constexpr std::array describe{
      OptionInfo{
          .name = "factor", .help = "what the learning rate is multiplied with at each plateau", .min = 0, .max = 1},
      OptionInfo{.name = "patience", .help = "epochs without improvement that make a plateau", .min = 1},
      OptionInfo{.name = "min_delta", .help = "relative decrease of the loss that counts as improvement", .min = 0},
      OptionInfo{.name = "min_factor", .help = "the rate is never multiplied with less", .min = 0, .max = 1},
  };
};

/// Lowers the rate whenever the loss has not fallen for `patience` epochs: factor^(plateaus so far).
///
/// The loss is the validation loss, or the training loss where nothing is validated; it improves when it falls below
/// (1 - min_delta) · the best so far. Cost: one pass over the history an epoch.
class PlateauSchedule {
 public:
  static constexpr std::string_view key = "on_plateau";
  static constexpr std::string_view summary = "lower the learning rate when the loss stops falling";

  explicit PlateauSchedule(PlateauScheduleOptions options = {});
  double factor(const ScheduleProgress& progress) const;

  PlateauScheduleOptions options;
};

}  // namespace assay
