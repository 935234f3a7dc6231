// SPDX-License-Identifier: Apache-2.0
#include "../detail/lease.hpp"
#include "input_files.hpp"
#include "output_files.hpp"
#include "output_place.hpp"
#include "refusals.hpp"
#include "solver_version.hpp"
#include "simulation.hpp"
#include "valid_utf8.hpp"
#include "workers.hpp"

#include <assay/detail/files.hpp>
#include <assay/error.hpp>
#include <assay/label/process_label.hpp>

#include <c10/util/Exception.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <mutex>

namespace assay {

namespace fs = std::filesystem;

namespace {

std::string in_words(const detail::SimulationOutcome& end, const ProcessLabelOptions& options) {
  using Kind = detail::SimulationOutcome::Kind;
  switch (end.kind) {
    case Kind::exited: return "exit code " + std::to_string(end.status);
    case Kind::signaled: {
      std::string text = "ended by signal " + std::to_string(end.status) + " (" + ::strsignal(end.status) + ")";
      if (end.status == SIGXFSZ && options.file_limit)
        text += ": a file grew beyond 'file_limit', " + std::to_string(*options.file_limit) + " bytes";
      return text;
    }
    case Kind::timed_out: return "not done after " + std::to_string(options.time_limit.count()) + " s: ended";
    case Kind::stopped:
    case Kind::not_started: break;
  }
  return "stopped";
}

/// A text about an exception, without LibTorch's stack trace.
std::string what(const std::exception& error) {
  const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
  return torch_error ? torch_error->what_without_backtrace() : error.what();
}

/// Errors: `LabelError` `assay.label.program`.
fs::path found_program(const std::string& name) {
  fs::path program = detail::find_program(name);
  if (!program.empty()) return program;
  throw LabelError({"assay.label.program", name, "a program that can be run", "none of this name",
                    "install it, or give its full path in 'command'"});
}

}  // namespace

/// What all samples of a phase share.
struct ProcessLabel::Setup {
  explicit Setup(const ProcessLabelOptions& options)
      : program(found_program(options.command.front())), inputs(options.templates) {}

  /// Counts a simulation that was ended from outside while the campaign went on: by its own program, if again and
  /// again.
  bool too_many_stops(SampleId id) const {
    const std::lock_guard lock(mutex_);
    return ++stops_[id] >= most_stops;
  }

  fs::path program;
  detail::InputFiles inputs;

 private:
  static constexpr int most_stops = 3;

  mutable std::mutex mutex_;
  mutable std::map<SampleId, int> stops_;
};

ProcessLabel::ProcessLabel(ProcessLabelOptions options_, Writer writer, Reader reader)
    : options(std::move(options_)), writer_(std::move(writer)), reader_(std::move(reader)) {
  require_valid(options, key);
  std::vector<ErrorParts> problems;
  if (options.command.empty())
    problems.push_back({"assay.config.required", "process/command", "a program", "nothing", ""});
  if (!reader_) {
    for (const std::string& name : options.provides) {
      if (!options.outputs.contains(name)) {
        problems.push_back({"assay.config.required", "process/outputs/" + name, "where '" + name + "' is read",
                            "nothing", "or give a reader"});
      }
    }
  }
  for (const auto& [name, text] : options.outputs) {
    std::string problem;
    if (!detail::output_place(text, problem))
      problems.push_back({"assay.label.place", "process/outputs/" + name, std::string(detail::output_places),
                          "'" + text + "': " + problem, ""});
  }
  for (const auto& [target, file] : options.templates) {
    if (const std::string problem = detail::problem_of_target(target); !problem.empty())
      problems.push_back(
          {"assay.label.place", "process/templates", "names within the directory of a simulation", problem, ""});
  }
  if (!problems.empty()) throw ConfigError(std::move(problems));
}

std::vector<ErrorParts> ProcessLabel::obstacles(const std::vector<std::string>& inputs) const {
  std::vector<ErrorParts> found;
  const auto look_for = [&](const char* option, const std::vector<std::string>& command) {
    if (command.empty() || !detail::find_program(command.front()).empty()) return;
    found.push_back({"assay.label.program", option, "a program that can be run", "'" + command.front() + "'",
                     "install it, or give its full path"});
  };
  look_for("/command/0", options.command);
  look_for("/solver_version/0", options.solver_version);
  for (const auto& [target, file] : options.templates) {
    try {
      for (const auto& [made, name] : detail::InputFiles({{target, file}}).fields()) {
        if (std::find(inputs.begin(), inputs.end(), name) == inputs.end())
          found.push_back({"assay.label.template", "/templates/" + target,
                           "names of inputs in the template of " + made.string(), "{{" + name + "}}",
                           detail::suggest(name, inputs)});
      }
    } catch (const LabelError& error) {
      found.push_back(error.parts());
      found.back().where = "/templates/" + target;
      found.back().got = file.string() + ": " + found.back().got;
    }
  }
  return found;
}

/// What the launcher of a parallel program, or a scheduler, tells the processes that it starts: a simulation that
/// starts MPI itself would take itself for one of them.
constexpr std::array launcher_variables{"OMPI_*",        "PMIX_*",       "PMI_*",   "PRTE_*",    "MPI_LOCAL*",
                                        "MPIR_*",        "HYDRA_*",      "HYDI_*",  "MPIEXEC_*", "MV2_COMM_WORLD_*",
                                        "I_MPI_HYDRA_*", "I_MPI_INFO_*", "SLURM_*", "PBS_*",     "PALS_*",
                                        "ALPS_*",        "FLUX_*",       "LSB_*",   "JSM_*"};

detail::SimulationOrder ProcessLabel::order_for(const Setup& setup, const std::vector<int>& cores) const {
  detail::SimulationOrder order{.mark = detail::ProcessMarker::new_mark(),
                                .host = detail::host_name(),
                                .boot = detail::boot_of_host(),
                                .pid_namespace = detail::process_namespace(),
                                .program = setup.program,
                                .arguments = options.command,
                                .time_limit = options.time_limit,
                                .grace = options.grace,
                                .output_limit = options.output_limit,
                                .file_limit = options.file_limit,
                                .cores = cores,
                                .unset = options.unset,
                                .environment = options.environment};
  if (options.clear_launcher)
    order.unset.insert(order.unset.end(), launcher_variables.begin(), launcher_variables.end());
  if (options.cores) order.environment.try_emplace("OMP_NUM_THREADS", std::to_string(*options.cores));
  return order;
}

void ProcessLabel::run(LabelContext& context, const Job& job, const Setup& setup, const std::vector<int>& cores,
                       const std::function<bool()>& stop) const {
  fs::remove_all(job.directory);
  detail::make_directories_durably(job.directory);
  fs::create_directory(job.directory / detail::own_folder);
  setup.inputs.write(job.directory, job.inputs, options.categories);
  try {
    if (writer_) writer_(job.directory, job.inputs);
  } catch (const Infeasible& said) {
    return fail(context, job, infeasible(said.what()));
  } catch (const std::exception& error) {
    detail::require_room(job.directory);
    return fail(context, job, failed("input files: " + what(error)));
  }
  const detail::SimulationOrder order = order_for(setup, cores);
  detail::write_order(job.directory, order);
  // Known to the ledger before it starts: whenever this process is killed, a resume looks for it.
  context.set_handle(job, "simulation " + order.mark);
  detail::Simulation simulation = detail::Simulation::start(job.directory, order);
  context.set_handle(job, "process " + std::to_string(simulation.process()));
  const std::optional<detail::SimulationOutcome> outcome = simulation.wait(stop);
  if (outcome && outcome->kind == detail::SimulationOutcome::Kind::stopped && !stop() && setup.too_many_stops(job.id))
    return fail(context, job, failed("its runner was told to end again and again, though the campaign goes on"));
  if (outcome) return settle(context, job, *outcome, /*files_are_whole=*/true);
  if (stop()) return context.give_back(job);  // told to end before it could say so
  detail::require_room(job.directory);
  fail(context, job, failed(simulation.what_became_of_the_runner()));
}

void ProcessLabel::fail(LabelContext& context, const Job& job, Outcome failure) const {
  failure.reason = detail::valid_utf8(failure.reason);
  if (failure.verdict == Verdict::failed && job.failures + 1 < options.attempts) failure.verdict = Verdict::retry;
  context.tell({job, std::move(failure)});
  if (options.keep == KeepDirectories::none) fs::remove_all(job.directory);
}

void ProcessLabel::settle(LabelContext& context, Job job, const detail::SimulationOutcome& outcome,
                          bool files_are_whole) const {
  using Kind = detail::SimulationOutcome::Kind;
  job.seconds = outcome.seconds;
  Outcome failure = failed(in_words(outcome, options));
  failure.output = outcome.tail;
  if (outcome.kind == Kind::exited) failure.exit_status = outcome.status;
  // Nothing that a program comes to on a full disk says anything of its sample.
  const auto fail_unless_disk_was_full = [&] {
    detail::require_room(job.directory);
    return outcome.disk_was_full ? context.give_back(job) : fail(context, job, std::move(failure));
  };
  switch (outcome.kind) {
    case Kind::stopped: return context.give_back(job);
    case Kind::not_started:
      throw LabelError(
          {"assay.label.program", options.command.front(), "a program that can be started", outcome.problem, ""});
    case Kind::timed_out: return fail(context, job, std::move(failure));
    case Kind::signaled: return fail_unless_disk_was_full();
    case Kind::exited:
      if (outcome.status == 0) break;
      if (outcome.status != options.infeasible_status) return fail_unless_disk_was_full();
      failure.verdict = Verdict::infeasible;
      return fail(context, job, std::move(failure));
  }
  Values labels;
  try {
    labels = reader_ ? reader_(job.directory)
                     : detail::read_output_files(job.directory, options.outputs, options.read_limit);
  } catch (const Infeasible& said) {
    if (!files_are_whole) return context.give_back(job);
    failure.reason = said.what();
    failure.verdict = Verdict::infeasible;
    return fail(context, job, std::move(failure));
  } catch (const std::exception& error) {
    if (!files_are_whole) return context.give_back(job);
    failure.reason = "output cannot be read: " + what(error);
    return fail_unless_disk_was_full();
  }
  const bool accepted = refusals_.held->count(context.accept(job, labels));
  if (options.keep == KeepDirectories::none || (accepted && options.keep == KeepDirectories::failed)) {
    fs::remove_all(job.directory);
  }
}

/// \return whether a simulation that an earlier process left is settled: it has ended, or was lost.
bool ProcessLabel::settle_left(LabelContext& context, const Job& job, bool wait,
                               const std::function<bool()>& stop) const {
  std::optional<detail::SimulationOrder> order;
  try {
    if (!job.directory.empty()) order = detail::read_order(job.directory);
  } catch (const Error&) {  // killed before it was written, or deleted
  }
  if (!order) {
    context.give_back(job);
    return true;
  }
  detail::Simulation simulation = detail::Simulation::left_behind(job.directory, *order);
  std::optional<detail::SimulationOutcome> outcome = detail::read_outcome(job.directory, order->mark);
  if (!outcome && simulation.runs()) {
    const bool end = options.left_running == LeftRunning::end && simulation.is_within_reach();
    if (!wait && !end) return false;
    outcome = simulation.wait([&] { return end || stop(); });
    if (!outcome && !end && stop()) return true;  // still unsettled: the next session looks again
  }
  if (!outcome) simulation.end_leftovers();
  if (!outcome) outcome = detail::read_outcome(job.directory, order->mark);  // written while it was looked for
  if (outcome) {
    settle(context, job, *outcome, simulation.files_are_whole());
  } else {
    context.give_back(job);
  }
  return true;
}

/// One simulation at a time.
struct ProcessLabel::Seat {
  std::vector<int> cores;
  std::optional<Job> left;  ///< that still runs
};

std::vector<ProcessLabel::Seat> ProcessLabel::seats() const {
  std::vector<Seat> seats(static_cast<std::size_t>(options.parallel));
  if (!options.cores) return seats;
  const std::vector<int> usable = detail::usable_cores();
  const auto each = static_cast<std::size_t>(*options.cores);
  const std::size_t tiles = usable.size() / each;
  if (!options.oversubscribe) {
    if (tiles == 0) {
      throw LabelError({"assay.label.cores", "process/cores",
                        "at most the " + std::to_string(usable.size()) + " cores that this process may run on",
                        std::to_string(each), "lower it, or set 'oversubscribe'"});
    }
    seats.resize(std::min(seats.size(), tiles));
  }
  for (std::size_t i = 0; i < seats.size(); ++i) {
    const std::size_t first = tiles > 0 ? i % tiles * each : 0;
    const std::size_t last = std::min(first + each, usable.size());
    seats[i].cores.assign(usable.begin() + static_cast<std::ptrdiff_t>(first),
                          usable.begin() + static_cast<std::ptrdiff_t>(last));
  }
  return seats;
}

void ProcessLabel::label(LabelContext& context) {
  if (!options.solver_version.empty()) {
    if (version_.empty()) version_ = detail::solver_version(options.solver_version);
    context.set_solver_version(version_);
  }
  if (!refusals_.held) refusals_.held = std::make_shared<detail::Refusals>();
  std::vector<Job> left = context.unfinished();
  const auto never = [] { return false; };
  std::erase_if(left, [&](const Job& job) { return settle_left(context, job, /*wait=*/false, never); });
  const Setup setup(options);
  std::vector<Seat> all = seats();
  // Those that still run keep their cores, and count among those that run at once.
  for (Seat& seat : all) {
    if (left.empty()) break;
    seat.left = std::move(left.back());
    left.pop_back();
  }
  std::atomic<std::size_t> taken{0};
  std::mutex mutex;  // of `left`
  detail::run_workers(static_cast<std::int64_t>(all.size()), [&](const std::atomic<bool>& cancelled) {
    const auto stop = [&] { return cancelled || context.stop_requested(); };
    Seat& seat = all[taken++];
    while (seat.left && !stop()) {
      settle_left(context, *seat.left, /*wait=*/true, stop);
      const std::lock_guard lock(mutex);
      seat.left.reset();
      if (left.empty()) break;
      seat.left = std::move(left.back());
      left.pop_back();
    }
    while (!cancelled) {
      const std::optional<Job> job = context.next(options.time_limit + options.grace);
      if (!job) return;
      run(context, *job, setup, seat.cores, stop);
    }
  });
  if (!context.stop_requested()) refusals_.held->require_few();
}

}  // namespace assay
