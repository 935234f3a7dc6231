// SPDX-License-Identifier: Apache-2.0
#include <assay/detail/campaign.hpp>
#include <assay/detail/driver_checks.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>

#include <algorithm>
#include <cstdio>
#include <random>

namespace assay::detail {

void require_capabilities(std::string_view slot, CapabilitySet required, CapabilitySet provided) {
  const CapabilitySet missing = required.without(provided);
  if (missing.empty()) return;
  throw ConfigError({.id = "assay.driver.capability",
                     .where = std::string(slot),
                     .expected = "a learner that provides " + describe(missing),
                     .got = "one that provides " + describe(provided),
                     .advice = "use another strategy, or a learner with this capability (an ensemble has variances)"});
}

namespace {

void check_provides(const std::vector<std::string>& targets, const std::vector<std::string>& provides) {
  for (const std::string& target : targets) {
    if (std::find(provides.begin(), provides.end(), target) != provides.end()) continue;
    std::string list;
    for (const std::string& name : provides) list += (list.empty() ? "'" : ", '") + name + "'";
    throw ConfigError({.id = "assay.driver.provides",
                       .where = "label",
                       .expected = "a label strategy that provides the learner's target '" + target + "'",
                       .got = list.empty() ? "one that provides nothing" : "one that provides " + list,
                       .advice = "add the field to 'provides' of the label strategy"});
  }
}

void check_options(const DriverOptions& options) {
  std::vector<ErrorParts> problems;
  const auto require = [&](bool good, const char* where, const char* expected, const std::string& got) {
    if (!good) problems.push_back({"assay.config.range", where, expected, got, {}});
  };
  require(!options.dir.empty(), "/driver/dir", "a directory", "an empty path");
  require(options.max_rounds >= 0, "/driver/max_rounds", "an integer >= 0", std::to_string(options.max_rounds));
  require(options.keep_checkpoints >= 1, "/driver/keep_checkpoints", "an integer >= 1",
          std::to_string(options.keep_checkpoints));
  require(options.checkpoint_every_epochs >= 0, "/driver/checkpoint_every_epochs", "an integer >= 0",
          std::to_string(options.checkpoint_every_epochs));
  require(options.label_budget.value_or(0) >= 0, "/driver/label_budget", "an integer >= 0",
          std::to_string(options.label_budget.value_or(0)));
  if (!problems.empty()) throw ConfigError(std::move(problems));
}

std::string new_campaign_id() {
  std::random_device device;
  char text[17];
  std::snprintf(text, sizeof text, "%08x%08x", device(), device());
  return text;
}

}  // namespace

Campaign::Campaign(DriverOptions options, Pools pools, const LearnerRef& learner, std::vector<std::string> provides,
                   std::vector<Slot> slots)
    : options_(std::move(options)),
      learner_(learner),
      provides_(std::move(provides)),
      slots_(std::move(slots)),
      random_(options_.seed) {
  check_options(options_);
  if (!options_.skip_labeling) check_provides(learner_->targets(), provides_);
  for (std::size_t i = 0; i < options_.stop.size(); ++i) {
    AnyStop& stop = options_.stop[i];
    slots_.push_back({"stop_" + std::to_string(i), stop.spec(), [&stop] { return stop.save(); },
                      [&stop](const State& state) { stop.load(state); }});
  }
  for (std::size_t i = 0; i < options_.observers.size(); ++i) {
    AnyObserver& observer = options_.observers[i];
    slots_.push_back({"observer_" + std::to_string(i), observer.spec(), [&observer] { return observer.save(); },
                      [&observer](const State& state) { observer.load(state); }});
  }
  take_pools(std::move(pools));
  start();
}

Campaign::~Campaign() = default;

void Campaign::start() {
  const std::filesystem::path file = options_.dir / "ledger.sqlite";
  const bool exists = Ledger::exists(file);
  if (exists && options_.resume == Resume::never) {
    throw CheckpointError({.id = "assay.campaign.exists",
                           .where = options_.dir.string(),
                           .expected = "a directory without a campaign",
                           .got = "one that holds a campaign",
                           .advice = "continue it (--resume, Resume::if_present) or choose another directory"});
  }
  if (!exists && options_.resume == Resume::required) {
    throw CheckpointError({.id = "assay.campaign.missing",
                           .where = options_.dir.string(),
                           .expected = "a directory that holds a campaign",
                           .got = "none (there is no ledger.sqlite)",
                           .advice = "start it with Resume::if_present, or check the path"});
  }
  make_directories_durably(options_.dir);
  lock_.emplace(options_.dir);
  bool continued = false;
  if (exists) {
    ledger_.emplace(Ledger::open(file));
  } else {
    write_file_durably(options_.dir / "campaign.json", configuration().dump(2) + "\n");
    ledger_.emplace(Ledger::create(file, new_campaign_id()));
  }
  log_.emplace(options_.dir / "log.jsonl", ledger_->campaign_id());
  if (exists) {
    const std::int64_t interrupted = ledger_->interrupt_running();
    continued = restore();
    if (interrupted > 0) warn(std::to_string(interrupted) + " interrupted simulations are queued again");
  }
  if (!continued) {
    drop_labeled_candidates();
    if (!unlabeled_at_start_.empty()) position_ = {.round = 0, .phase = Phase::query};
  }
  write_metrics_lines();
  emit({.kind = Event::Kind::campaign_started,
        .text = continued ? "continued: " + std::to_string(labeled_.size()) + " labeled samples, " +
                                std::to_string(live_.size()) + " candidates"
                          : "started: " + std::to_string(labeled_.size()) + " labeled samples, " +
                                std::to_string(unlabeled_at_start_.size()) + " to label first, " +
                                std::to_string(live_.size()) + " candidates"});
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

void Campaign::end_phase(Phase next_phase, std::int64_t next_round) {
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - phase_began_).count();
  seconds_[std::string(to_string(position_.phase))] += seconds;
  emit({.kind = Event::Kind::phase_finished, .seconds = seconds});
  position_.phase = next_phase;
  position_.round = next_round;
  save_checkpoint();
}

void Campaign::finish(std::string reason) {
  position_.finished_by = std::move(reason);
  save_checkpoint();
  emit({.kind = Event::Kind::campaign_finished, .text = position_.finished_by});
}

void Campaign::check_stop() {
  const bool last = position_.round > options_.max_rounds;
  double seconds = 0;
  for (const auto& [phase, spent] : seconds_) seconds += spent;
  const Counts counts = ledger_->counts();
  const StopContext context{.round = std::min(position_.round, options_.max_rounds),
                            .counts = counts,
                            .seconds = seconds,
                            .records = records_};
  for (AnyStop& stop : options_.stop) {
    if (const std::optional<std::string> reason = stop.should_stop(context)) return finish(*reason);
  }
  if (last) return finish("max_rounds");
  const std::int64_t paid = counts.labels + counts.validation_labels + counts.test_labels + counts.failed;
  if (options_.label_budget && paid >= *options_.label_budget) return finish("label_budget");
}

Json Campaign::report() const {
  const Counts counts = ledger_->counts();
  Json metrics = Json::object();
  for (const MetricRecord& record : records_) {
    for (const Measurement& m : record.measurements) metrics[m.name] = m.value;
  }
  Json seconds = Json::object();
  for (const auto& [phase, spent] : seconds_) seconds[phase] = spent;
  return Json{{"labels", counts.labels},
              {"validation_labels", counts.validation_labels},
              {"test_labels", counts.test_labels},
              {"failed", counts.failed},
              {"simulations", counts.simulations},
              {"rounds", std::min(position_.round, options_.max_rounds)},
              {"finished_by", position_.finished_by},
              {"metrics", metrics},
              {"seconds", seconds}};
}

}  // namespace assay::detail
