// SPDX-License-Identifier: Apache-2.0
#include <assay/detail/campaign.hpp>
#include <assay/detail/sha256.hpp>
#include <assay/error.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace assay::detail {

namespace {

/// Handle of a sample that somebody asked for who tells in his own time.
constexpr std::string_view asked_handle = "asked";

std::string sample_name(SampleId id) { return "sample " + std::to_string(id); }

Values on_cpu(const Values& labels) {
  Values moved;
  for (const auto& [name, tensor] : labels) moved.set(name, tensor.detach().to(torch::kCPU).contiguous());
  return moved;
}

bool same_values(const Values& a, const Values& b) {
  return a.size() == b.size() && std::all_of(a.begin(), a.end(), [&](const NamedTensor& field) {
           const torch::Tensor* other = b.find(field.name);
           return other && other->scalar_type() == field.tensor.scalar_type() && other->equal(field.tensor);
         });
}

}  // namespace

/// Samples of this round and earlier ones whose outcome is open. Later rounds are in the ledger already where rounds
/// are gone through again from an older checkpoint.
std::int64_t Campaign::open_samples() const { return ledger_->open_until(position_.round); }

bool Campaign::waiting_for_labels() const {
  return position_.phase == Phase::labeling && !options_.skip_labeling && open_samples() > 0;
}

double Campaign::Running::duration() const {
  return seconds ? *seconds : std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

std::string Campaign::content_of(const Values& inputs) const {
  const std::string content = fingerprint(inputs);
  return options_.label_version.empty() ? content : sha256(content + "\n" + options_.label_version);
}

/// Sorts what the ledger calls running when a campaign goes on: with a handle it may be found again, else it is lost
/// and queued again. \return how many were lost.
std::int64_t Campaign::take_stock_of_running() {
  std::vector<SampleId> lost;
  for (const SampleId id : ledger_->in_state(SampleState::running)) {
    LedgerAttempt attempt = ledger_->attempts(id).back();
    if (attempt.handle.empty()) {
      lost.push_back(id);
    } else {
      left_.emplace(id, std::move(attempt));
    }
  }
  return ledger_->interrupt(lost);
}

/// Queues again what was left running and nobody took up: those that were asked for, or the others.
std::int64_t Campaign::queue_left_again(bool asked_ones) {
  const std::lock_guard lock(queue_mutex_);
  std::vector<SampleId> ids;
  for (const auto& [id, attempt] : left_) {
    if ((attempt.handle == asked_handle) == asked_ones) ids.push_back(id);
  }
  for (const SampleId id : ids) left_.erase(id);
  return ledger_->interrupt(ids);
}

void Campaign::label(const std::function<void(LabelContext&)>& label) {
  emit({.kind = Event::Kind::phase_started});
  if (const std::int64_t asked = queue_left_again(/*asked_ones=*/true); asked > 0)
    warn(std::to_string(asked) + " samples that were asked for and not told are simulated here now");
  nothing_fits_ = false;
  {
    const std::lock_guard lock(queue_mutex_);
    phase_total_ = open_samples();
    phase_ended_ = 0;
  }
  LabelContext context(*this);
  std::int64_t ended_before = -1;
  try {
    // Again where duplicates waited for a sample that then failed, or a strategy left retries behind.
    while (!stop_requested() && !nothing_fits_ && open_samples() > 0 && phase_ended_ > ended_before) {
      ended_before = phase_ended_;
      label(context);
    }
  } catch (...) {
    abandon_phase();
    throw;
  }
  if (stop_requested()) return abandon_phase();
  const std::int64_t left = open_samples();
  if (left > 0 && nothing_fits_) {
    say("the wall time is nearly over: " + std::to_string(left) + " simulations wait for the next session");
    return abandon_phase();
  }
  nothing_fits_ = false;  // there is nothing left that would have to fit
  if (left > 0) {
    abandon_phase();
    throw LabelError({.id = "assay.label.unfinished",
                      .where = "labeling, round " + std::to_string(position_.round),
                      .expected = "a label strategy that ends every job with accept or fail",
                      .got = std::to_string(left) + " samples left when 'label' returned",
                      .advice = "call next() until it gives nothing"});
  }
  end_phase(Phase::data_integration, position_.round);
}

void Campaign::finish_labeling() { end_phase(Phase::data_integration, position_.round); }

void Campaign::abandon_phase() {
  {
    const std::lock_guard lock(queue_mutex_);
    std::vector<SampleId> mine;
    for (const auto& [id, running] : running_) {
      if (running.handle.empty()) {
        mine.push_back(id);
      } else {
        left_.emplace(id, ledger_->attempts(id).back());
      }
    }
    ledger_->interrupt(mine);
    running_.clear();
    running_fingerprints_.clear();
  }
  add_phase_seconds();
  save_checkpoint();
  checkpoints_->flush();
}

std::optional<Job> Campaign::next() {
  if (stop_requested()) return std::nullopt;
  if (const std::int64_t lost = queue_left_again(/*asked_ones=*/false); lost > 0)
    warn(std::to_string(lost) + " interrupted simulations are queued again");
  std::vector<Job> jobs = start(1);
  if (jobs.empty()) return std::nullopt;
  return std::move(jobs.front());
}

bool Campaign::fits(std::chrono::duration<double> time_limit) {
  if (!deadline_) return true;
  if (time_limit > *options_.wall_time) {
    throw ConfigError({.id = "assay.driver.wall_time",
                       .where = "/driver/wall_time",
                       .expected = "at least the " + std::to_string(std::lround(time_limit.count())) +
                                   " s that one simulation may take",
                       .got = std::to_string(std::lround(options_.wall_time->count())) + " s",
                       .advice = "no session would ever start a simulation: lower the label strategy's time limit"});
  }
  if (std::chrono::steady_clock::now() + time_limit < *deadline_) return true;
  nothing_fits_ = true;
  return false;
}

std::vector<Job> Campaign::unfinished() {
  const std::lock_guard lock(queue_mutex_);
  std::vector<Job> jobs;
  for (auto left = left_.begin(); left != left_.end();) {
    const auto& [id, attempt] = *left;
    const LedgerEntry entry = ledger_->entry(id);
    if (attempt.handle == asked_handle || entry.round > position_.round) {
      ++left;
      continue;
    }
    jobs.push_back({.id = id,
                    .inputs = ledger_->inputs(id),
                    .attempt = attempt.attempt,
                    .failures = ledger_->failures(id),
                    .directory = attempt.directory,
                    .seed = random_.with("simulation").with(id).bits(),
                    .purpose = entry.purpose});
    running_fingerprints_.insert(entry.fingerprint);
    running_.emplace(id, Running{.attempt = attempt.attempt,
                                 .began = std::chrono::steady_clock::now(),
                                 .fingerprint = entry.fingerprint,
                                 .handle = attempt.handle});
    left = left_.erase(left);
  }
  return jobs;
}

void Campaign::give_back(const Job& job) {
  const std::lock_guard lock(queue_mutex_);
  ledger_->interrupt({&job.id, 1});
  release({&job.id, 1});
}

std::filesystem::path Campaign::simulation_directory(SampleId id, int attempt) const {
  char name[48];
  std::snprintf(name, sizeof name, "%08lld_%d", static_cast<long long>(id), attempt);
  return (options_.scratch.empty() ? options_.dir / "simulations"
                                   : std::filesystem::absolute(options_.scratch) / ledger_->campaign_id()) /
         name;
}

/// Up to `count` queued samples that nobody computes, reserved, in the order they were picked. Those whose content is
/// known already are answered instead.
std::vector<LedgerEntry> Campaign::claim(std::int64_t count) {
  const std::lock_guard lock(queue_mutex_);
  std::vector<LedgerEntry> claimed;
  const auto wanted = [&] { return static_cast<std::int64_t>(claimed.size()) < count; };
  for (bool answered = true; answered && wanted();) {
    answered = false;
    // Reserved samples are still queued in the ledger until they have started.
    const std::int64_t limit = static_cast<std::int64_t>(running_.size()) + count + 16;
    for (const SampleId id : ledger_->queued(limit)) {
      if (!wanted()) break;
      if (running_.contains(id)) continue;
      LedgerEntry entry = ledger_->entry(id);
      if (entry.round > position_.round) continue;
      if (options_.duplicates == Duplicates::reuse) {
        if (ledger_->answer(id, entry.fingerprint)) {
          ++phase_ended_;
          answered = true;
          continue;
        }
        if (running_fingerprints_.contains(entry.fingerprint)) continue;  // its twin will answer it
      }
      running_fingerprints_.insert(entry.fingerprint);
      running_.emplace(id, Running{.attempt = 0, .began = {}, .fingerprint = entry.fingerprint});
      claimed.push_back(std::move(entry));
    }
  }
  return claimed;
}

/// Forgets reserved and running samples. With the lock held.
void Campaign::release(std::span<const SampleId> ids) {
  for (const SampleId id : ids) {
    const auto running = running_.find(id);
    if (running == running_.end()) continue;
    running_fingerprints_.erase(running->second.fingerprint);
    running_.erase(running);
  }
}

/// Claims up to `count` samples and marks them as running, in one commit.
std::vector<Job> Campaign::start(std::int64_t count) {
  const std::vector<LedgerEntry> claimed = claim(count);
  std::vector<SampleId> ids;
  for (const LedgerEntry& entry : claimed) ids.push_back(entry.id);
  std::vector<Job> jobs;
  try {
    std::vector<Start> starts;
    for (const LedgerEntry& entry : claimed) {
      jobs.push_back({.id = entry.id,
                      .inputs = ledger_->inputs(entry.id),
                      .attempt = entry.attempts + 1,
                      .failures = entry.attempts > 0 ? ledger_->failures(entry.id) : 0,
                      .directory = simulation_directory(entry.id, entry.attempts + 1),
                      .seed = random_.with("simulation").with(entry.id).bits(),
                      .purpose = entry.purpose});
      starts.push_back({entry.id, jobs.back().directory.string()});
    }
    if (!starts.empty()) ledger_->start_attempts(starts);
  } catch (...) {
    const std::lock_guard lock(queue_mutex_);
    release(ids);
    throw;
  }
  const std::lock_guard lock(queue_mutex_);
  for (const Job& job : jobs) {
    Running& running = running_.at(job.id);
    running.attempt = job.attempt;
    running.began = std::chrono::steady_clock::now();
  }
  return jobs;
}

std::optional<std::string> Campaign::refusal(SampleId id, const Values& labels) {
  try {
    for (const std::string& name : provides_) {
      if (!labels.contains(name)) return "it lacks the promised value '" + name + "'";
    }
    require_finite(labels, sample_name(id));
    const Values targets = labels.pick(learner_->targets());
    const std::lock_guard lock(queue_mutex_);
    if (target_schema_.empty()) target_schema_ = schema_of_sample(targets);
    require_fits(targets, target_schema_, sample_name(id));
  } catch (const Error& error) {
    return error.what();
  }
  return std::nullopt;
}

/// Whether a sample has this outcome already. Errors: `LabelError` `assay.label.told` for one that has another.
bool Campaign::told_before(const Told& told) {
  {
    const std::lock_guard lock(queue_mutex_);
    if (running_.contains(told.id) || left_.contains(told.id)) return false;
  }
  const std::optional<LedgerEntry> entry = ledger_->find(told.id);
  if (!entry) return false;
  const std::optional<Values>& labels = told.outcome.labels;
  if (entry->state == SampleState::done) {
    if (labels && same_values(ledger_->labels(told.id), on_cpu(*labels))) return true;
  } else if (entry->state == SampleState::failed) {
    const LedgerAttempt attempt = ledger_->attempts(told.id).back();
    if (!labels && attempt.reason == told.outcome.reason) return true;
    if (labels && attempt.refused && same_values(*attempt.refused, on_cpu(*labels))) return true;
  } else {
    return false;
  }
  throw LabelError({.id = "assay.label.told",
                    .where = sample_name(told.id),
                    .expected = "the outcome that it has already, or none",
                    .got = "another one",
                    .advice = "a sample is simulated once; one that failed can be queued again with 'assay retry'"});
}

/// Takes a running sample for telling its outcome: nobody else can then. Errors: `LabelError` for one that is not.
Campaign::Running Campaign::begin_telling(SampleId id) {
  const std::lock_guard lock(queue_mutex_);
  if (const auto left = left_.find(id); left != left_.end() && left->second.handle == asked_handle) {
    running_.emplace(id, Running{.attempt = left->second.attempt,
                                 .began = std::chrono::steady_clock::now(),
                                 .fingerprint = ledger_->entry(id).fingerprint,
                                 .handle = left->second.handle});
    left_.erase(left);
  }
  const auto running = running_.find(id);
  if (running == running_.end() || running->second.told || running->second.attempt == 0) {
    throw LabelError({.id = "assay.label.not_running",
                      .where = sample_name(id),
                      .expected = "a sample that is being simulated",
                      .got = "one that is not: it was told already, or never asked for",
                      .advice = {}});
  }
  running->second.told = true;
  return running->second;
}

/// Writes outcomes into the ledger; where that fails, the samples can be told again.
void Campaign::end_telling(std::span<const SampleId> ids, const std::function<void()>& write) {
  try {
    write();
  } catch (...) {
    const std::lock_guard lock(queue_mutex_);
    for (const SampleId id : ids) {
      if (const auto running = running_.find(id); running != running_.end()) running->second.told = false;
    }
    throw;
  }
  const std::lock_guard lock(queue_mutex_);
  release(ids);
}

void Campaign::know_duration(const Job& job) {
  const std::lock_guard lock(queue_mutex_);
  if (const auto running = running_.find(job.id); running != running_.end()) running->second.seconds = job.seconds;
}

bool Campaign::accept(const Job& job, const Values& labels) {
  know_duration(job);
  const Told told{job.id, done(labels)};
  return tell({&told, 1}) == 1;
}

void Campaign::fail(const Job& job, const Failure& failure) {
  know_duration(job);
  const Running running = begin_telling(job.id);
  end_telling({&job.id, 1}, [&] { ledger_->fail(job.id, running.attempt, failure, running.duration()); });
  if (failure.retry) {
    say(sample_name(job.id) + " failed and is queued again: " + failure.reason);
  } else {
    simulation_ended(Event::Kind::simulation_failed, sample_name(job.id) + ": " + failure.reason);
  }
}

void Campaign::refuse(SampleId id, const Running& running, const Values& labels, const std::string& reason) {
  end_telling({&id, 1}, [&] {
    ledger_->fail(id, running.attempt, Failure("label refused: " + reason), running.duration(), &labels);
  });
  simulation_ended(Event::Kind::simulation_failed, sample_name(id) + ": label refused: " + reason);
}

void Campaign::simulation_ended(Event::Kind kind, std::string text) {
  std::int64_t ended = 0;
  {
    const std::lock_guard lock(queue_mutex_);
    ended = ++phase_ended_;
  }
  emit({.kind = kind, .text = std::move(text), .done = ended, .total = std::max(phase_total_, ended)});
}

void Campaign::set_handle(const Job& job, const std::string& handle) {
  ledger_->set_handle(job.id, job.attempt, handle);
}

std::vector<Sample> Campaign::ask(std::int64_t count, Asked asked) {
  std::vector<Sample> samples;
  if (position_.phase != Phase::labeling || finished()) return samples;
  queue_left_again(/*asked_ones=*/false);
  for (Job& job : start(count)) {
    if (asked == Asked::until_told) ledger_->set_handle(job.id, job.attempt, std::string(asked_handle));
    samples.push_back({job.id, std::move(job.inputs)});
  }
  return samples;
}

std::vector<Sample> Campaign::asked() const {
  std::vector<Sample> samples;
  for (const SampleId id : ledger_->in_state(SampleState::running)) {
    if (ledger_->attempts(id).back().handle == asked_handle) samples.push_back({id, ledger_->inputs(id)});
  }
  return samples;
}

bool Campaign::tell(const Told& told) {
  if (told.outcome.labels) return tell({&told, 1}) == 1;
  if (told_before(told)) return true;
  Job job;
  job.id = told.id;
  fail(job, Failure(told.outcome.reason, told.outcome.retry));
  return true;
}

std::int64_t Campaign::tell(std::span<const Told> outcomes) {
  std::vector<Values> labels;
  std::vector<Completion> completions;
  std::vector<SampleId> ids;
  std::int64_t known = 0;
  labels.reserve(outcomes.size());
  for (const Told& told : outcomes) {
    if (!told.outcome.labels) {
      tell(told);
      continue;
    }
    if (told_before(told)) {
      if (ledger_->entry(told.id).state == SampleState::done) ++known;
      continue;
    }
    const Running running = begin_telling(told.id);
    labels.push_back(on_cpu(*told.outcome.labels));
    if (const std::optional<std::string> reason = refusal(told.id, labels.back())) {
      refuse(told.id, running, labels.back(), *reason);
      continue;
    }
    ids.push_back(told.id);
    completions.push_back(
        {.id = told.id, .attempt = running.attempt, .labels = &labels.back(), .seconds = running.duration()});
  }
  if (ids.empty()) return known;
  end_telling(ids, [&] { ledger_->complete(completions); });
  for (const SampleId id : ids) simulation_ended(Event::Kind::simulation_done, sample_name(id));
  return known + static_cast<std::int64_t>(ids.size());
}

}  // namespace assay::detail
