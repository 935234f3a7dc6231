// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/detail/scratch.hpp>
#include <assay/label/context.hpp>
#include <assay/options.hpp>

#include <array>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

namespace detail {
struct SimulationOrder;
struct SimulationOutcome;
class Refusals;
}  // namespace detail

/// Which simulation directories stay.
enum class KeepDirectories { all, failed, none };

/// What happens to simulations that still run when a campaign goes on whose process was killed.
enum class LeftRunning {
  wait,  ///< they are waited for, up to their own time limit
  end,   ///< they are ended, and their samples queued again
};

struct ProcessLabelOptions {
  std::vector<std::string> command = {};
  std::vector<std::string> provides = {};
  std::int64_t parallel = 1;
  std::chrono::duration<double> time_limit = std::chrono::hours(1);
  std::chrono::duration<double> grace = std::chrono::seconds(5);
  std::int64_t attempts = 1;
  std::map<std::string, std::filesystem::path> templates = {};
  std::map<std::string, std::vector<std::string>> categories = {};
  std::map<std::string, std::string> outputs = {};
  KeepDirectories keep = KeepDirectories::failed;
  std::int64_t output_limit = 16 << 20;
  std::optional<std::int64_t> file_limit = std::nullopt;
  std::int64_t read_limit = 256 << 20;
  std::string writer = "";
  std::string reader = "";
  std::optional<std::int64_t> cores = std::nullopt;
  bool oversubscribe = false;
  std::map<std::string, std::string> environment = {};
  std::vector<std::string> unset = {};
  bool clear_launcher = false;
  LeftRunning left_running = LeftRunning::wait;
  std::optional<int> infeasible_status = std::nullopt;
  std::vector<std::string> solver_version = {};

  static constexpr std::array describe{
      OptionInfo{.name = "command", .help = "program and arguments, run without a shell", .required = true},
      OptionInfo{.name = "provides", .help = "fields read from its output for every sample", .required = true},
      OptionInfo{.name = "parallel", .help = "processes at once", .min = 1, .max = 4096},
      OptionInfo{.name = "time_limit", .help = "after which the program is ended", .min = 0, .max = 1e9},
      OptionInfo{.name = "grace", .help = "from SIGTERM to SIGKILL when a program is ended; 0: at once", .min = 0},
      OptionInfo{.name = "attempts",
                 .help = "runs of one sample that may fail before it counts as failed; interrupted ones do not count",
                 .min = 1},
      OptionInfo{.name = "templates",
                 .help = "input files and the templates they are made from, or folders of both: {{name}} becomes the "
                         "number, {{name:12.5f}} in a format of C"},
      OptionInfo{.name = "categories",
                 .help = "what templates hold in place of 0, 1, … of a field; empty: as the space of the pools has it"},
      OptionInfo{.name = "outputs",
                 .help = "where each field is read: FILE.json#/pointer, FILE.npy, FILE.csv#COLUMN, FILE.csv#COLUMN@ROW "
                         "(-1 is the last), FILE#key=NAME (NAME = number) or FILE#after=TEXT@N (the N-th number behind "
                         "TEXT); of several lines the last"},
      OptionInfo{.name = "keep", .help = "simulation directories that stay"},
      OptionInfo{.name = "output_limit",
                 .help = "bytes of what the program prints that are kept in .assay/output.txt",
                 .min = 0},
      OptionInfo{.name = "file_limit", .help = "bytes that any one file of the program may have", .min = 0},
      OptionInfo{.name = "read_limit", .help = "bytes that a file named in 'outputs' may have to be read", .min = 0},
      OptionInfo{.name = "writer",
                 .help = "name under which the program registered a function that writes the input files"},
      OptionInfo{.name = "reader", .help = "name under which the program registered a function that reads the output"},
      OptionInfo{
          .name = "cores",
          .help = "of one simulation: it is bound to them, OMP_NUM_THREADS says so, and only as many run at once "
                  "as the machine has room for; null: neither bound nor counted",
          .min = 1,
          .max = 4096},
      OptionInfo{.name = "oversubscribe", .help = "run 'parallel' at once even where their 'cores' are not there"},
      OptionInfo{.name = "environment", .help = "variables of the program, over those of this one"},
      OptionInfo{.name = "unset", .help = "variables that the program does not get; a trailing * stands for any rest"},
      OptionInfo{.name = "clear_launcher",
                 .help = "the program does not get what MPI launchers and schedulers leave in the environment, as when "
                         "this one runs under mpirun and simulations start MPI themselves"},
      OptionInfo{.name = "left_running",
                 .help = "what happens on resume to simulations that still run since before a kill"},
      OptionInfo{.name = "infeasible_status",
                 .help = "exit code by which the program says that a design is impossible",
                 .min = 1,
                 .max = 255},
      OptionInfo{.name = "solver_version",
                 .help = "program and arguments that print the solver's version, run once a session: every label "
                         "carries it"},
  };
};

/// Labels by running a simulation program: for every attempt a fresh directory, which is the program's working
/// directory, and a process group of its own. Its standard input is empty; what it prints goes to `.assay/output.txt`:
/// the folder `.assay` is assay's, all else in the directory is the program's.
///
/// When the time is up or a stop is requested, the group gets SIGTERM, and after `grace` SIGKILL. Whatever way a
/// program ends, what it leaves behind is killed: its group, all that descends from it, whatever its session, and every
/// process that carries the mark of this attempt in the variable ASSAY_SIMULATION of its environment.
///
/// The program succeeds if it exits with 0 and its output can be read. Everything else is a failure that says what
/// happened, with the tail of what the program printed, as UTF-8.
/// Errors: `ConfigError` for options that do not fit together; `LabelError` `assay.label.program` for a program that
/// cannot be started, `assay.label.template` for a template that cannot be read or filled and `assay.label.disk` for a
/// disk that takes nothing more, which end the phase with every sample still queued; `assay.label.refused` at the end
/// of a phase if the campaign refused most labels so far. Each simulation has a runner, a small process of its own that
/// starts the program, keeps to its limits, and writes how it ended into `.assay/outcome.json` in its directory. A
/// campaign that was killed takes up what its simulations came to meanwhile when it goes on, and waits for those that
/// still run (`left_running`): none is repeated.
class ProcessLabel {
 public:
  /// Writes the input files of a sample into a directory. What it throws is the reason of the failure, an `Infeasible`
  /// says that the design cannot be; so it is with a reader.
  using Writer = std::function<void(const std::filesystem::path& directory, const Values& inputs)>;
  /// Reads the labels from a directory.
  using Reader = std::function<Values(const std::filesystem::path& directory)>;

  static constexpr std::string_view key = "process";
  static constexpr std::string_view summary = "runs a simulation program";

  /// Without `writer`, `templates` make the input; without `reader`, `outputs` give the labels.
  explicit ProcessLabel(ProcessLabelOptions options, Writer writer = {}, Reader reader = {});

  void label(LabelContext& context);
  std::vector<std::string> provides() const { return options.provides; }
  /// Programs and templates that are not there, and templates with what is no input.
  std::vector<ErrorParts> obstacles(const std::vector<std::string>& inputs) const;

  ProcessLabelOptions options;

 private:
  struct Setup;
  struct Seat;

  std::vector<Seat> seats() const;
  detail::SimulationOrder order_for(const Setup& setup, const std::vector<int>& cores) const;
  void run(LabelContext& context, const Job& job, const Setup& setup, const std::vector<int>& cores,
           const std::function<bool()>& stop) const;
  void settle(LabelContext& context, Job job, const detail::SimulationOutcome& outcome, bool files_are_whole) const;
  bool settle_left(LabelContext& context, const Job& job, bool wait, const std::function<bool()>& stop) const;
  void fail(LabelContext& context, const Job& job, Outcome failure) const;

  Writer writer_;
  Reader reader_;
  std::string version_;  // of the solver, in this session
  detail::Scratch<detail::Refusals> refusals_;
};

}  // namespace assay
