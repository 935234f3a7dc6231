// SPDX-License-Identifier: Apache-2.0
// How outcomes of simulations come into the ledger: told by the host program, or by a label strategy.
#include "asked_handle.hpp"
#include "checks.hpp"

#include <assay/detail/campaign.hpp>
#include <assay/error.hpp>

#include <algorithm>

namespace assay::detail {

namespace {

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

std::optional<std::string> Campaign::refusal(SampleId id, const Values& labels) {
  try {
    for (const std::string& name : provides_) {
      if (!labels.contains(name)) return "it lacks the promised value '" + name + "'";
    }
    require_finite(labels, sample_name(id));
    const Values targets = labels.pick(learner_->targets());
    require_numbers(targets, sample_name(id));
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
  } else if (entry->state == SampleState::failed || entry->state == SampleState::infeasible) {
    const LedgerAttempt attempt = ledger_->attempts(told.id).back();
    const bool same_kind = (told.outcome.verdict == Verdict::infeasible) == (entry->state == SampleState::infeasible);
    if (!labels && same_kind && attempt.reason == told.outcome.reason) return true;
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
  const std::string name = sample_name(job.id);
  switch (failure.verdict) {
    case Verdict::retry: return say(name + " failed and is queued again: " + failure.reason);
    case Verdict::infeasible:
      return simulation_ended(Event::Kind::simulation_failed, name + " is infeasible: " + failure.reason);
    case Verdict::failed: break;
  }
  simulation_ended(Event::Kind::simulation_failed, name + ": " + failure.reason);
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
  for (Job& job : start(count, Durable::now)) {
    if (asked == Asked::until_told) ledger_->set_handle(job.id, job.attempt, std::string(asked_handle));
    samples.push_back({job.id, std::move(job.inputs)});
  }
  return samples;
}

void Campaign::keep_asked(std::span<const SampleId> ids) { ledger_->set_handle(ids, std::string(asked_handle)); }

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
  fail(job, Failure(told.outcome.reason, told.outcome.verdict));
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
