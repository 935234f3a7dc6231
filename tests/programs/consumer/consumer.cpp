// SPDX-License-Identifier: Apache-2.0
// A program of somebody else's: registers a strategy of its own and rebuilds it from a checkpoint. It runs with
// floating-point traps on, and is also built with -Ofast: assay restores the traps for the program's own code and when
// it returns, computes without them, and tells a NaN where this file could not.
#include <assay/config.hpp>
#include <assay/data/space.hpp>
#include <assay/learner/ensemble.hpp>
#include <assay/learner/export.hpp>
#include <assay/select/top_k.hpp>

#include <cfenv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

constexpr int traps = FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW;

void check_traps(const char* where) {
  if (fegetexcept() == traps) return;
  std::printf("%s: the program's floating-point traps are %#x, expected %#x\n", where, fegetexcept(), traps);
  std::exit(1);
}

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

assay::Values solve(const assay::Values& x) {
  check_traps("in the label strategy");
  static int calls = 0;
  if (++calls == 10) return {{"y", std::numeric_limits<double>::quiet_NaN()}};
  return {{"y", std::sin(x.scalar("a"))}};
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  feenableexcept(traps);
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
  check_traps("after the campaign");
  assay::export_learner(driver.learner(), std::string(argv[1]) + "/surrogate");
  const assay::Counts counts = driver.counts();
  std::printf("%lld labels, %lld refused\n", static_cast<long long>(counts.labels),
              static_cast<long long>(counts.failed));
  if (counts.labels != 15 || counts.failed != 1) return 1;
  try {
    assay::rebuild_campaign(argv[1], pools, assay::Registries());
  } catch (const assay::ConfigError& error) {
    return std::string(error.what()).find("near_edge") == std::string::npos;
  }
  return 1;
}
