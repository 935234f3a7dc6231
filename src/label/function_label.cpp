// SPDX-License-Identifier: Apache-2.0
#include "refusals.hpp"
#include "valid_utf8.hpp"
#include "workers.hpp"

#include <assay/error.hpp>
#include <assay/label/function_label.hpp>

#include <c10/util/Exception.h>

#include <algorithm>
#include <chrono>
#include <deque>

namespace assay {

FunctionLabel::FunctionLabel(FunctionLabelOptions options_, Function function)
    : options(std::move(options_)), function_(std::move(function)) {
  require_valid(options, key);
  if (!function_) throw ConfigError({"assay.label.function", "label", "a function", "an empty one", ""});
}

namespace {

using Clock = std::chrono::steady_clock;

/// Calls that together take no longer share a commit: to lose them costs less than to keep each by itself.
constexpr std::chrono::milliseconds worth_a_commit(5);
constexpr std::int64_t most_at_once = 256, growth = 8;

double seconds_since(Clock::time_point began) { return std::chrono::duration<double>(Clock::now() - began).count(); }

Outcome call(const FunctionLabel::Function& function, const Job& job) {
  try {
    return done(function(job));
  } catch (const Infeasible& said) {
    return infeasible(detail::valid_utf8(said.what()));
  } catch (const c10::Error& error) {
    return failed(detail::valid_utf8(error.what_without_backtrace()));
  } catch (const std::exception& error) {
    return failed(detail::valid_utf8(error.what()));
  } catch (...) {
    return failed("the function threw something that is no std::exception");
  }
}

/// Calls the function for the first of the jobs, and for more of them while they are worth no commit of their own.
std::vector<Ended> call_some(const FunctionLabel::Function& function, std::deque<Job>& jobs,
                             const LabelContext& context) {
  std::vector<Ended> ended;
  const Clock::time_point began = Clock::now();
  do {
    Job job = std::move(jobs.front());
    jobs.pop_front();
    const Clock::time_point called = Clock::now();
    Outcome outcome = call(function, job);
    job.seconds = seconds_since(called);
    ended.push_back({std::move(job), std::move(outcome)});
  } while (!jobs.empty() && Clock::now() - began < worth_a_commit && !context.stop_requested());
  return ended;
}

/// How many such calls are worth a commit.
std::int64_t next_count(const std::vector<Ended>& ended, std::int64_t count) {
  double seconds = 0;
  for (const Ended& one : ended) seconds += *one.job.seconds;
  const double worth = std::chrono::duration<double>(worth_a_commit).count() * static_cast<double>(ended.size());
  const std::int64_t most = std::min(most_at_once, growth * count);
  if (worth > seconds * static_cast<double>(most)) return most;
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(worth / seconds));
}

std::deque<Job> some_of(LabelContext& context, std::int64_t count) {
  std::deque<Job> jobs;
  if (count > 1) {
    for (Job& job : context.reserve(count)) jobs.push_back(std::move(job));
  } else if (std::optional<Job> job = context.next()) {
    jobs.push_back(std::move(*job));
  }
  return jobs;
}

}  // namespace

void FunctionLabel::label(LabelContext& context) {
  if (version_) context.set_solver_version(std::exchange(version_, {})());
  if (!refusals_.held) refusals_.held = std::make_shared<detail::Refusals>();
  detail::run_workers(options.threads, [&](const std::atomic<bool>& cancelled) {
    std::int64_t count = 1;
    std::deque<Job> jobs;
    while (!cancelled) {
      if (jobs.empty()) {
        jobs = some_of(context, count);
      } else if (context.stop_requested()) {
        return;
      }
      if (jobs.empty()) return;
      const std::vector<Ended> ended = call_some(function_, jobs, context);
      const std::vector<bool> taken = context.tell(ended);
      for (std::size_t i = 0; i < ended.size(); ++i) {
        if (ended[i].outcome.labels) refusals_.held->count(taken[i]);
      }
      // Of several threads none is to sit on what another could call.
      if (options.threads == 1) count = next_count(ended, count);
    }
  });
  if (!context.stop_requested()) refusals_.held->require_few();
}

}  // namespace assay
