// SPDX-License-Identifier: Apache-2.0
#include "asked_handle.hpp"
#include "simulation_folders.hpp"

#include <assay/detail/campaign.hpp>
#include <assay/detail/content.hpp>
#include <assay/error.hpp>

#include <algorithm>

namespace assay::detail {

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
  return detail::content_of(inputs, options_.label_version);
}

/// Sorts what the ledger calls running when a campaign goes on: with a handle it may be found again, else it is lost
/// and queued again. \return how many were lost.
std::int64_t Campaign::take_stock_of_running() {
  for (auto& [id, attempt] : ledger_->last_attempts(SampleState::running)) {
    if (!attempt.handle.empty()) left_.emplace(id, std::move(attempt));
  }
  std::vector<SampleId> lost = ledger_->in_state(SampleState::running);
  std::erase_if(lost, [&](SampleId id) { return left_.contains(id); });
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

/// Queues again what an earlier process left behind and this one did not take up.
void Campaign::queue_what_was_left() {
  if (const std::int64_t lost = queue_left_again(/*asked_ones=*/false); lost > 0)
    warn(std::to_string(lost) + " interrupted simulations are queued again");
}

std::optional<Job> Campaign::next() {
  if (stop_requested()) return std::nullopt;
  queue_what_was_left();
  // What a power cut takes it takes the simulation with, unless that has a handle: that is synced, and this with it.
  std::vector<Job> jobs = start(1, Durable::with_next);
  if (jobs.empty()) return std::nullopt;
  return std::move(jobs.front());
}

std::vector<Job> Campaign::reserve(std::int64_t count) {
  if (stop_requested()) return {};
  queue_what_was_left();
  std::vector<QueuedSample> claimed = claim(count);
  return jobs_of(claimed);
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
  const SimulationFolders folders(options_.dir, options_.scratch, ledger_->campaign_id());
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
                    .directory = folders.find(id, attempt.attempt, attempt.directory).value_or(""),
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

/// Lets the twins of samples that are out since an earlier process wait for them. With the lock held.
void Campaign::know_left_fingerprints() {
  if (left_fingerprints_.size() == left_.size()) return;
  std::vector<SampleId> ids;
  for (const auto& [id, attempt] : left_) ids.push_back(id);
  for (LedgerEntry& entry : ledger_->entries(ids)) {
    running_fingerprints_.insert(entry.fingerprint);
    left_fingerprints_[entry.id] = std::move(entry.fingerprint);
  }
}

/// What `release` is to forget of a sample that was out since an earlier process; empty before anybody claimed. With
/// the lock held.
std::string Campaign::fingerprint_of_left(SampleId id) {
  const auto known = left_fingerprints_.extract(id);
  return known.empty() ? std::string() : std::move(known.mapped());
}

/// Reads the front of the queue into memory, unless it is there: only this process changes the queue, and the ledger
/// counts these changes. With the lock held.
void Campaign::read_ahead(std::int64_t count) {
  constexpr std::int64_t block = 64;
  // Reserved samples are still queued in the ledger until they have started.
  const std::int64_t limit = static_cast<std::int64_t>(running_.size()) + std::max(count, block) + 16;
  const std::int64_t as_of = ledger_->queue_changes();
  ahead_.clear();
  ahead_is_all_ = true;
  std::int64_t found = 0;
  for (QueuedSample& sample : ledger_->queue(limit)) {
    ahead_is_all_ = ++found < limit;
    if (!running_.contains(sample.entry.id)) ahead_.push_back(std::move(sample));
  }
  ahead_as_of_ = as_of;
}

/// Up to `count` queued samples that nobody computes, reserved, in the order they were picked. Those whose content is
/// known already are answered instead.
std::vector<QueuedSample> Campaign::claim(std::int64_t count) {
  const std::lock_guard lock(queue_mutex_);
  std::vector<QueuedSample> claimed;
  const auto wanted = [&] { return static_cast<std::int64_t>(claimed.size()) < count; };
  if (options_.duplicates == Duplicates::reuse) know_left_fingerprints();
  // Again where some were taken, or what was read before is at its end, and more may stand behind it.
  for (bool again = true; again && wanted();) {
    again = ahead_as_of_ == ledger_->queue_changes();
    if (!again) read_ahead(count);
    const bool reuses = options_.duplicates == Duplicates::reuse;
    const bool answers = reuses && !ahead_.empty() && ledger_->has_answers();
    for (auto sample = ahead_.begin(); sample != ahead_.end() && wanted();) {
      const LedgerEntry& entry = sample->entry;
      if (entry.round > position_.round) {
        ++sample;
      } else if (answers && ledger_->answer(entry.id, entry.fingerprint)) {
        ++phase_ended_;
        sample = ahead_.erase(sample);
        again = true;
      } else if (reuses && running_fingerprints_.contains(entry.fingerprint)) {
        ++sample;  // its twin will answer it
      } else {
        running_fingerprints_.insert(entry.fingerprint);
        running_.emplace(
            entry.id,
            Running{.attempt = entry.attempts + 1, .started = false, .began = {}, .fingerprint = entry.fingerprint});
        claimed.push_back(std::move(*sample));
        sample = ahead_.erase(sample);
        again = true;
      }
    }
    if (ahead_is_all_ || !wanted()) break;
    ahead_as_of_ = -1;
  }
  return claimed;
}

/// Inputs of claimed samples: those that were read ahead are taken.
std::vector<Values> Campaign::inputs_of(std::vector<QueuedSample>& claimed) const {
  std::vector<Values> inputs;
  inputs.reserve(claimed.size());
  for (QueuedSample& sample : claimed)
    inputs.push_back(sample.inputs ? std::move(*sample.inputs) : ledger_->inputs(sample.entry.id));
  return inputs;
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

/// Claimed samples as jobs. Where that fails they are released.
std::vector<Job> Campaign::jobs_of(std::vector<QueuedSample>& claimed) {
  std::vector<Job> jobs;
  try {
    const SimulationFolders folders(options_.dir, options_.scratch, ledger_->campaign_id());
    std::vector<Values> inputs = inputs_of(claimed);
    for (const auto& [entry, taken] : claimed) {
      jobs.push_back({.id = entry.id,
                      .inputs = std::move(inputs[jobs.size()]),
                      .attempt = entry.attempts + 1,
                      .failures = entry.attempts > 0 ? ledger_->failures(entry.id) : 0,
                      .directory = folders.directory(entry.id, entry.attempts + 1),
                      .seed = random_.with("simulation").with(entry.id).bits(),
                      .purpose = entry.purpose});
    }
  } catch (...) {
    std::vector<SampleId> ids;
    for (const QueuedSample& sample : claimed) ids.push_back(sample.entry.id);
    unclaim(ids);
    throw;
  }
  return jobs;
}

/// Releases samples that still stand in the queue.
void Campaign::unclaim(std::span<const SampleId> ids) {
  const std::lock_guard lock(queue_mutex_);
  release(ids);
  ahead_as_of_ = -1;
}

/// Claims up to `count` samples and marks them as running, in one commit. \param handle of each.
std::vector<Job> Campaign::start(std::int64_t count, Durable durable, const std::string& handle) {
  std::vector<QueuedSample> claimed = claim(count);
  std::vector<Job> jobs = jobs_of(claimed);
  std::vector<SampleId> ids;
  for (const Job& job : jobs) ids.push_back(job.id);
  try {
    start_reserved(ids, durable, handle);
  } catch (...) {
    unclaim(ids);
    throw;
  }
  return jobs;
}

/// Marks those that are only reserved as running, in one commit. \return the others.
std::vector<SampleId> Campaign::start_reserved(std::span<const SampleId> ids, Durable durable,
                                               const std::string& handle) {
  const SimulationFolders folders(options_.dir, options_.scratch, ledger_->campaign_id());
  std::vector<SampleId> reserved, others;
  std::vector<Start> starts;
  {
    const std::lock_guard lock(queue_mutex_);
    for (const SampleId id : ids) {
      const auto running = running_.find(id);
      if (running == running_.end() || running->second.started) {
        others.push_back(id);
        continue;
      }
      reserved.push_back(id);
      starts.push_back({id, folders.in_ledger(folders.directory(id, running->second.attempt)), handle});
    }
  }
  if (!starts.empty()) ledger_->start_attempts(starts, durable);
  have_started(reserved);
  return others;
}

void Campaign::have_started(std::span<const SampleId> ids) {
  const std::lock_guard lock(queue_mutex_);
  for (const SampleId id : ids) {
    Running& running = running_.at(id);
    running.started = true;
    running.began = std::chrono::steady_clock::now();
  }
}

}  // namespace assay::detail
