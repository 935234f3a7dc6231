// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/sample.hpp>
#include <assay/label/outcome.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace assay {

/// One simulation to run.
struct Job {
  SampleId id = -1;
  Values inputs;
  int attempt = 1;                  ///< 1 for the first
  int failures = 0;                 ///< earlier attempts that failed; interrupted ones are none
  std::filesystem::path directory;  ///< private to this attempt, absolute; not created until somebody needs it. Empty
                                    ///< for an unfinished one whose directory is not to be found
  std::uint64_t seed = 0;           ///< for stochastic simulations; depends on the campaign's seed and the id alone
  Purpose purpose = Purpose::training;
  std::optional<double> seconds =
      std::nullopt;  ///< it took, where the strategy knows better than the clock since `next`
};

/// What a function that labels, writes input files or reads output throws to say that a design cannot be
/// (`Verdict::infeasible`). Anything else that it throws is a failure.
class Infeasible : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// How a job ended.
struct Ended {
  Job job;
  Outcome outcome;
};

/// Where jobs come from and outcomes go to: implemented by the campaign, and by tests.
class LabelQueue {
 public:
  virtual ~LabelQueue() = default;
  virtual std::optional<Job> next() = 0;
  /// \return which of them gave labels that were taken.
  virtual std::vector<bool> tell(std::span<const Ended> ended) = 0;
  virtual void set_handle(const Job& job, const std::string& handle) = 0;
  virtual bool stop_requested() const = 0;
  virtual bool fits(std::chrono::duration<double>) { return true; }
  virtual std::vector<Job> unfinished() { return {}; }
  virtual void give_back(const Job&) {}
  virtual void set_solver_version(const std::string&) {}
  virtual std::vector<Job> reserve(std::int64_t count) {
    std::vector<Job> jobs;
    while (static_cast<std::int64_t>(jobs.size()) < count) {
      std::optional<Job> job = next();
      if (!job) break;
      jobs.push_back(std::move(*job));
    }
    return jobs;
  }
};

/// What a label strategy is given: a durable queue of simulations. Every member may be called from any thread.
class LabelContext {
 public:
  explicit LabelContext(LabelQueue& queue) : queue_(&queue) {}

  /// The next simulation, marked as running; nothing when none is left, a stop was requested, or one that takes
  /// `time_limit` would not end before the campaign's wall time does. A job that was failed with `retry` comes again.
  std::optional<Job> next(std::chrono::duration<double> time_limit = {}) {
    return queue_->fits(time_limit) ? queue_->next() : std::nullopt;
  }
  /// Up to `count` at once, for simulations so short that to mark each as running would cost more than they do: they
  /// are reserved in this process alone, and the campaign remembers them when they are told.
  std::vector<Job> reserve(std::int64_t count) { return queue_->reserve(count); }
  /// Simulations that an earlier process of this campaign had started, with a handle, and never ended: each is to be
  /// accepted, failed, or given back. To be asked before the first `next`, which queues them again.
  std::vector<Job> unfinished() { return queue_->unfinished(); }
  /// Puts an unfinished simulation that is lost back into the queue; its attempt counts as interrupted.
  void give_back(const Job& job) { queue_->give_back(job); }
  /// Takes the labels of a simulation; durable when it returns. Labels that lack a promised field, do not fit the
  /// earlier ones or are not finite are refused: recorded raw, counted as a failure; false is returned then.
  bool accept(const Job& job, const Values& labels) { return tell({job, done(labels)}); }
  /// Records that a simulation gave no label; durable when it returns.
  void fail(const Job& job, const std::string& reason, Verdict verdict = Verdict::failed) {
    tell({job, {.labels = std::nullopt, .reason = reason, .verdict = verdict}});
  }
  /// How a simulation ended; durable when it returns. \return whether it gave labels that were taken.
  bool tell(const Ended& ended) { return queue_->tell({&ended, 1}).front(); }
  /// How many ended, durable in one commit when it returns. \return which of them gave labels that were taken.
  std::vector<bool> tell(std::span<const Ended> ended) { return queue_->tell(ended); }
  /// Remembers where the simulation runs (a process or scheduler id), so that a restart can find it: it is then among
  /// the `unfinished` ones.
  void set_handle(const Job& job, const std::string& handle) { queue_->set_handle(job, handle); }
  /// Says which version of the solver computes the labels that are accepted from now on, in this session: each label
  /// carries it, so that those of a bad version can be taken back (`withdraw_samples`).
  void set_solver_version(const std::string& version) { queue_->set_solver_version(version); }
  /// True once the campaign wants to end: finish what runs, start nothing.
  bool stop_requested() const { return queue_->stop_requested(); }

 private:
  LabelQueue* queue_;
};

}  // namespace assay
