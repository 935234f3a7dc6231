// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/any/any_metrology.hpp>
#include <assay/any/any_query.hpp>
#include <assay/detail/campaign.hpp>
#include <assay/detail/driver_checks.hpp>
#include <assay/metrology/no_metrology.hpp>
#include <assay/training/own_loop.hpp>

#include <atomic>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace assay {

/// Runs an active-learning campaign: trains the learner, measures it, picks the samples that are worth a simulation,
/// has them simulated, folds the labels in, and repeats.
///
/// The strategies are plain values; what each must provide stands in the concept that constrains its slot. Everything
/// that is paid for is in the campaign directory before anything else happens to it: kill the process at any moment,
/// construct the same driver with `Resume::if_present`, and it goes on where it was.
///
/// A host code that owns its own loop uses `ask`, `tell` and `advance` in place of `run`:
///
///     while (driver.advance() == assay::RunStatus::waiting) {
///       for (const assay::Sample& s : driver.ask(8)) driver.tell(s.id, assay::done(solve(s.values)));
///     }
///
/// With `DriverOptions::wall_time` both stop in time; start the program again to go on.
///
/// One thread calls the driver; `request_stop` alone may come from any thread or signal handler.
template <class Learner, class Query, class Label, class Metrology = NoMetrology, class Loop = OwnLoop<Learner>>
class Driver {
  static_assert(detail::check_learner<Learner>());
  static_assert(detail::check_query<Query>());
  static_assert(detail::check_label<Label>());
  static_assert(detail::check_metrology<Metrology>());
  static_assert(detail::check_loop<Loop>());
  static_assert(detail::check_match<Query, Learner>());
  static_assert(detail::check_metrology_match<Metrology, Learner>());

 public:
  /// Opens the campaign directory: starts a campaign, or continues the one that is there (`DriverOptions::resume`).
  /// Errors: `ConfigError` for options and slots that do not fit together, `DataError` and `ShapeError` for pools that
  /// cannot be used, `CheckpointError` for a directory that cannot be started in or continued.
  Driver(DriverOptions options, Pools pools, Learner learner, Query query, Label label, Metrology metrology, Loop loop)
      : Driver(std::move(options), std::move(pools),
               Parts{std::move(learner), std::move(query), std::move(label), std::move(metrology), std::move(loop)}) {}

  /// The same without a loop: the one that the learner names trains it (`LearnerProtocol`), else `DefaultTrainingLoop`.
  /// A campaign that was begun without one, before learners named theirs, goes on with the latter.
  Driver(DriverOptions options, Pools pools, Learner learner, Query query, Label label,
         Metrology metrology = Metrology())
      : Driver(std::move(options), std::move(pools), [&] {
          Loop loop = loop_of(learner, options.dir);
          return Parts{std::move(learner), std::move(query), std::move(label), std::move(metrology), std::move(loop)};
        }()) {}

  /// The driver of a campaign that is already in `options.dir`; as the constructor with `Resume::required`.
  static Driver resume(DriverOptions options, Pools pools, Learner learner, Query query, Label label,
                       Metrology metrology, Loop loop) {
    options.resume = Resume::required;
    return Driver(std::move(options), std::move(pools), std::move(learner), std::move(query), std::move(label),
                  std::move(metrology), std::move(loop));
  }
  static Driver resume(DriverOptions options, Pools pools, Learner learner, Query query, Label label,
                       Metrology metrology = Metrology()) {
    options.resume = Resume::required;
    return Driver(std::move(options), std::move(pools), std::move(learner), std::move(query), std::move(label),
                  std::move(metrology));
  }

  /// Runs until the campaign has finished or a stop was requested.
  RunStatus run() {
    while (true) {
      const RunStatus status = advance();
      if (status != RunStatus::waiting) return status;
      campaign_->label([this](LabelContext& context) { parts_->label.label(context); });
    }
  }

  /// Does everything that needs no simulation: returns when samples wait to be simulated, when the campaign has
  /// finished, or when a stop was requested.
  RunStatus advance() {
    while (!finished()) {
      if (campaign_->must_stop()) return RunStatus::stopped;
      if (campaign_->waiting_for_labels()) return RunStatus::waiting;
      switch (campaign_->position().phase) {
        case Phase::training:
          campaign_->train(
              [this](TrainingContext& context) { return parts_->loop.train(LearnerRef(parts_->learner), context); });
          break;
        case Phase::metrology:
          campaign_->measure(
              [this](const MetrologyInputs& inputs) { return detail::measure_with(parts_->metrology, inputs); });
          break;
        case Phase::query:
          campaign_->query([this](const QueryInputs& inputs) { return detail::select_with(parts_->query, inputs); });
          break;
        case Phase::labeling: campaign_->finish_labeling(); break;
        case Phase::data_integration: campaign_->integrate(); break;
      }
    }
    return RunStatus::finished;
  }

  /// Up to `count` samples to simulate now, in the order they were picked; empty when none is waiting. What was asked
  /// for and never told is offered again after a restart, unless it stays `Asked::until_told`.
  std::vector<Sample> ask(std::int64_t count, Asked asked = Asked::until_restart) {
    return campaign_->ask(count, asked);
  }
  /// Keeps samples that were asked for with who asked for them, as if it had been `Asked::until_told`: to be called
  /// when they have reached him. One commit for those that were asked for `Asked::until_kept`, one for others.
  void keep_asked(std::span<const SampleId> ids) { campaign_->keep_asked(ids); }
  /// Samples that are with who asked for them, `Asked::until_told`.
  std::vector<Sample> asked() const { return campaign_->asked(); }

  /// The outcome of a sample that was asked for; durable when it returns. Telling the same again changes nothing.
  /// \return false if the labels were refused: they lack a promised field, do not fit the earlier ones, are not finite,
  ///   or break a rule of the learner (`TargetRule`). They are kept raw in the ledger and the sample counts as failed.
  /// Errors: `LabelError` `assay.label.not_running` for a sample that was not asked for, `assay.label.told` for one
  /// with another outcome already.
  bool tell(SampleId id, const Outcome& outcome) { return campaign_->tell({id, outcome}); }
  /// Many outcomes at once, in one commit. \return how many labels are known now. Errors: as for one, of the first that
  /// is wrong, after all others are in the ledger.
  std::int64_t tell(std::span<const Told> outcomes) { return campaign_->tell(outcomes); }
  /// The same, with what came of each: none of them keeps another back.
  std::vector<TellResult> tell_each(std::span<const Told> outcomes) { return campaign_->tell_each(outcomes); }
  /// The numbers of the attempts, from 1, that samples are in, or were in last; 0 for one that never was in any.
  std::vector<int> attempts(std::span<const SampleId> ids) const { return campaign_->attempts(ids); }
  /// Shape and dtype of each target, as the labels so far have them; before the first, of those that the learner
  /// declares.
  Schema target_schema() const { return campaign_->target_schema(); }

  bool finished() const noexcept { return campaign_->finished(); }
  /// Ends `run` and `advance` at the next safe point; running simulations are ended as their label strategy does.
  /// Another call of either goes on.
  void request_stop() noexcept { campaign_->request_stop(); }
  /// As long as `flag` is true a stop is requested: for programs whose signal handlers set it, from before there is a
  /// driver. It must outlive the driver.
  void stop_when(const std::atomic<bool>& flag) noexcept { campaign_->stop_when(flag); }

  const Learner& learner() const noexcept { return parts_->learner; }
  std::int64_t round() const noexcept { return campaign_->position().round; }
  Phase phase() const noexcept { return campaign_->position().phase; }
  const TensorPool& labeled() const noexcept { return campaign_->labeled(); }
  const TensorPool& validation() const noexcept { return campaign_->validation(); }
  const TensorPool& test() const noexcept { return campaign_->test(); }
  /// Samples of the pools that came without labels: round 0 has them simulated.
  std::int64_t to_label_first() const noexcept { return campaign_->to_label_first(); }
  PoolView unlabeled() const { return campaign_->unlabeled(); }
  const std::vector<MetricRecord>& records() const noexcept { return campaign_->records(); }
  Counts counts() const { return campaign_->counts(); }
  /// Labels, failures, simulations, last metrics and seconds by phase, as JSON.
  Json report() const { return campaign_->report(); }

 private:
  struct Parts {
    Learner learner;
    Query query;
    Label label;
    Metrology metrology;
    Loop loop;
  };

  /// By references: what makes the parts may still look at the options.
  Driver(DriverOptions&& options, Pools&& pools, Parts parts) : parts_(std::make_unique<Parts>(std::move(parts))) {
    const CapabilitySet provided = capabilities_of(parts_->learner);
    detail::require_capabilities("query", detail::requirements_of(parts_->query), provided);
    detail::require_capabilities("metrology", detail::metrology_requirements_of(parts_->metrology), provided);
    campaign_ = std::make_unique<detail::Campaign>(
        std::move(options), std::move(pools), LearnerRef(parts_->learner), parts_->label.provides(),
        std::vector<detail::Slot>{slot("learner", parts_->learner), slot("query", parts_->query),
                                  slot("label", parts_->label), slot("metrology", parts_->metrology),
                                  slot("loop", parts_->loop)});
  }

  static Loop loop_of(const Learner& learner, const std::filesystem::path& dir) {
    if constexpr (detail::NamesLoop<Learner> && std::same_as<Loop, AnyTrainingLoop>) {
      return detail::begun_loop(detail::loop_maker_of(learner), dir);
    } else {
      return Loop();
    }
  }

  template <class T>
  static detail::Slot slot(std::string name, T& component) {
    return {std::move(name), spec_of(component), [&component] { return detail::save_state(component); },
            [&component](const State& state) { detail::load_state(component, state); },
            [&component](Json& saved) { fill_spec(component, saved); }};
  }

  std::unique_ptr<Parts> parts_;
  std::unique_ptr<detail::Campaign> campaign_;
};

}  // namespace assay
