// SPDX-License-Identifier: Apache-2.0
// Own strategies: a campaign is stopped half-way, forgotten, and rebuilt from its checkpoint by key.
#include "campaign_program.hpp"
#include "strategies.hpp"

#include <assay/checkpoint.hpp>
#include <assay/config.hpp>
#include <assay/data/space.hpp>
#include <assay/learner/ensemble.hpp>
#include <assay/metrology/metrology.hpp>

namespace {

assay::Values simulate(const assay::Values& x) {
  return {{"acceleration", pendulum::acceleration({x.scalar("angle"), x.scalar("velocity")})}};
}

assay::Registries registries() {
  assay::Registries all;
  all.query.add<NearUpright>();
  all.metrology.add<Rollout>();
  all.functions.add("pendulum", simulate);
  return all;
}

assay::Pools pools() {
  const assay::Space space{{"angle", -3.2, 3.2}, {"velocity", -8, 8}};
  return {.labeled = assay::sobol(space, 16),
          .unlabeled = assay::sobol(space, 2000, {.skip = 16}),
          .test = assay::sobol(space, 100, {.skip = 4000})};
}

/// The first half, with everything named in C++.
void start(const example::Flags& flags) {
  assay::DriverOptions options = example::driver_options(flags);
  options.max_rounds = flags.rounds / 2;
  assay::Driver driver(std::move(options), pools(),
                       assay::Ensemble({.inputs = {"angle", "velocity"}, .targets = {"acceleration"}}),
                       example::make_query(registries(), flags.query, 8),
                       assay::FunctionLabel({.provides = {"acceleration"}, .function = "pendulum"}, simulate),
                       assay::Metrics(assay::Rmse(), Rollout{}), assay::DefaultTrainingLoop({.device = flags.device}));
  example::run_to_end(driver);
}

/// Strategies and device are those the campaign was started with: flags that say otherwise are refused, not ignored.
void check(const std::string& flag, const assay::Json& was, const std::string& is) {
  if (was == is) return;
  throw assay::ConfigError({.id = "own_strategies.resume",
                            .where = flag,
                            .expected = was.dump() + ", as the campaign was started",
                            .got = "'" + is + "'",
                            .advice = "give the same flag again, or start another campaign"});
}

/// The second half, with everything taken from the checkpoint: only the registries know the program's own types.
assay::Json go_on(const example::Flags& flags, const assay::Checkpoint& checkpoint) {
  const assay::Json& slots = checkpoint.json.at("slots");
  check("--query", slots.at("query").at("type"), flags.query);
  check("--device", slots.at("loop").at("device"), flags.device);
  assay::Json observers = assay::Json::array();
  if (!flags.quiet) observers.push_back({{"type", assay::ConsoleLog::key}});
  assay::Json changes{{"max_rounds", flags.rounds}, {"seed", flags.seed}, {"observers", observers}};
  if (const auto left = example::driver_options(flags).wall_time) changes["wall_time"] = left->count();
  assay::AnyDriver driver = assay::rebuild_campaign(flags.dir, pools(), registries(), changes);
  example::run_to_end(driver);
  return driver.report();
}

std::optional<assay::Checkpoint> checkpoint_in(const std::filesystem::path& dir) {
  std::vector<std::string> damaged;
  return assay::newest_checkpoint(dir, damaged);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("A surrogate of a pendulum, with strategies of the program's own", "own_strategies");
  example::Flags flags{.dir = "campaigns/own_strategies", .rounds = 6, .query = std::string(NearUpright::key)};
  example::add_flags(app, flags);
  return example::run_program(argc, argv, app, flags, [&] {
    std::optional<assay::Checkpoint> checkpoint = checkpoint_in(flags.dir);
    if (!flags.resume || !checkpoint) {
      start(flags);
      checkpoint = checkpoint_in(flags.dir);
    }
    assay::Json report = go_on(flags, checkpoint.value());
    report["hash"] = assay::campaign_hash(flags.dir);
    return report;
  });
}
