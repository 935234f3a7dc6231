// SPDX-License-Identifier: Apache-2.0
// Own strategies: a campaign is stopped half-way, forgotten, and rebuilt from its checkpoint by key.
#include "campaign_program.hpp"
#include "strategies.hpp"

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
                       NearUpright{{.max_samples = 8}},
                       assay::FunctionLabel({.provides = {"acceleration"}, .function = "pendulum"}, simulate),
                       assay::Metrics(assay::Rmse(), Rollout{}),
                       assay::DefaultTrainingLoop({.epochs = 200, .fine_tuning_epochs = 60, .device = flags.device}));
  driver.run();
}

/// The second half, with everything taken from the checkpoint: only the registries know the program's own types.
assay::Json go_on(const example::Flags& flags) {
  assay::AnyDriver driver = assay::rebuild_campaign(flags.dir, pools(), registries(), {{"max_rounds", flags.rounds}});
  driver.run();
  return driver.report();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("A surrogate of a pendulum, with strategies of the program's own", "own_strategies");
  example::Flags flags{.dir = "campaigns/own_strategies", .rounds = 6, .query = std::string(NearUpright::key)};
  example::add_flags(app, flags);
  return example::run_program(argc, argv, app, flags, [&] {
    if (!flags.resume || !std::filesystem::exists(flags.dir / "campaign.json")) start(flags);
    assay::Json report = go_on(flags);
    report["hash"] = assay::campaign_hash(flags.dir);
    return report;
  });
}
