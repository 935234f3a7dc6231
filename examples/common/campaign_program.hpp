// SPDX-License-Identifier: Apache-2.0
// What the example programs share: their flags, and the JSON object on the last line of their output.
#pragma once

#include <assay/campaign_hash.hpp>
#include <assay/detail/files.hpp>
#include <assay/driver_options.hpp>
#include <assay/duration.hpp>
#include <assay/error.hpp>
#include <assay/observer/console_log.hpp>
#include <assay/query/random.hpp>
#include <assay/registries.hpp>
#include <assay/training/default_training_loop.hpp>

#include <ATen/Parallel.h>
#include <CLI/CLI.hpp>

#include <time.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

namespace example {

struct Flags {
  std::filesystem::path dir;
  std::uint64_t seed = 7;
  std::int64_t rounds = 10;
  bool resume = false;
  std::string query;
  std::string device = "cpu";
  std::optional<int> threads;
  assay::Storage storage = assay::Storage::automatic;
  std::optional<std::chrono::duration<double>> wall_time;
  bool json = false;
  bool quiet = false;
};

/// What programs around a solver ask for beside.
struct SolverFlags : Flags {
  std::int64_t initial = 40;
  std::int64_t batch = 16;
  std::int64_t tests = 400;
  std::int64_t parallel = 2;
};

/// Exit code of a program that stopped before its campaign was finished: start it again with --resume.
constexpr int stopped_code = 3;

/// Thrown to end a program with `stopped_code`.
struct Stopped {};

/// Set by SIGTERM and SIGUSR1, which schedulers send before they end a job, by Ctrl-C, and when the terminal closes.
inline std::atomic<bool> stop_flag{false};

inline void add_flags(CLI::App& app, Flags& flags) {
  app.add_option("--dir", flags.dir, "campaign directory")->capture_default_str();
  app.add_option("--seed", flags.seed, "seed of every random stream")->capture_default_str();
  app.add_option("--rounds", flags.rounds, "rounds of query and labeling")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_flag("--resume", flags.resume, "continue the campaign in the directory if there is one");
  app.add_option("--query", flags.query, "key of the query strategy ('assay strategies' lists them)")
      ->capture_default_str();
  app.add_option("--device", flags.device, "cpu, cuda or cuda:N")->capture_default_str();
  app.add_option("--threads", flags.threads, "threads of Torch")->check(CLI::PositiveNumber);
  app.add_option("--storage", flags.storage, "what the campaign directory lies on: automatic, local or shared")
      ->transform(
          CLI::CheckedTransformer(std::map<std::string, assay::Storage>{{"automatic", assay::Storage::automatic},
                                                                        {"local", assay::Storage::local},
                                                                        {"shared", assay::Storage::shared}}));
  app.add_option_function<std::string>(
         "--wall-time",
         [&flags](const std::string& text) {
           flags.wall_time = assay::parse_duration(text);
           if (!flags.wall_time) throw CLI::ValidationError("--wall-time", "'" + text + "' is no time, as 3h50m is");
         },
         "stop in time for a job that ends this long after the program's start, with exit code 3; --resume goes on")
      ->type_name("TIME");
  app.add_flag("--json", flags.json, "end with one JSON object on stdout");
  app.add_flag("--quiet", flags.quiet, "no log on the terminal");
}

/// Adds the flags of `SolverFlags`. \param what the things that are computed, in the plural.
inline void add_solver_flags(CLI::App& app, SolverFlags& flags, const std::string& what) {
  add_flags(app, flags);
  app.add_option("--initial", flags.initial, what + " computed before the first training")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--batch", flags.batch, what + " a round")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--tests", flags.tests, what + " the surrogate is measured on")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--parallel", flags.parallel, "simulations at once")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
}

/// Seconds since this process was started, in the kernel's clock ticks: what loading the program took.
inline double seconds_since_start() {
  std::ifstream stat("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(stat)), {});
  std::istringstream fields(text.substr(std::min(text.rfind(')') + 1, text.size())));
  std::string field;
  for (int i = 3; i <= 22; ++i) fields >> field;  // field 22 is the start, in ticks after boot
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  if (field.empty()) return 0;
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec) -
         std::stod(field) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

inline assay::DriverOptions driver_options(const Flags& flags) {
  assay::DriverOptions options{.dir = flags.dir, .max_rounds = flags.rounds, .seed = flags.seed};
  options.storage = flags.storage;
  options.resume = flags.resume ? assay::Resume::if_present : assay::Resume::never;
  if (!flags.quiet) options.observers.push_back(assay::ConsoleLog());
  if (flags.wall_time) {
    options.wall_time = *flags.wall_time - std::chrono::duration<double>(seconds_since_start());
    if (options.wall_time->count() <= 0) {
      // A session that can do nothing would be repeated for ever.
      if (static bool first = true; std::exchange(first, false))
        throw std::runtime_error("--wall-time was over before the campaign was opened");
      throw Stopped();
    }
  }
  return options;
}

/// The query strategy registered under a key, with its default options but for the batch size.
inline assay::AnyQuery make_query(const assay::Registries& registries, const std::string& key,
                                  std::int64_t max_samples) {
  return registries.query.make({{"type", key}, {"max_samples", max_samples}}, registries);
}

/// Runs a campaign to its end. Throws `Stopped` if it stops before.
template <class Driver>
void run_to_end(Driver& driver) {
  driver.stop_when(stop_flag);
  if (driver.run() == assay::RunStatus::stopped) throw Stopped();
}

/// A driver's report, with the hash of its campaign in `dir`.
template <class Driver>
assay::Json report_of(const Driver& driver, const std::filesystem::path& dir) {
  assay::Json report = driver.report();
  report["hash"] = assay::campaign_hash(dir);
  return report;
}

/// Runs `campaign`, which takes a driver to its end and gives its report, and ends as the programs do: 0 for a
/// finished campaign, 1 for an error on one readable line, 3 for one that stopped and can be resumed.
inline int run_program(int argc, char** argv, CLI::App& app, const Flags& flags,
                       const std::function<assay::Json()>& campaign) {
  const double load = seconds_since_start();
  const auto began = std::chrono::steady_clock::now();
  for (const int signal : {SIGTERM, SIGUSR1, SIGINT, SIGHUP}) {
    if (std::signal(signal, [](int) { stop_flag = true; }) == SIG_IGN) std::signal(signal, SIG_IGN);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    if (flags.threads) at::set_num_threads(*flags.threads);
    assay::Json report = campaign();
    report["seconds"]["sync"] = assay::detail::sync_seconds();
    report["seconds"]["load"] = load;
    report["seconds"]["total"] = load + std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    if (flags.json) std::cout << report.dump() << std::endl;
    return 0;
  } catch (const Stopped&) {
    if (!flags.quiet) std::cerr << app.get_name() << ": stopped; the same command with --resume goes on\n";
    return stopped_code;
  } catch (const c10::Error& error) {
    std::cerr << app.get_name() << ": " << error.what_without_backtrace() << '\n';
  } catch (const std::exception& error) {
    std::cerr << app.get_name() << ": " << error.what() << '\n';
  }
  return 1;
}

}  // namespace example
