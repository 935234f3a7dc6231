// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"
#include "output.hpp"
#include "results.hpp"
#include "session.hpp"
#include "waiting.hpp"

#include <assay/data/csv.hpp>

#include <ATen/ops/tensor.h>

#include <iostream>
#include <memory>

namespace assay::app {

namespace {

struct AskOptions {
  std::filesystem::path campaign, out;
  std::int64_t count = 0;
  bool again = false;
  std::string wall_time;
  double wait = 5;
};

/// A batch of samples, in the same fields each.
Values batch_of(const std::vector<Sample>& samples) {
  std::vector<Values> rows;
  for (const Sample& sample : samples) rows.push_back(sample.values);
  return stack(rows);
}

/// Samples as a file holds them: behind their fields the attempt that each is out for, so that what comes of it can be
/// told apart from what came of others.
std::string table_of(const AnyDriver& driver, const std::vector<Sample>& samples, const std::vector<SampleId>& ids) {
  const std::vector<std::string> fields = fields_of(driver, samples);
  std::vector<std::string> cells;
  for (const SampleId id : ids) cells.push_back(std::to_string(id));
  Values batch = batch_of(samples);
  const std::vector<int> numbers = driver.attempts(ids);
  batch.set(own_column("attempt", fields),
            at::tensor(std::vector<std::int64_t>(numbers.begin(), numbers.end()), torch::kInt64));
  return to_csv({{own_column("id", fields), cells}}, batch);
}

/// Does what needs no simulation, then writes samples to simulate, which stay asked for until they are told.
int ask(const AskOptions& options) {
  Json changes = Json::object();
  if (!options.wall_time.empty()) changes["wall_time"] = options.wall_time;
  AnyDriver driver = when_free(options.wait, [&] { return open_campaign(options.campaign, Registries(), changes); });
  stop_on_signals(driver);
  std::vector<Sample> samples;
  RunStatus status = RunStatus::waiting;
  // Once more where labels from elsewhere answered all that was to be asked for.
  do {
    status = driver.advance();
    if (status == RunStatus::waiting)
      samples = options.again ? driver.asked() : driver.ask(options.count, Asked::until_kept);
  } while (status == RunStatus::waiting && !options.again && samples.empty() && driver.asked().empty());
  if (status == RunStatus::stopped) {
    std::cerr << "assay: stopped; the same command goes on\n";
    return stopped_code;
  }
  if (status == RunStatus::finished) {
    std::cerr << "assay: nothing to ask for: the campaign has finished ("
              << driver.report().at("finished_by").get<std::string>() << ")\n";
    return nothing_code;
  }
  if (samples.empty()) {
    std::cerr << "assay: nothing to ask for: " << driver.asked().size() << " samples are out and not told\n";
    return nothing_code;
  }
  std::vector<SampleId> ids;
  for (const Sample& sample : samples) ids.push_back(sample.id);
  put(options.out, table_of(driver, samples, ids));
  if (!options.again) driver.keep_asked(ids);  // nobody has those that could not be written
  if (!options.out.empty()) std::cout << samples.size() << " samples in " << options.out.string() << '\n';
  return 0;
}

}  // namespace

Command add_ask(CLI::App& app) {
  const auto options = std::make_shared<AskOptions>();
  CLI::App* command = app.add_subcommand("ask", "write samples to simulate; 4: there are none");
  add_campaign(command, options->campaign);
  CLI::Option_group* what = command->add_option_group("what");
  what->add_option("-n,--count", options->count, "at most so many new ones")->check(CLI::PositiveNumber);
  what->add_flag("--again", options->again, "those that are out and not told");
  what->require_option(1);
  command->add_option("--out", options->out, "CSV file; without it standard output");
  command->add_option("--wall-time", options->wall_time, "as for run")->check(is_time());
  add_wait(command, options->wait);
  return {command, [options] { return ask(*options); }};
}

}  // namespace assay::app
