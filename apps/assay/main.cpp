// SPDX-License-Identifier: Apache-2.0
#include "commands.hpp"
#include "compare.hpp"
#include "output.hpp"

#include <assay/campaign_hash.hpp>
#include <assay/duration.hpp>
#include <assay/json.hpp>

#include <CLI/CLI.hpp>
#include <c10/util/Exception.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

namespace {

/// Several problems are several lines; on a terminal an error is one.
std::string one_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  for (std::size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at)) text.replace(at, 1, "; ");
  return text;
}

/// A file that is opened while a standard stream is closed takes its number, and all that is printed goes into it: the
/// ledger, at worst. What is written to a closed stream fails instead.
void occupy_standard_streams() {
  for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; ++stream) {
    if (::fcntl(stream, F_GETFD) < 0 && errno == EBADF && ::open("/dev/null", O_RDONLY) != stream) std::_Exit(1);
  }
}

}  // namespace

int main(int argc, char** argv) {
  occupy_standard_streams();
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error with its name, not an end without a word
  CLI::App app("Runs assay's campaigns, looks at them, and selects", "assay");
  app.set_version_flag("--version", "assay " ASSAY_VERSION);
  app.require_subcommand(1);

  std::filesystem::path campaign;
  bool json = false;
  std::filesystem::path config, table, out;
  std::string wall_time;
  std::int64_t count = 0;
  std::optional<std::int64_t> rounds;
  bool again = false;
  double wait = 5, wait_to_run = 0;
  const char* wait_help = "seconds to wait for a campaign that another process holds";
  const auto is_time = CLI::Validator(
      [](std::string& text) {
        return assay::parse_duration(text) ? std::string() : "'" + text + "' is no time, as 3h50m is";
      },
      "TIME");
  CLI::App* start = app.add_subcommand("new", "start a campaign from a configuration");
  start->add_option("CAMPAIGN", campaign, "campaign directory, to be made")->required();
  start->add_option("--config", config, "JSON file; 'driver/dir' and 'label' may be left out")->required();
  CLI::App* run = app.add_subcommand("run", "run a campaign, or go on with it; 3: stopped before its end");
  run->add_option("CAMPAIGN", campaign, "campaign directory")->required();
  run->add_option("--wall-time", wall_time, "stop in time for a job that ends this long from now")->check(is_time);
  run->add_option("--rounds", rounds, "rounds in all from now on, in place of those it was started with");
  run->add_option("--wait", wait_to_run, wait_help)->check(CLI::NonNegativeNumber);
  run->add_flag("--json", json, "end with one JSON object on stdout");
  CLI::App* ask = app.add_subcommand("ask", "write samples to simulate; 4: there are none");
  ask->add_option("CAMPAIGN", campaign, "campaign directory")->required();
  CLI::Option_group* what = ask->add_option_group("what");
  what->add_option("-n,--count", count, "at most so many new ones")->check(CLI::PositiveNumber);
  what->add_flag("--again", again, "those that are out and not told");
  what->require_option(1);
  ask->add_option("--out", out, "CSV file; without it standard output");
  ask->add_option("--wall-time", wall_time, "as for run")->check(is_time);
  ask->add_option("--wait", wait, wait_help)->check(CLI::NonNegativeNumber);
  CLI::App* tell = app.add_subcommand("tell", "take what came of samples that were asked for");
  tell->add_option("CAMPAIGN", campaign, "campaign directory")->required();
  tell->add_option("RESULTS", table,
                   "CSV with id, the targets, and as you like attempt, status (done, failed, infeasible) and reason")
      ->required();
  tell->add_option("--wait", wait, wait_help)->check(CLI::NonNegativeNumber);
  CLI::App* predict = app.add_subcommand("predict", "what the surrogate says, with its standard deviation");
  predict->add_option("CAMPAIGN", campaign, "campaign directory, or that of an exported surrogate")->required();
  predict->add_option("INPUTS", table, "CSV with the inputs")->required();
  predict->add_option("--out", out, "CSV file; without it standard output");
  predict->add_option("--wait", wait, wait_help)->check(CLI::NonNegativeNumber);
  CLI::App* show = app.add_subcommand("show", "where a campaign stands: phase, counts, last metrics");
  show->add_option("CAMPAIGN", campaign, "campaign directory")->required();
  show->add_flag("--json", json, "one JSON object");
  CLI::App* strategies = app.add_subcommand("strategies", "every registered key with its options");
  strategies->add_flag("--json", json, "one JSON object");
  CLI::App* hash = app.add_subcommand("hash", "one line: a digest of what a campaign came to");
  hash->add_option("CAMPAIGN", campaign, "campaign directory")->required();
  assay::app::SelectArguments chosen;
  CLI::App* select = app.add_subcommand("select", "chooses a batch from a file of features");
  select
      ->add_option("METHOD", chosen.method,
                   "k_center, kmeans_pp, lcmd, max_det, bait, frank_wolfe, top_k, power, softmax, "
                   "typiclust, prob_cover")
      ->required();
  select->add_option("--pool", chosen.pool, "candidates: .npy or .safetensors (FILE#NAME for one of several tensors)")
      ->required();
  select->add_option("--train", chosen.train, "labeled rows: centers, or conditioned on");
  select->add_option("--pending", chosen.pending, "rows chosen before whose labels are not there yet");
  select->add_option("--count", chosen.count, "rows to choose")->required()->check(CLI::NonNegativeNumber);
  select->add_option("--weight", chosen.weight,
                     "file with a number a candidate that multiplies its squared distance or gain");
  select->add_option("--cost", chosen.cost, "file with a number a candidate that divides it");
  select->add_option("--seed", chosen.seed, "of the methods that draw");
  select->add_option("--device", chosen.device, "cpu, cuda, cuda:1: where the blocked products are computed");
  select->add_option("--memory", chosen.memory, "most bytes to allocate and map at a time, as in 256MiB");
  select->add_option("--threads", chosen.threads, "threads to work with")->check(CLI::PositiveNumber);
  select->add_option("--option", chosen.options, "key=value: an option of the method")->allow_extra_args(false);
  select->add_option("--out", chosen.out, "file to write to instead of standard output");
  select->add_flag("--json", chosen.json, "one JSON object");
  select->add_flag("--plan", chosen.plan, "only say what it will take");

  assay::app::CompareArguments compared;
  CLI::App* compare = app.add_subcommand("compare", "tries strategies on data that is labeled already");
  compare->add_option("--data", compared.data, ".csv with a header, .npy, .npz, .h5, .safetensors, or a campaign")
      ->required();
  const auto add_columns = [](CLI::App* command, assay::app::ColumnChoice& columns) {
    const auto add = [&](const char* option, std::vector<std::string>& names, const char* help) {
      command->add_option(option, names, help)->allow_extra_args(false);
    };
    add("--target", columns.targets, "columns to predict, between commas; of a campaign, its learner's targets");
    add("--inputs", columns.inputs, "columns to predict from; without it all others");
    add("--drop", columns.drop, "columns that are no inputs");
    add("--categorical", columns.categorical, "columns whose cells are names of categories, numbers among them too");
    command->add_flag("--classify", columns.classify, "the target's numbers are classes (text always is)");
  };
  add_columns(compare, compared.columns);
  compare->add_option("--strategies", compared.strategies, "keys, or names from --config; random is the control")
      ->delimiter(',');
  compare->add_option("--seeds", compared.seeds, "splits, the same for every strategy")->check(CLI::PositiveNumber);
  compare->add_option("--initial", compared.initial, "labels to start with")->check(CLI::PositiveNumber);
  compare->add_option("--batch", compared.batch, "labels a round")->check(CLI::PositiveNumber);
  compare->add_option("--rounds", compared.rounds, "rounds of choosing")->check(CLI::NonNegativeNumber);
  compare->add_option("--learner", compared.learner, "mlp (d-512-512-k), ensemble or gaussian_process");
  compare->add_option("--config", compared.config, "JSON: strategies by name, learner, loop");
  compare->add_option("--report", compared.report, "JSON lines; a report that is there is gone on with");
  compare->add_option("--plot", compared.plot, "SVG; by default beside the report");
  compare->add_option("--test", compared.test, "share of the data that is only measured on")
      ->check(CLI::Range(0.0, 1.0));
  compare->add_option("--test-data", compared.test_data, "file of samples to measure on, in place of --test");
  compare->add_option("--validation", compared.validation,
                      "samples for the best epoch; by default a tenth, at most 1024");
  compare->add_option("--seed", compared.seed, "of the first split");
  compare->add_option("--goal", compared.goal, "accuracy that the labels are counted to")->check(CLI::Range(0.0, 1.0));
  compare->add_option("--jobs", compared.jobs, "campaigns at once; by default one a core")->check(CLI::PositiveNumber);
  compare->add_option("--run", compared.run, "")->group("");
  assay::app::RecommendArguments recommended;
  CLI::App* recommend = app.add_subcommand("recommend", "which strategy and learner, measured on labeled samples");
  recommend->add_option("SOURCE", recommended.data, "campaign directory, .csv, .npy, .npz, .h5 or .safetensors")
      ->required();
  add_columns(recommend, recommended.columns);
  recommend
      ->add_option("--labels", recommended.labels, "labels to spend; by default two fifths of the samples, at most 400")
      ->check(CLI::PositiveNumber);
  recommend->add_option("--batch", recommended.batch, "of them a round; by default a fifth")
      ->check(CLI::PositiveNumber);
  recommend->add_option("--seeds", recommended.seeds, "splits to measure on")->check(CLI::Range(2, 1000));
  recommend->add_option("--jobs", recommended.jobs, "campaigns at once; by default one a core")
      ->check(CLI::PositiveNumber);
  recommend->add_option("--dir", recommended.dir, "folder for what is measured; gone on with if it is there");
  recommend->add_flag("--json", recommended.json, "one JSON object");
  bool repair = false;
  CLI::App* check = app.add_subcommand("check", "checksums, ledger, label files and checkpoints against each other");
  check->add_option("CAMPAIGN", campaign, "campaign directory")->required();
  check->add_flag("--repair", repair, "rebuild what is damaged from what is not");
  check->add_flag("--json", json, "one JSON object");
  bool failed = false;
  std::vector<std::int64_t> ids;
  CLI::App* retry = app.add_subcommand("retry", "queue samples again that failed");
  retry->add_option("CAMPAIGN", campaign, "campaign directory")->required();
  CLI::Option_group* which = retry->add_option_group("which");
  which->add_flag("--failed", failed, "all that failed");
  which->add_option("--id", ids, "these samples");
  which->require_option(1);
  retry->add_option("--wait", wait, wait_help)->check(CLI::NonNegativeNumber);
  CLI::App* abandon = app.add_subcommand("abandon", "give samples up: nobody waits for them any more");
  abandon->add_option("CAMPAIGN", campaign, "campaign directory")->required();
  abandon->add_option("--id", ids, "these samples")->required();
  abandon->add_option("--wait", wait, wait_help)->check(CLI::NonNegativeNumber);
  std::string where, reason;
  bool give_up = false;
  CLI::App* withdraw = app.add_subcommand("withdraw", "take labels back that turned out to be wrong");
  withdraw->add_option("CAMPAIGN", campaign, "campaign directory")->required();
  CLI::Option_group* whose = withdraw->add_option_group("whose");
  whose->add_option("--id", ids, "of these samples");
  whose->add_option("--where", where, "solver=VERSION: all that this version of the solver computed");
  whose->require_option(1);
  withdraw->add_flag("--abandon", give_up, "give their samples up; else they are queued again");
  withdraw->add_option("--reason", reason, "kept with the labels");
  withdraw->add_option("--wait", wait, wait_help)->check(CLI::NonNegativeNumber);
  std::filesystem::path other;
  CLI::App* import = app.add_subcommand("import", "take labels that were paid for elsewhere");
  import->add_option("CAMPAIGN", campaign, "campaign directory")->required();
  import
      ->add_option("OTHER", other, "another campaign's directory, or a .csv, .npz, .h5 or .safetensors file of results")
      ->required();
  std::vector<std::string> map;
  import->add_option("--map", map, "field=column, where a field is not called like its column")->delimiter(',');
  std::string format;
  CLI::App* exported = app.add_subcommand("export", "write all labeled samples with their history");
  exported->add_option("CAMPAIGN", campaign, "campaign directory")->required();
  exported->add_option("--to", format, "csv, npz, h5 or safetensors")
      ->required()
      ->check(CLI::IsMember({"csv", "npz", "h5", "safetensors"}));
  exported->add_option("--out", out, "file; without it csv goes to standard output");
  CLI::App* diff = app.add_subcommand("diff",
                                      "the first pick, label, metric or parameter in which two campaigns differ");
  diff->add_option("CAMPAIGN", campaign, "campaign directory")->required();
  diff->add_option("OTHER", other, "the other campaign's directory")->required();
  app.failure_message([](const CLI::App*, const CLI::Error& error) {
    return "assay: " + one_line(error.what()) + "; --help tells more\n";
  });

  const auto run_command = [&]() -> int {
    if (start->parsed()) assay::app::start_campaign(campaign, config);
    if (run->parsed()) return assay::app::run_campaign(campaign, wall_time, rounds, wait_to_run, json);
    if (ask->parsed()) return assay::app::ask(campaign, count, again, out, wall_time, wait);
    if (tell->parsed()) assay::app::tell(campaign, table, wait);
    if (predict->parsed()) assay::app::predict(campaign, table, out, wait);
    if (show->parsed()) assay::app::show(campaign, json);
    if (strategies->parsed()) assay::app::strategies(json);
    if (compare->parsed() || recommend->parsed()) {
      std::vector<std::string> command(argv, argv + argc);
      command.front() = std::filesystem::canonical("/proc/self/exe").string();
      if (compare->parsed()) assay::app::compare(compared, command);
      if (recommend->parsed()) assay::app::recommend(recommended, command.front());
    }
    if (select->parsed()) assay::app::select(chosen);
    if (hash->parsed()) std::cout << assay::campaign_hash(campaign) << '\n';
    if (check->parsed()) return assay::app::check(campaign, repair, json) ? 0 : 1;
    if (retry->parsed()) assay::app::retry(campaign, ids, wait);
    if (abandon->parsed()) assay::app::abandon(campaign, ids, wait);
    if (withdraw->parsed()) assay::app::withdraw(campaign, ids, where, reason, give_up, wait);
    if (import->parsed()) assay::app::import(campaign, other, map);
    if (exported->parsed()) {
      if (out.empty() && format != "csv") {
        std::cerr << "assay: --to " << format << " needs --out FILE; --help tells more\n";
        return 2;
      }
      assay::app::export_labels(campaign, format, out);
    }
    if (diff->parsed()) return assay::app::diff(campaign, other) ? 0 : 1;
    return 0;
  };
  try {
    int code = 0;
    try {
      app.parse(argc, argv);
      code = run_command();
    } catch (const CLI::ParseError& error) {
      code = app.exit(error) == 0 ? 0 : 2;
    }
    assay::app::flush_output();
    return code;
  } catch (const c10::Error& error) {
    std::cerr << "assay: " << one_line(error.what_without_backtrace()) << '\n';
  } catch (const assay::Json::exception& error) {
    std::cerr << "assay: [assay.json.kind] a file: expected JSON as assay writes it, got another kind ("
              << one_line(error.what()) << ")\n";
  } catch (const std::exception& error) {
    std::cerr << "assay: " << one_line(error.what()) << '\n';
  }
  return 1;
}
