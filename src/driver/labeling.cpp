// SPDX-License-Identifier: Apache-2.0
#include <assay/detail/campaign.hpp>
#include <assay/error.hpp>

#include <algorithm>
#include <cstdio>

namespace assay::detail {

namespace {

double seconds_since(std::chrono::steady_clock::time_point began) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

std::string sample_name(SampleId id) { return "sample " + std::to_string(id); }

Values on_cpu(const Values& labels) {
  Values moved;
  for (const auto& [name, tensor] : labels) moved.set(name, tensor.detach().to(torch::kCPU).contiguous());
  return moved;
}

}  // namespace

/// Samples of this round and earlier ones whose outcome is open. Later rounds are in the ledger already where rounds
/// are gone through again from an older checkpoint.
std::int64_t Campaign::open_samples() const { return ledger_->open_until(position_.round); }

bool Campaign::waiting_for_labels() const {
  return position_.phase == Phase::labeling && !options_.skip_labeling && open_samples() > 0;
}

void Campaign::label(const std::function<void(LabelContext&)>& label) {
  emit({.kind = Event::Kind::phase_started});
  {
    const std::lock_guard lock(queue_mutex_);
    phase_total_ = open_samples();
    phase_ended_ = 0;
  }
  LabelContext context(*this);
  std::int64_t ended_before = -1;
  try {
    // Again where duplicates waited for a sample that then failed, or a strategy left retries behind.
    while (!stop_requested() && open_samples() > 0 && phase_ended_ > ended_before) {
      ended_before = phase_ended_;
      label(context);
    }
  } catch (...) {
    abandon_phase();
    throw;
  }
  if (stop_requested()) return abandon_phase();
  if (const std::int64_t left = open_samples(); left > 0) {
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
  ledger_->interrupt_running();
  {
    const std::lock_guard lock(queue_mutex_);
    running_.clear();
    running_fingerprints_.clear();
  }
  add_phase_seconds();
  save_checkpoint();
  checkpoints_->flush();
}

std::optional<Job> Campaign::next() {
  if (stop_requested()) return std::nullopt;
  std::vector<Job> jobs = start(1);
  if (jobs.empty()) return std::nullopt;
  return std::move(jobs.front());
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
      if (ledger_->answer(id, entry.fingerprint)) {
        ++phase_ended_;
        answered = true;
        continue;
      }
      if (!running_fingerprints_.insert(entry.fingerprint).second) continue;  // its twin will answer it
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
      char name[48];
      std::snprintf(name, sizeof name, "%08lld_%d", static_cast<long long>(entry.id), entry.attempts + 1);
      jobs.push_back({.id = entry.id,
                      .inputs = ledger_->inputs(entry.id),
                      .attempt = entry.attempts + 1,
                      .failures = entry.attempts > 0 ? ledger_->failures(entry.id) : 0,
                      .directory = options_.dir / "simulations" / name,
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

/// Takes a running sample for telling its outcome: nobody else can then. Errors: `LabelError` for one that is not.
Campaign::Running Campaign::begin_telling(SampleId id) {
  const std::lock_guard lock(queue_mutex_);
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

bool Campaign::accept(const Job& job, const Values& labels) {
  const Told told{job.id, done(labels)};
  return tell({&told, 1}) == 1;
}

void Campaign::fail(const Job& job, const Failure& failure) {
  const Running running = begin_telling(job.id);
  end_telling({&job.id, 1}, [&] { ledger_->fail(job.id, running.attempt, failure, seconds_since(running.began)); });
  if (failure.retry) {
    say(sample_name(job.id) + " failed and is queued again: " + failure.reason);
  } else {
    simulation_ended(Event::Kind::simulation_failed, sample_name(job.id) + ": " + failure.reason);
  }
}

void Campaign::refuse(SampleId id, const Running& running, const Values& labels, const std::string& reason) {
  end_telling({&id, 1}, [&] {
    ledger_->fail(id, running.attempt, Failure("label refused: " + reason), seconds_since(running.began), &labels);
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

std::vector<Sample> Campaign::ask(std::int64_t count) {
  std::vector<Sample> samples;
  if (position_.phase != Phase::labeling || finished()) return samples;
  for (Job& job : start(count)) samples.push_back({job.id, std::move(job.inputs)});
  return samples;
}

bool Campaign::tell(const Told& told) {
  if (told.outcome.labels) return tell({&told, 1}) == 1;
  Job job;
  job.id = told.id;
  fail(job, Failure(told.outcome.reason, told.outcome.retry));
  return true;
}

std::int64_t Campaign::tell(std::span<const Told> outcomes) {
  std::vector<Values> labels;
  std::vector<Completion> completions;
  std::vector<SampleId> ids;
  labels.reserve(outcomes.size());
  for (const Told& told : outcomes) {
    if (!told.outcome.labels) {
      tell(told);
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
        {.id = told.id, .attempt = running.attempt, .labels = &labels.back(), .seconds = seconds_since(running.began)});
  }
  if (ids.empty()) return 0;
  end_telling(ids, [&] { ledger_->complete(completions); });
  for (const SampleId id : ids) simulation_ended(Event::Kind::simulation_done, sample_name(id));
  return static_cast<std::int64_t>(ids.size());
}

}  // namespace assay::detail
