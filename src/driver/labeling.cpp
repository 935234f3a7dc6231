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

bool Campaign::waiting_for_labels() const {
  return position_.phase == Phase::labeling && !options_.skip_labeling &&
         ledger_->count(SampleState::queued) + ledger_->count(SampleState::running) > 0;
}

void Campaign::label(const std::function<void(LabelContext&)>& label) {
  begin_phase();
  {
    const std::lock_guard lock(queue_mutex_);
    phase_total_ = ledger_->count(SampleState::queued);
    phase_ended_ = 0;
  }
  LabelContext context(*this);
  std::int64_t ended_before = -1;
  try {
    // Again where duplicates waited for a sample that then failed, or a strategy left retries behind.
    while (!stop_requested() && ledger_->count(SampleState::queued) > 0 && phase_ended_ > ended_before) {
      ended_before = phase_ended_;
      label(context);
    }
  } catch (...) {
    abandon_phase();
    throw;
  }
  if (stop_requested()) return abandon_phase();
  const std::int64_t left = ledger_->count(SampleState::queued) + ledger_->count(SampleState::running);
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

void Campaign::finish_labeling() {
  begin_phase();
  end_phase(Phase::data_integration, position_.round);
}

void Campaign::abandon_phase() {
  ledger_->interrupt_running();
  {
    const std::lock_guard lock(queue_mutex_);
    running_.clear();
  }
  seconds_[std::string(to_string(position_.phase))] += seconds_since(phase_began_);
  save_checkpoint();
}

std::optional<Job> Campaign::next() {
  if (stop_requested()) return std::nullopt;
  return start_next();
}

std::optional<Job> Campaign::start_next() {
  const std::lock_guard lock(queue_mutex_);
  const auto limit = static_cast<std::int64_t>(running_.size()) + 16;
  for (bool answered = true; answered;) {
    answered = false;
    for (const SampleId id : ledger_->queued(limit)) {
      LedgerEntry entry = ledger_->entry(id);
      if (const std::optional<SampleId> same = ledger_->find_done(entry.fingerprint)) {
        ledger_->answer_from(id, *same);
        ++phase_ended_;
        answered = true;
        continue;
      }
      const bool running = std::any_of(running_.begin(), running_.end(),
                                       [&](const auto& item) { return item.second.fingerprint == entry.fingerprint; });
      if (running) continue;  // its twin will answer it
      char name[48];
      std::snprintf(name, sizeof name, "%08lld_%d", static_cast<long long>(id), entry.attempts + 1);
      const std::filesystem::path directory = options_.dir / "simulations" / name;
      Job job{.id = id,
              .inputs = ledger_->inputs(id),
              .attempt = ledger_->start_attempt(id, directory.string()),
              .directory = directory,
              .seed = random_.with("simulation").with(id).bits(),
              .purpose = entry.purpose};
      running_.insert_or_assign(id, Running{job, std::chrono::steady_clock::now(), std::move(entry.fingerprint)});
      return job;
    }
  }
  return std::nullopt;
}

std::optional<std::string> Campaign::refusal(SampleId id, const Values& labels) {
  try {
    for (const std::string& name : provides_) {
      if (!labels.contains(name)) return "it lacks the promised value '" + name + "'";
    }
    require_finite(labels, sample_name(id));
    const Values targets = labels.pick(learner_->targets());
    if (target_schema_.empty()) target_schema_ = schema_of_sample(targets);
    require_fits(targets, target_schema_, sample_name(id));
  } catch (const Error& error) {
    return error.what();
  }
  return std::nullopt;
}

bool Campaign::accept(const Job& job, const Values& labels) {
  const std::unique_lock lock(queue_mutex_);
  const auto running = running_.find(job.id);
  if (running == running_.end()) {
    throw LabelError({.id = "assay.label.not_running",
                      .where = sample_name(job.id),
                      .expected = "a sample that is being simulated",
                      .got = "one that is not: it was told already, or never asked for",
                      .advice = {}});
  }
  const int attempt = running->second.job.attempt;
  const double seconds = seconds_since(running->second.began);
  const Values kept = on_cpu(labels);
  const std::optional<std::string> reason = refusal(job.id, kept);
  if (reason) {
    ledger_->fail(job.id, attempt, Failure("label refused: " + *reason), seconds, &kept);
    running_.erase(running);
    simulation_ended(Event::Kind::simulation_failed, sample_name(job.id) + ": label refused: " + *reason);
    return false;
  }
  ledger_->complete(job.id, attempt, kept, seconds);
  running_.erase(running);
  simulation_ended(Event::Kind::simulation_done, sample_name(job.id));
  return true;
}

void Campaign::fail(const Job& job, const Failure& failure) {
  const std::unique_lock lock(queue_mutex_);
  const auto running = running_.find(job.id);
  if (running == running_.end()) {
    throw LabelError({.id = "assay.label.not_running",
                      .where = sample_name(job.id),
                      .expected = "a sample that is being simulated",
                      .got = "one that is not: it was told already, or never asked for",
                      .advice = {}});
  }
  ledger_->fail(job.id, running->second.job.attempt, failure, seconds_since(running->second.began));
  running_.erase(running);
  if (failure.retry) {
    emit(
        {.kind = Event::Kind::message, .text = sample_name(job.id) + " failed and is queued again: " + failure.reason});
  } else {
    simulation_ended(Event::Kind::simulation_failed, sample_name(job.id) + ": " + failure.reason);
  }
}

void Campaign::simulation_ended(Event::Kind kind, std::string text) {
  ++phase_ended_;
  emit({.kind = kind, .text = std::move(text), .done = phase_ended_, .total = std::max(phase_total_, phase_ended_)});
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

bool Campaign::tell(SampleId id, const Outcome& outcome) {
  Job job;
  job.id = id;
  if (outcome.labels) return accept(job, *outcome.labels);
  fail(job, Failure(outcome.reason, outcome.retry));
  return true;
}

}  // namespace assay::detail
