// SPDX-License-Identifier: Apache-2.0
// A queue of simulations in memory, and programs to run from it.
#pragma once

#include <assay/label/process_label.hpp>

#include <unistd.h>

#include <atomic>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace jobs {

using namespace assay;

/// A queue in memory that keeps what came of every job.
class Queue : public LabelQueue {
 public:
  struct Waiting {
    assay::SampleId id;
    int attempt = 1;
    int failures = 0;
  };

  Queue(std::filesystem::path folder, std::int64_t jobs) : folder_(std::move(folder)) {
    for (std::int64_t i = 0; i < jobs; ++i) waiting.push_back({i});
  }
  std::optional<Job> next() override {
    const std::lock_guard lock(mutex_);
    if (waiting.empty() || stop) return std::nullopt;
    const auto [id, attempt, failed] = waiting.front();
    waiting.erase(waiting.begin());
    return Job{.id = id,
               .inputs = Values{{"x", static_cast<double>(id)}},
               .attempt = attempt,
               .failures = failed,
               .directory = folder_ / (std::to_string(id) + "_" + std::to_string(attempt))};
  }
  std::vector<bool> tell(std::span<const Ended> ended) override {
    std::vector<bool> taken;
    for (const auto& [job, outcome] : ended) {
      if (outcome.labels && refuse) refuse(job);
      const std::lock_guard lock(mutex_);
      if (outcome.labels) {
        accepted[job.id] = *outcome.labels;
      } else {
        failures.push_back(outcome);
        if (outcome.verdict == Verdict::retry) waiting.push_back({job.id, job.attempt + 1, job.failures + 1});
      }
      taken.push_back(outcome.labels && all_finite(*outcome.labels));
    }
    return taken;
  }
  void set_handle(const Job&, const std::string& handle) override {
    const std::lock_guard lock(mutex_);
    if (!handle.starts_with("process ")) return;  // it is about to start
    handles.push_back(handle);
    if (on_start) on_start();
  }
  bool stop_requested() const override { return stop; }
  std::vector<Job> unfinished() override { return std::exchange(left, {}); }
  void give_back(const Job& job) override {
    const std::lock_guard lock(mutex_);
    given_back.push_back(job.id);
    waiting.push_back({job.id, job.attempt + 1, job.failures});
  }

  std::vector<Waiting> waiting;
  std::map<SampleId, Values> accepted;
  std::vector<Outcome> failures;
  std::vector<std::string> handles;
  std::vector<Job> left;             ///< by an earlier process, for `unfinished`
  std::vector<SampleId> given_back;  ///< and waiting again
  std::atomic<bool> stop{false};
  std::function<void()> on_start;          ///< called for every handle
  std::function<void(const Job&)> refuse;  ///< called before labels are taken

 private:
  std::mutex mutex_;
  std::filesystem::path folder_;
};

inline ProcessLabelOptions shell(const std::string& script) {
  return {.command = {"sh", "-c", script}, .provides = {"y"}};
}
/// As `shell`, with a limit that only guards against a hang.
inline ProcessLabelOptions guarded(const std::string& script) {
  ProcessLabelOptions options = shell(script);
  options.time_limit = std::chrono::seconds(120);
  return options;
}

inline Values read_y(const std::filesystem::path& directory) {
  double y = 0;
  std::ifstream in(directory / "y.txt");
  if (!(in >> y)) throw std::runtime_error("y.txt holds no number");
  return {{"y", y}};
}

inline void write_x(const std::filesystem::path& directory, const Values& x) {
  std::ofstream(directory / "x.txt") << x.scalar("x");
}

template <class Strategy>
void run(Strategy strategy, Queue& queue) {
  LabelContext context(queue);
  strategy.label(context);
}

/// A process runs: it is there, and does not only wait to be reaped.
inline bool alive(pid_t process) {
  std::ifstream stat("/proc/" + std::to_string(process) + "/stat");
  const std::string text((std::istreambuf_iterator<char>(stat)), {});
  return !text.empty() && text.find(") Z") == std::string::npos && text.find(") X") == std::string::npos;
}

/// What an earlier process began there.
inline Job left_job(const std::filesystem::path& directory) {
  return {.id = 0, .inputs = Values{{"x", 0.0}}, .attempt = 1, .failures = 0, .directory = directory};
}

/// The number a program left in a file. One that is missing fails the test: nothing of the kind is a process.
inline pid_t process_in(const std::filesystem::path& file) {
  pid_t process = 0;
  if (!(std::ifstream(file) >> process) || process <= 1)
    throw std::runtime_error(file.string() + " holds no process id");
  return process;
}

/// Waits for something to become true. Giving up fails the test: the limit only guards against a hang.
inline void wait_until(const std::string& what, const std::function<bool()>& holds) {
  for (int i = 0; i < 12000; ++i) {
    if (holds()) return;
    ::usleep(10'000);
  }
  throw std::runtime_error("gave up waiting until " + what);
}

/// Waits until a program has written a file.
inline void wait_for(const std::filesystem::path& file) {
  wait_until(file.string() + " is written", [&] {
    std::error_code error;
    const std::uintmax_t size = std::filesystem::file_size(file, error);
    return !error && size > 0;
  });
}

struct EndedAtLimit {
  std::filesystem::path folder;
  Outcome failure;
};

/// Runs a program that does not end until its time limit ends it. Where the machine was too busy for it to write the
/// file `ready` into the folder above its own by then, again with a longer limit.
inline EndedAtLimit run_to_limit(const std::filesystem::path& folder, ProcessLabelOptions options,
                                 const std::string& ready) {
  for (const int milliseconds : {250, 1000, 4000, 16000, 64000}) {
    const std::filesystem::path place = folder / ("limit_" + std::to_string(milliseconds));
    options.time_limit = std::chrono::milliseconds(milliseconds);
    Queue queue(place, 1);
    run(ProcessLabel(options, {}, read_y), queue);
    if (std::filesystem::exists(place / ready)) return {place, queue.failures.at(0)};
  }
  throw std::runtime_error("the program was not ready in time");
}

/// Waits for a process that was killed. The limit only guards against a hang.
inline bool ends(pid_t process) {
  for (int i = 0; i < 6000 && alive(process); ++i) ::usleep(10'000);
  return !alive(process);
}

}  // namespace jobs
