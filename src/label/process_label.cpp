// SPDX-License-Identifier: Apache-2.0
#include "../detail/lease.hpp"
#include "simulation.hpp"
#include "valid_utf8.hpp"
#include "workers.hpp"

#include <assay/data/npy.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>
#include <assay/label/process_label.hpp>

#include <c10/util/Exception.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <csignal>
#include <cstring>
#include <mutex>

namespace assay {

namespace fs = std::filesystem;

namespace {

/// Numbers of a (nested) JSON array, as a tensor.
torch::Tensor tensor_from(const Json& json, std::vector<double>& numbers) {
  std::vector<std::int64_t> shape;
  for (const Json* level = &json; level->is_array(); level = &level->front()) {
    shape.push_back(static_cast<std::int64_t>(level->size()));
    if (level->empty()) break;
  }
  const auto collect = [&](const auto& self, const Json& value) -> void {
    if (value.is_array()) {
      for (const Json& item : value) self(self, item);
    } else {
      numbers.push_back(number_from_json(value));
    }
  };
  collect(collect, json);
  return torch::from_blob(numbers.data(), {static_cast<std::int64_t>(numbers.size())}, torch::kFloat64)
      .clone()
      .reshape(shape);
}

/// An input file with numbers to be filled in.
class Template {
 public:
  /// Errors: `LabelError` `assay.label.template`.
  Template(std::string target, fs::path file) : target_(std::move(target)), file_(std::move(file)) {
    std::error_code error;
    std::string text;
    try {
      if (!fs::is_regular_file(file_, error)) fail("a template that can be read", error ? error.message() : "no file");
      text = detail::read_file(file_);
    } catch (const CheckpointError& unreadable) {
      fail("a template that can be read", unreadable.parts().got);
    }
    std::string_view rest = text;
    for (std::size_t at = rest.find("{{"); at != std::string_view::npos; at = rest.find("{{")) {
      const std::size_t end = rest.find("}}", at);
      if (end == std::string_view::npos) fail("'}}' after '{{'", "none");
      texts_.emplace_back(rest.substr(0, at));
      names_.emplace_back(rest.substr(at + 2, end - at - 2));
      rest.remove_prefix(end + 2);
    }
    texts_.emplace_back(rest);
  }

  /// Errors: `LabelError` `assay.label.template` for a name that is no input, or no single number.
  std::string filled(const Values& inputs) const {
    std::string text = texts_.front();
    for (std::size_t i = 0; i < names_.size(); ++i) {
      const torch::Tensor* input = inputs.find(names_[i]);
      if (!input) fail("the name of an input: " + listed(inputs.names()), "{{" + names_[i] + "}}");
      if (input->numel() != 1) fail("an input that is one number", "{{" + names_[i] + "}}, which has more");
      std::array<char, 32> digits;
      const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), inputs.scalar(names_[i]));
      text.append(digits.data(), result.ptr).append(texts_[i + 1]);
    }
    return text;
  }
  const std::string& target() const { return target_; }

 private:
  [[noreturn]] void fail(std::string expected, std::string got) const {
    throw LabelError({"assay.label.template", file_.string(), std::move(expected), std::move(got), ""});
  }
  static std::string listed(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
  }

  std::string target_;
  fs::path file_;
  std::vector<std::string> texts_;  ///< around the names: one more than these
  std::vector<std::string> names_;
};

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

/// Errors: `LabelError` `assay.label.output` for what is no file of at most `limit` bytes. A program may leave anything
/// under the name of its output: a pipe would be waited for, an endless file read.
void require_readable(const fs::path& file, std::int64_t limit) {
  const auto fail = [&](std::string expected, std::string got) {
    throw LabelError({"assay.label.output", file.string(), std::move(expected), std::move(got), ""});
  };
  std::error_code error;
  if (!fs::exists(file, error)) fail("a file that the program wrote", "none");
  if (!fs::is_regular_file(file, error)) fail("a file", "something else");
  const std::uintmax_t size = fs::file_size(file, error);
  if (!error && size > static_cast<std::uintmax_t>(limit))
    fail("at most " + std::to_string(limit) + " bytes ('read_limit')", std::to_string(size));
}

}  // namespace

/// What all samples of a phase share.
struct ProcessLabel::Setup {
  explicit Setup(const ProcessLabelOptions& options) : program(detail::find_program(options.command.front())) {
    if (program.empty()) {
      throw LabelError({"assay.label.program", options.command.front(), "a program that can be run",
                        "none of this name", "install it, or give its full path in 'command'"});
    }
    for (const auto& [target, file] : options.templates) templates.emplace_back(target, file);
  }

  fs::path program;
  std::vector<Template> templates;
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
  if (!problems.empty()) throw ConfigError(std::move(problems));
}

Values ProcessLabel::read_outputs(const fs::path& directory) const {
  if (reader_) return reader_(directory);
  Values labels;
  for (const auto& [name, place] : options.outputs) {
    const std::size_t hash = place.find('#');
    const fs::path file = directory / place.substr(0, hash);
    require_readable(file, options.read_limit);
    if (hash == std::string::npos) {
      labels.set(name, read_npy(file));
    } else {
      const Json json = parse_json(detail::read_file(file), file.string());
      std::vector<double> numbers;
      labels.set(name, tensor_from(json.at(Json::json_pointer(place.substr(hash + 1))), numbers));
    }
  }
  return labels;
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
  for (const Template& input : setup.templates) {
    detail::write_file(job.directory / input.target(), input.filled(job.inputs));
  }
  try {
    if (writer_) writer_(job.directory, job.inputs);
  } catch (const Infeasible& said) {
    return fail(context, job, Failure(said.what(), Verdict::infeasible));
  } catch (const std::exception& error) {
    return fail(context, job, "input files: " + what(error));
  }
  const detail::SimulationOrder order = order_for(setup, cores);
  detail::write_order(job.directory, order);
  // Known to the ledger before it starts: whenever this process is killed, a resume looks for it.
  context.set_handle(job, "simulation " + order.mark);
  detail::Simulation simulation = detail::Simulation::start(job.directory, order);
  context.set_handle(job, "process " + std::to_string(simulation.process()));
  const std::optional<detail::SimulationOutcome> outcome = simulation.wait(stop);
  if (outcome) return settle(context, job, *outcome, /*files_are_whole=*/true);
  if (!stop()) fail(context, job, "its runner was killed");
}

void ProcessLabel::fail(LabelContext& context, const Job& job, Failure failure) const {
  failure.reason = detail::valid_utf8(failure.reason);
  if (failure.verdict == Verdict::failed && job.failures + 1 < options.attempts) failure.verdict = Verdict::retry;
  context.fail(job, failure);
  if (options.keep == KeepDirectories::none) fs::remove_all(job.directory);
}

void ProcessLabel::settle(LabelContext& context, Job job, const detail::SimulationOutcome& outcome,
                          bool files_are_whole) const {
  using Kind = detail::SimulationOutcome::Kind;
  job.seconds = outcome.seconds;
  Failure failure(in_words(outcome, options));
  failure.output = outcome.tail;
  if (outcome.kind == Kind::exited) failure.exit_status = outcome.status;
  switch (outcome.kind) {
    case Kind::stopped: return context.give_back(job);
    case Kind::not_started:
      throw LabelError(
          {"assay.label.program", options.command.front(), "a program that can be started", outcome.problem, ""});
    case Kind::signaled:
    case Kind::timed_out: return fail(context, job, std::move(failure));
    case Kind::exited:
      if (outcome.status == 0) break;
      if (outcome.status == options.infeasible_status) failure.verdict = Verdict::infeasible;
      return fail(context, job, std::move(failure));
  }
  Values labels;
  try {
    labels = read_outputs(job.directory);
  } catch (const Infeasible& said) {
    if (!files_are_whole) return context.give_back(job);
    failure.reason = said.what();
    failure.verdict = Verdict::infeasible;
    return fail(context, job, std::move(failure));
  } catch (const std::exception& error) {
    if (!files_are_whole) return context.give_back(job);
    failure.reason = "output cannot be read: " + what(error);
    return fail(context, job, std::move(failure));
  }
  const bool accepted = context.accept(job, labels);
  if (options.keep == KeepDirectories::none || (accepted && options.keep == KeepDirectories::failed)) {
    fs::remove_all(job.directory);
  }
}

/// \return whether a simulation that an earlier process left is settled: it has ended, or was lost.
bool ProcessLabel::settle_left(LabelContext& context, const Job& job, bool wait,
                               const std::function<bool()>& stop) const {
  std::optional<detail::SimulationOrder> order;
  try {
    order = detail::read_order(job.directory);
  } catch (const Error&) {  // killed before it was written, or deleted
    context.give_back(job);
    return true;
  }
  detail::Simulation simulation = detail::Simulation::left_behind(job.directory, *order);
  std::optional<detail::SimulationOutcome> outcome = detail::read_outcome(job.directory, order->mark);
  if (!outcome && simulation.runs()) {
    const bool end = options.left_running == LeftRunning::end && order->host == detail::host_name();
    if (!wait && !end) return false;
    outcome = simulation.wait([&] { return end || stop(); });
    if (!outcome && !end && stop()) return true;  // still unsettled: the next session looks again
  }
  if (!outcome) outcome = detail::read_outcome(job.directory, order->mark);  // written while it was looked for
  if (outcome) {
    settle(context, job, *outcome, simulation.on_this_boot());
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
}

}  // namespace assay
