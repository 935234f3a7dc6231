// SPDX-License-Identifier: Apache-2.0
// How outcomes of simulations come into the ledger: told by the host program, or by a label strategy.
#include "asked_handle.hpp"
#include "checks.hpp"
#include "simulation_folders.hpp"

#include <assay/detail/campaign.hpp>
#include <assay/error.hpp>

#include <algorithm>
#include <cstring>

namespace assay::detail {

namespace {

std::string sample_name(SampleId id) { return "sample " + std::to_string(id); }

Values on_cpu(const Values& labels) {
  Values moved;
  for (const auto& [name, tensor] : labels) moved.set(name, tensor.detach().to(torch::kCPU).contiguous());
  return moved;
}

/// Whether two tensors say the same: NaN is like itself here.
bool same_numbers(const torch::Tensor& a, const torch::Tensor& b) {
  if (a.scalar_type() != b.scalar_type() || a.sizes() != b.sizes()) return false;
  const torch::Tensor x = a.contiguous(), y = b.contiguous();
  return x.equal(y) || std::memcmp(x.const_data_ptr(), y.const_data_ptr(), x.nbytes()) == 0;
}

bool same_values(const Values& a, const Values& b) {
  return a.size() == b.size() && std::all_of(a.begin(), a.end(), [&](const NamedTensor& field) {
           const torch::Tensor* other = b.find(field.name);
           return other && same_numbers(field.tensor, *other);
         });
}

bool same_outcome(const Outcome& a, const Outcome& b) {
  if (a.labels.has_value() != b.labels.has_value()) return false;
  return a.labels ? same_values(on_cpu(*a.labels), on_cpu(*b.labels)) : a.verdict == b.verdict && a.reason == b.reason;
}

/// What telling a sample a second time in one call did. \param result of the first.
TellResult again_in_one_call(const Told& first, const Told& again, const TellResult& result) {
  if (same_outcome(first.outcome, again.outcome)) {
    if (result.kind == TellResult::Kind::refused) return result;
    return {.kind = TellResult::Kind::known};
  }
  throw LabelError({.id = "assay.label.told",
                    .where = sample_name(again.id),
                    .expected = "one outcome of a sample",
                    .got = "two that differ, told at once",
                    .advice = {}});
}

/// Which outcomes gave labels that were taken. Errors: `LabelError` for the first that cannot be one of its sample.
std::vector<bool> labels_taken(std::span<const Told> outcomes, std::vector<TellResult> results) {
  std::vector<bool> taken;
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i].error) throw LabelError(std::move(*results[i].error));
    taken.push_back(outcomes[i].outcome.labels && results[i].kind != TellResult::Kind::refused);
  }
  return taken;
}

/// A file that is told again holds the label that was taken back, too. Errors: `LabelError` for the same numbers.
void require_not_withdrawn(const Told& told, const std::vector<LedgerAttempt>& attempts) {
  if (!told.outcome.labels) return;
  for (const LedgerAttempt& attempt : attempts) {
    const bool taken_back = attempt.outcome == "withdrawn" || attempt.outcome == "imported" ||
                            attempt.outcome == "copied";
    if (!taken_back || !attempt.refused || !same_values(*attempt.refused, *told.outcome.labels)) continue;
    throw LabelError({.id = "assay.label.withdrawn",
                      .where = sample_name(told.id),
                      .expected = "another label than the one that was taken back" +
                                  (attempt.reason.empty() ? std::string() : " (" + attempt.reason + ")"),
                      .got = "the same numbers, without an attempt",
                      .advice = "if it was computed anew and came to the same, tell its attempt: " +
                                std::to_string(attempts.back().attempt)});
  }
}

}  // namespace

/// What a sample's earlier outcome makes of this one, if it has one. Errors: `LabelError` `assay.label.told` for one
/// that has another.
std::optional<TellResult::Kind> Campaign::told_before(const Told& told) {
  bool is_out = false;
  {
    const std::lock_guard lock(queue_mutex_);
    is_out = running_.contains(told.id) || left_.contains(told.id);
  }
  if (is_out) {
    if (!told.attempt && attempts({&told.id, 1}).front() > 1) require_not_withdrawn(told, ledger_->attempts(told.id));
    return std::nullopt;
  }
  const std::optional<LedgerEntry> entry = ledger_->find(told.id);
  if (!entry) return std::nullopt;
  const std::optional<Values>& labels = told.outcome.labels;
  if (entry->state == SampleState::done) {
    if (labels && same_values(ledger_->labels(told.id), *labels)) return TellResult::Kind::known;
  } else if (entry->state == SampleState::failed || entry->state == SampleState::infeasible) {
    const LedgerAttempt attempt = ledger_->attempts(told.id).back();
    const bool same_kind = (told.outcome.verdict == Verdict::infeasible) == (entry->state == SampleState::infeasible);
    if (!labels && same_kind && attempt.reason == told.outcome.reason) return TellResult::Kind::known;
    if (labels && attempt.refused && same_values(*attempt.refused, *labels)) return TellResult::Kind::refused;
  } else {
    return std::nullopt;
  }
  throw LabelError(
      {.id = "assay.label.told",
       .where = sample_name(told.id),
       .expected = "the outcome that it has already, or none",
       .got = "another one",
       .advice = "a sample is simulated once; one that failed can be queued again with 'assay retry', a label "
                 "taken back with 'assay withdraw'"});
}

/// What an outcome says that belongs to an attempt before the last: nothing new where that attempt had come to an end.
/// Labels of one that was only interrupted are as good as any. Errors: `LabelError` for an attempt that never was.
std::optional<TellResult::Kind> Campaign::told_of_earlier_attempt(const Told& told) {
  if (!told.attempt) return std::nullopt;
  const int last = attempts({&told.id, 1}).front();
  if (*told.attempt == last) return std::nullopt;
  if (*told.attempt < 1 || *told.attempt > last) {
    throw LabelError(
        {.id = "assay.label.attempt",
         .where = sample_name(told.id),
         .expected = last == 0 ? "a sample that was asked for" : "an attempt from 1 to " + std::to_string(last),
         .got = std::to_string(*told.attempt),
         .advice = {}});
  }
  const LedgerAttempt then = ledger_->attempts(told.id).at(static_cast<std::size_t>(*told.attempt - 1));
  if (then.outcome == "interrupted") return std::nullopt;
  if (!told.outcome.labels || then.outcome == "withdrawn") return TellResult::Kind::known;
  return then.refused ? std::optional(TellResult::Kind::refused) : std::nullopt;
}

/// Takes a running sample for telling its outcome: nobody else can then. Errors: `LabelError` for one that is not.
Campaign::Running Campaign::begin_telling(SampleId id) {
  const std::lock_guard lock(queue_mutex_);
  if (const auto left = left_.find(id); left != left_.end() && left->second.handle == asked_handle) {
    running_.emplace(id, Running{.attempt = left->second.attempt,
                                 .began = std::chrono::steady_clock::now(),
                                 .fingerprint = fingerprint_of_left(id),
                                 .handle = left->second.handle});
    left_.erase(left);
  }
  const auto running = running_.find(id);
  if (running == running_.end() || running->second.told || !running->second.started) {
    throw LabelError({.id = "assay.label.not_running",
                      .where = sample_name(id),
                      .expected = "a sample that is being simulated",
                      .got = "one that is not: it was told already, or not asked for since the campaign was opened",
                      .advice = "ask: what was asked for before and never told is offered again"});
  }
  running->second.told = true;
  return running->second;
}

/// Samples whose outcome did not come into the ledger can be told again.
void Campaign::take_back_telling(std::span<const SampleId> ids) {
  const std::lock_guard lock(queue_mutex_);
  for (const SampleId id : ids) {
    if (const auto running = running_.find(id); running != running_.end()) running->second.told = false;
  }
}

/// Writes outcomes into the ledger; where that fails, the samples can be told again.
void Campaign::end_telling(std::span<const SampleId> ids, const std::function<void()>& write) {
  try {
    write();
  } catch (...) {
    take_back_telling(ids);
    throw;
  }
  const std::lock_guard lock(queue_mutex_);
  release(ids);
}

void Campaign::know_duration(const Job& job) {
  const std::lock_guard lock(queue_mutex_);
  if (const auto running = running_.find(job.id); running != running_.end()) running->second.seconds = job.seconds;
}

std::vector<bool> Campaign::tell(std::span<const Ended> ended) {
  std::vector<Told> outcomes;
  std::vector<SampleId> ids;
  std::string solver;
  {
    const std::lock_guard lock(queue_mutex_);
    solver = solver_version_;
  }
  for (const auto& [job, outcome] : ended) {
    know_duration(job);
    ids.push_back(job.id);
    outcomes.push_back({.id = job.id, .outcome = outcome, .attempt = job.attempt, .solver = solver});
  }
  start_reserved(ids, Durable::with_next, {});
  return labels_taken(outcomes, tell_each(outcomes));
}

/// Begins to tell an outcome: labels that cannot be taken are a failure from here on.
AttemptEnd Campaign::ending_of(Told told) {
  const Running running = begin_telling(told.id);
  AttemptEnd ended{.id = told.id,
                   .attempt = running.attempt,
                   .outcome = std::move(told.outcome),
                   .seconds = running.duration(),
                   .solver = std::move(told.solver)};
  if (!ended.outcome.labels) return ended;
  if (const std::optional<std::string> reason = refusal(told.id, *ended.outcome.labels)) {
    ended.refused = std::move(ended.outcome.labels);
    ended.outcome = failed("label refused: " + *reason);
  }
  return ended;
}

void Campaign::set_solver_version(const std::string& version) {
  const std::lock_guard lock(queue_mutex_);
  solver_version_ = version;
}

void Campaign::say_ending(const AttemptEnd& ended) {
  const std::string name = sample_name(ended.id);
  const Outcome& outcome = ended.outcome;
  if (outcome.labels) return simulation_ended(Event::Kind::simulation_done, name);
  switch (outcome.verdict) {
    case Verdict::retry: return say(name + " failed and is queued again: " + outcome.reason);
    case Verdict::infeasible:
      return simulation_ended(Event::Kind::simulation_failed, name + " is infeasible: " + outcome.reason);
    case Verdict::failed: break;
  }
  simulation_ended(Event::Kind::simulation_failed, name + ": " + outcome.reason);
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
  const std::lock_guard lock(queue_mutex_);
  if (const auto running = running_.find(job.id); running != running_.end()) running->second.handle = handle;
}

std::vector<Sample> Campaign::ask(std::int64_t count, Asked asked) {
  std::vector<Sample> samples;
  if (position_.phase != Phase::labeling || finished()) return samples;
  queue_left_again(/*asked_ones=*/false);
  if (asked == Asked::until_kept) {
    std::vector<QueuedSample> claimed = claim(count);
    std::vector<Values> inputs = inputs_of(claimed);
    for (std::size_t i = 0; i < claimed.size(); ++i) samples.push_back({claimed[i].entry.id, std::move(inputs[i])});
    return samples;
  }
  const std::string handle(asked == Asked::until_told ? asked_handle : "");
  for (Job& job : start(count, Durable::now, handle)) samples.push_back({job.id, std::move(job.inputs)});
  return samples;
}

void Campaign::keep_asked(std::span<const SampleId> ids) {
  const std::string handle(asked_handle);
  const std::vector<SampleId> started = start_reserved(ids, Durable::now, handle);
  if (!started.empty()) ledger_->set_handle(started, handle);
}

std::vector<Sample> Campaign::asked() const {
  std::unordered_set<SampleId> kept;
  bool others = false;  // of this process, whose handles the ledger alone has
  {
    const std::lock_guard lock(queue_mutex_);
    for (const auto& [id, attempt] : left_) {
      if (attempt.handle == asked_handle) kept.insert(id);
    }
    others = !running_.empty();
  }
  if (others) {
    for (const auto& [id, attempt] : ledger_->last_attempts(SampleState::running)) {
      if (attempt.handle == asked_handle) kept.insert(id);
    }
  }
  std::vector<SampleId> ids = ledger_->in_state(SampleState::running);  // in the order they were picked
  std::erase_if(ids, [&](SampleId id) { return !kept.contains(id); });
  std::vector<Sample> samples;
  for (Values& inputs : ledger_->inputs(ids)) samples.push_back({ids[samples.size()], std::move(inputs)});
  return samples;
}

std::vector<int> Campaign::attempts(std::span<const SampleId> ids) const {
  std::vector<int> numbers;
  numbers.reserve(ids.size());
  for (const SampleId id : ids) {
    {
      const std::lock_guard lock(queue_mutex_);
      if (const auto running = running_.find(id); running != running_.end()) {
        numbers.push_back(running->second.attempt);
        continue;
      }
      if (const auto left = left_.find(id); left != left_.end()) {
        numbers.push_back(left->second.attempt);
        continue;
      }
    }
    const std::optional<LedgerEntry> entry = ledger_->find(id);
    numbers.push_back(entry ? entry->attempts : 0);
  }
  return numbers;
}

bool Campaign::tell(const Told& told) {
  TellResult result = std::move(tell_each({&told, 1}).front());
  if (result.error) throw LabelError(std::move(*result.error));
  return result.kind != TellResult::Kind::refused;
}

std::int64_t Campaign::tell(std::span<const Told> outcomes) {
  const std::vector<bool> taken = labels_taken(outcomes, tell_each(outcomes));
  return std::count(taken.begin(), taken.end(), true);
}

std::vector<TellResult> Campaign::tell_each(std::span<const Told> outcomes) {
  std::vector<TellResult> results(outcomes.size());
  std::vector<AttemptEnd> endings;
  std::vector<SampleId> ids;
  std::unordered_map<SampleId, std::size_t> place;  // in this call
  endings.reserve(outcomes.size());
  const Schema known = target_schema();
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    try {
      Told told = outcomes[i];
      if (told.outcome.labels) told.outcome.labels = in_known_dtypes(on_cpu(*told.outcome.labels), known, rules_);
      const auto [first, is_first] = place.try_emplace(told.id, i);
      if (!is_first) {
        results[i] = again_in_one_call(outcomes[first->second], outcomes[i], results[first->second]);
        continue;
      }
      std::optional<TellResult::Kind> before = told_of_earlier_attempt(told);
      if (!before) before = told_before(told);
      if (before) {
        results[i].kind = *before;
        continue;
      }
      endings.push_back(ending_of(std::move(told)));
      ids.push_back(outcomes[i].id);
      if (endings.back().refused)
        results[i] = {.kind = TellResult::Kind::refused, .reason = endings.back().outcome.reason};
    } catch (const LabelError& error) {
      results[i] = {.kind = TellResult::Kind::wrong, .reason = error.what(), .error = error.parts()};
      if (const auto first = place.find(outcomes[i].id); first != place.end() && first->second == i) place.erase(first);
    } catch (...) {
      // Of the ledger: none of those that were begun is told, and all can be told again.
      take_back_telling(ids);
      throw;
    }
  }
  end_telling(ids, [&] {
    if (!endings.empty()) ledger_->end(endings);
  });
  for (const AttemptEnd& ended : endings) say_ending(ended);
  return results;
}

}  // namespace assay::detail
