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
  }
  add_phase_seconds();
  save_checkpoint();
  checkpoints_->flush();
}

std::optional<Job> Campaign::next() {
  if (stop_requested()) return std::nullopt;
  return start_next();
}

/// The next queued sample that nobody computes, reserved; nothing if there is none.
std::optional<LedgerEntry> Campaign::claim_next() {
  const std::lock_guard lock(queue_mutex_);
  for (bool answered = true; answered;) {
    answered = false;
    for (const SampleId id : ledger_->queued(static_cast<std::int64_t>(running_.size()) + 16)) {
      LedgerEntry entry = ledger_->entry(id);
      if (entry.round > position_.round || running_.contains(id)) continue;
      if (ledger_->answer(id, entry.fingerprint)) {
        ++phase_ended_;
        answered = true;
        continue;
      }
      const bool twin = std::any_of(running_.begin(), running_.end(),
                                    [&](const auto& item) { return item.second.fingerprint == entry.fingerprint; });
      if (twin) continue;  // it will be answered by the other
      running_.emplace(id, Running{.attempt = 0, .began = {}, .fingerprint = entry.fingerprint});
      return entry;
    }
  }
  return std::nullopt;
}

std::optional<Job> Campaign::start_next() {
  const std::optional<LedgerEntry> entry = claim_next();
  if (!entry) return std::nullopt;
  try {
    char name[48];
    std::snprintf(name, sizeof name, "%08lld_%d", static_cast<long long>(entry->id), entry->attempts + 1);
    const std::filesystem::path directory = options_.dir / "simulations" / name;
    Job job{.id = entry->id,
            .inputs = ledger_->inputs(entry->id),
            .attempt = ledger_->start_attempt(entry->id, directory.string()),
            .failures = entry->attempts > 0 ? ledger_->failures(entry->id) : 0,
            .directory = directory,
            .seed = random_.with("simulation").with(entry->id).bits(),
            .purpose = entry->purpose};
    const std::lock_guard lock(queue_mutex_);
    Running& running = running_.at(entry->id);
    running.attempt = job.attempt;
    running.began = std::chrono::steady_clock::now();
    return job;
  } catch (...) {
    const std::lock_guard lock(queue_mutex_);
    running_.erase(entry->id);
    throw;
  }
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
  for (const SampleId id : ids) running_.erase(id);
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
  while (static_cast<std::int64_t>(samples.size()) < count) {
    std::optional<Job> job = start_next();
    if (!job) break;
    samples.push_back({job->id, std::move(job->inputs)});
  }
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
