// SPDX-License-Identifier: Apache-2.0
#include "checks.hpp"

#include <assay/detail/campaign.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>

#include <algorithm>

namespace assay::detail {

namespace {

/// Errors: `ConfigError` for a stop criterion on the error of a random share that no batch has.
void require_random_share(const std::vector<Slot>& slots) {
  const auto query = std::find_if(slots.begin(), slots.end(), [](const Slot& slot) { return slot.name == "query"; });
  const std::string key = key_of(query->spec);
  if (key.empty() || query->spec.dump().find("\"random_share\"") != std::string::npos) return;
  for (const Slot& slot : slots) {
    const auto metric = slot.spec.find("metric");
    if (!slot.name.starts_with("stop_") || metric == slot.spec.end() || !metric->is_string()) continue;
    if (!metric->get<std::string>().starts_with("random_share_rmse")) continue;
    throw ConfigError({"assay.stop.metric", "stop criterion '" + key_of(slot.spec) + "', /metric",
                       "a query with a random share, for " + metric->get<std::string>(), "query '" + key + "'",
                       "put the query into one: {\"type\": \"random_share\", \"strategy\": …}"});
  }
}

}  // namespace

Campaign::Campaign(DriverOptions options, Pools pools, const LearnerRef& learner, std::vector<std::string> provides,
                   std::vector<Slot> slots)
    : options_(std::move(options)),
      learner_(learner),
      rules_(learner_->target_rules()),
      provides_(std::move(provides)),
      slots_(std::move(slots)),
      random_(options_.seed) {
  require_none(option_problems(options_));
  if (options_.wall_time) deadline_ = std::chrono::steady_clock::now() + *options_.wall_time;
  if (!options_.skip_labeling) require_none(provides_problems("label", learner_->targets(), provides_));
  for (std::size_t i = 0; i < options_.stop.size(); ++i) {
    AnyStop& stop = options_.stop[i];
    slots_.push_back({"stop_" + std::to_string(i), stop.spec(), [&stop] { return stop.save(); },
                      [&stop](const State& state) { stop.load(state); },
                      [&stop](Json& saved) { stop.fill_spec(saved); }});
  }
  for (std::size_t i = 0; i < options_.observers.size(); ++i) {
    AnyObserver& observer = options_.observers[i];
    slots_.push_back({"observer_" + std::to_string(i), observer.spec(), [&observer] { return observer.save(); },
                      [&observer](const State& state) { observer.load(state); },
                      [&observer](Json& saved) { observer.fill_spec(saved); }});
  }
  require_random_share(slots_);
  take_pools(std::move(pools));
  open();
}

Campaign::~Campaign() {
  try {
    if (checkpoints_) checkpoints_->flush();
  } catch (const std::exception& error) {
    // Too late to throw; the ledger holds all labels, and the checkpoint before this one is intact.
    try {
      if (log_) log_->observe({.kind = Event::Kind::warning, .text = std::string("checkpoint: ") + error.what()});
    } catch (const std::exception&) {
      // The disk that refused the checkpoint refuses the log too: there is nowhere left to say it.
    }
  }
}

bool Campaign::stop_requested() const {
  const std::atomic<bool>* host = host_stop_.load(std::memory_order_relaxed);
  return stop_requested_.load(std::memory_order_relaxed) || (host && host->load(std::memory_order_relaxed)) ||
         (deadline_ && std::chrono::steady_clock::now() >= *deadline_);
}

bool Campaign::must_stop() {
  const bool asked = stop_requested_.exchange(false, std::memory_order_relaxed);
  if (!asked && !stop_requested() && !nothing_fits_) return false;
  checkpoints_->flush();
  return true;
}

void Campaign::emit(Event event) {
  const std::lock_guard lock(event_mutex_);
  event.round = position_.round;
  event.phase = position_.phase;
  if (log_) log_->observe(event);
  for (AnyObserver& observer : options_.observers) observer.observe(event);
}

void Campaign::begin_phase() {
  phase_began_ = std::chrono::steady_clock::now();
  emit({.kind = Event::Kind::phase_started});
}

double Campaign::add_phase_seconds() {
  const auto now = std::chrono::steady_clock::now();
  const double seconds = std::chrono::duration<double>(now - phase_began_).count();
  seconds_[std::string(to_string(position_.phase))] += seconds;
  phase_began_ = now;
  return seconds;
}

void Campaign::end_phase(Phase next_phase, std::int64_t next_round) {
  emit({.kind = Event::Kind::phase_finished, .seconds = add_phase_seconds()});
  position_.phase = next_phase;
  position_.round = next_round;
  // Decided before the checkpoint: one that says "go on" has asked all criteria.
  if (std::optional<std::string> reason = reason_to_end()) return finish(std::move(*reason));
  save_checkpoint();
}

void Campaign::finish(std::string reason) {
  position_.finished_by = std::move(reason);
  save_checkpoint();
  checkpoints_->flush();
  const Counts counts = ledger_->counts();
  say("labeled by use: training " + std::to_string(counts.labels) + ", validation " +
      std::to_string(counts.validation_labels) + ", test " + std::to_string(counts.test_labels) + "; failed " +
      std::to_string(counts.failed) + ", infeasible " + std::to_string(counts.infeasible) + "; simulations " +
      std::to_string(counts.simulations));
  emit({.kind = Event::Kind::campaign_finished, .text = position_.finished_by});
}

/// Samples that count against the budget, as they stood before this round chose: in campaigns of the first behavior
/// also those that were answered with a copy or an import, which cost nothing.
std::int64_t Campaign::spent() const {
  const Counts counts = ledger_->counts_after(position_.round - 1);
  const std::int64_t all = counts.labels + counts.validation_labels + counts.test_labels + counts.failed +
                           counts.infeasible;
  return ledger_->behavior() < 2 ? all : all - ledger_->answered_after(position_.round - 1);
}

std::optional<std::string> Campaign::reason_to_end() {
  const bool last = position_.round > options_.max_rounds;
  if (position_.phase == Phase::training && last && !options_.final_training) return "max_rounds";
  if (position_.phase != Phase::query || position_.round == 0) return std::nullopt;
  if (!options_.stop.empty()) {
    double seconds = 0;
    for (const auto& [phase, worked] : seconds_) seconds += worked;
    const StopContext context{.round = std::min(position_.round, options_.max_rounds),
                              .counts = ledger_->counts_after(position_.round - 1),
                              .seconds = ledger_->record_seconds(position_.round, seconds),
                              .records = records_};
    for (AnyStop& stop : options_.stop) {
      if (std::optional<std::string> reason = stop.should_stop(context)) return reason;
    }
  }
  if (last) return "max_rounds";
  if (options_.label_budget && spent() >= *options_.label_budget) return "label_budget";
  return std::nullopt;
}

void Campaign::write_status() const {
  if (storage_ != Storage::shared) return;
  Json status = report();
  status["campaign"] = ledger_->campaign_id();
  status["position"] = {{"round", position_.round},
                        {"phase", to_string(position_.phase)},
                        {"finished", finished()},
                        {"finished_by", position_.finished_by}};
  status["queued"] = ledger_->count(SampleState::queued);
  status["running"] = ledger_->count(SampleState::running);
  write_file(options_.dir / "status.json", status.dump(1) + "\n");
}

Json Campaign::report() const {
  const Counts counts = ledger_->counts();
  Json metrics = Json::object();
  for (const MetricRecord& record : records_) {
    for (const Measurement& m : record.measurements) metrics[m.name] = json_number(m.value);
  }
  Json seconds = Json::object();
  for (const auto& [phase, spent] : seconds_) seconds[phase] = spent;
  return Json{{"labels", counts.labels},
              {"validation_labels", counts.validation_labels},
              {"test_labels", counts.test_labels},
              {"failed", counts.failed},
              {"infeasible", counts.infeasible},
              {"simulations", counts.simulations},
              {"rounds", std::min(position_.round, options_.max_rounds)},
              {"finished_by", position_.finished_by},
              {"metrics", metrics},
              {"seconds", seconds}};
}

}  // namespace assay::detail
