// SPDX-License-Identifier: Apache-2.0
// A program of somebody else's: registers a strategy of its own and rebuilds it from a checkpoint.
#include <assay/config.hpp>
#include <assay/data/space.hpp>
#include <assay/learner/ensemble.hpp>
#include <assay/select/top_k.hpp>

#include <cmath>
#include <cstdio>

struct NearEdgeOptions {
  std::int64_t max_samples = 4;
  double edge = 1.0;
};

struct NearEdge {
  static constexpr std::string_view key = "near_edge";
  NearEdgeOptions options;

  assay::Selection select(const assay::QueryContextWith<assay::Variance>& context) const {
    const auto distance = (context.unlabeled().value("a") - options.edge).abs();
    return assay::top_k(context.learner().variance(context.unlabeled()) - distance, options.max_samples);
  }
};

assay::Values solve(const assay::Values& x) { return {{"y", std::sin(x.scalar("a"))}}; }

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const assay::Space space{{"a", -1, 1}};
  const assay::Pools pools{.labeled = assay::sobol(space, 8), .unlabeled = assay::sobol(space, 64, {.skip = 8})};
  {
    assay::Driver driver({.dir = argv[1], .max_rounds = 1}, pools,
                         assay::Ensemble({.inputs = {"a"}, .targets = {"y"}, .hidden = {8}}), NearEdge{{.edge = 0.5}},
                         assay::FunctionLabel({.provides = {"y"}, .function = "solve"}, solve), assay::NoMetrology(),
                         assay::DefaultTrainingLoop({.epochs = 5, .fine_tuning_epochs = 5}));
    driver.run();
  }
  assay::Registries registries;
  registries.query.add<NearEdge>();
  registries.functions.add("solve", solve);
  assay::AnyDriver driver = assay::rebuild_campaign(argv[1], pools, registries, {{"max_rounds", 2}});
  driver.run();
  std::printf("%lld labels\n", static_cast<long long>(driver.counts().labels));
  if (driver.counts().labels != 16) return 1;
  try {
    assay::rebuild_campaign(argv[1], pools, assay::Registries());
  } catch (const assay::ConfigError& error) {
    return std::string(error.what()).find("near_edge") == std::string::npos;
  }
  return 1;
}
