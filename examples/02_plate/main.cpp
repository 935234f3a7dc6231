// SPDX-License-Identifier: Apache-2.0
// A plate with a hole: a surrogate of CalculiX that chooses which plates are computed.
#include "campaign_program.hpp"
#include "design.hpp"
#include "simulation.hpp"

#include <assay/config.hpp>
#include <assay/learner/ensemble.hpp>
#include <assay/metrology/metrology.hpp>
#include <assay/query/variance.hpp>
#include <assay/training/adamw.hpp>

#include <cstdio>

namespace {

struct PlateFlags : example::SolverFlags {
  bool compare = false;
};

/// Rows of a batch of designs that can be made.
assay::Values possible(const assay::Values& designs, std::int64_t most) {
  std::vector<std::int64_t> rows;
  for (std::int64_t i = 0; i < assay::batch_size(designs) && static_cast<std::int64_t>(rows.size()) < most; ++i) {
    if (plate::possible(plate::design_of(assay::row(designs, i)))) rows.push_back(i);
  }
  return assay::rows(designs, torch::tensor(rows));
}

assay::Ensemble surrogate() {
  return assay::Ensemble({.members = 5, .inputs = plate::space(), .targets = plate::outputs, .hidden = {64, 64}});
}

assay::DefaultTrainingLoop training(const PlateFlags& flags) {
  return assay::DefaultTrainingLoop({.epochs = 400,
                                     .fine_tuning_epochs = 200,
                                     .batch_size = 16,
                                     .optimizer = assay::AdamW({.lr = 4e-3}),
                                     .scheduler = assay::CosineSchedule(),
                                     .early_stopping = std::nullopt,
                                     .device = flags.device,
                                     .threads = flags.threads.value_or(1)});  // nets this small: one is faster than two
}

/// The strategy under a key. Of the plates with the highest variance 16 times a batch are drawn from: the very highest
/// lie side by side, and where the solver fails.
assay::AnyQuery query(const PlateFlags& flags, const std::string& key) {
  if (key == assay::MaxVariance::key)
    return assay::MaxVariance({.max_samples = flags.batch, .diversity = 16, .targets = {"max_stress"}});
  return example::make_query(assay::Registries(), key, flags.batch);
}

assay::Metrics metrics() { return assay::Metrics(assay::Rmse(), assay::MaxError(), assay::Coverage()); }

assay::Values candidates(const PlateFlags& flags) {
  return possible(assay::uniform(plate::space(), 4000, assay::RandomKey(flags.seed).with("candidates")), 4000);
}

assay::Values start_designs(const PlateFlags& flags) {
  return possible(assay::uniform(plate::space(), 4 * flags.initial, assay::RandomKey(flags.seed).with("initial")),
                  flags.initial);
}

assay::Values test_designs(const PlateFlags& flags) {
  return possible(assay::uniform(plate::space(), 4 * flags.tests, assay::RandomKey(flags.seed).with("test")),
                  flags.tests);
}

/// One campaign: everything it needs it has simulated.
assay::Json run_one(const PlateFlags& flags) {
  assay::Driver driver(example::driver_options(flags),
                       {.labeled = start_designs(flags), .unlabeled = candidates(flags), .test = test_designs(flags)},
                       surrogate(), query(flags, flags.query), plate::simulations(flags.parallel), metrics(),
                       training(flags));
  example::run_to_end(driver);
  driver.learner().export_to(flags.dir / "surrogate");
  return example::report_of(driver, flags.dir);
}

struct Arm {
  std::string query;
  std::vector<assay::MetricRecord> records;
  assay::Json report;
};

void print_comparison(const Arm& random, const Arm& chosen) {
  const auto error = [](const assay::MetricRecord& record) {
    return *assay::find(record.measurements, "rmse/max_stress");
  };
  const auto measured = [&](const Arm& arm) {
    std::vector<assay::MetricRecord> kept;
    for (const assay::MetricRecord& record : arm.records) {
      if (assay::find(record.measurements, "rmse/max_stress")) kept.push_back(record);
    }
    return kept;
  };
  const std::vector<assay::MetricRecord> a = measured(random), b = measured(chosen);
  std::printf("\nError of the predicted maximum stress on the rim (RMSE over the test plates, MPa)\n");
  std::printf("%8s %14s %14s %8s\n", "plates", random.query.c_str(), chosen.query.c_str(), "ratio");
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    std::printf("%8lld %14.2f %14.2f %8.2f\n", static_cast<long long>(b[i].labels), error(a[i]), error(b[i]),
                error(b[i]) / error(a[i]));
  }
  std::printf(
      "One seed: a single comparison is no evidence. Studies over ten and twenty seeds are in "
      "examples/02_plate/README.md.\n");
}

/// The chosen strategy and random choice from the same start: the same labeled plates, the same initial weights.
assay::Json run_comparison(const PlateFlags& flags) {
  assay::DriverOptions start_options = example::driver_options(flags);
  start_options.dir = flags.dir / "start";
  start_options.max_rounds = 0;
  start_options.skip_training = start_options.skip_metrology = true;
  assay::Driver start(std::move(start_options), {.labeled = start_designs(flags), .test = test_designs(flags)},
                      surrogate(), assay::Random(), plate::simulations(flags.parallel), assay::NoMetrology(),
                      training(flags));
  example::run_to_end(start);

  const auto run_arm = [&](const std::string& key) {
    assay::DriverOptions options = example::driver_options(flags);
    options.dir = flags.dir / key;
    const std::filesystem::path dir = options.dir;
    assay::Driver driver(std::move(options),
                         {.labeled = start.labeled().all(), .unlabeled = candidates(flags), .test = start.test().all()},
                         surrogate(), query(flags, key), plate::simulations(flags.parallel), metrics(),
                         training(flags));
    example::run_to_end(driver);
    driver.learner().export_to(dir / "surrogate");
    return Arm{key, driver.records(), example::report_of(driver, dir)};
  };
  const Arm random = run_arm("random"), chosen = run_arm(flags.query);
  print_comparison(random, chosen);
  assay::Json report = chosen.report;
  report["start"] = start.report();
  report["random"] = random.report;
  return report;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("A surrogate of a plate with a hole, computed by CalculiX", "plate");
  PlateFlags flags;
  flags.dir = "campaigns/plate";
  flags.query = "variance";
  flags.rounds = 12;
  flags.initial = 48;
  flags.tests = 200;
  example::add_solver_flags(app, flags, "plates");
  app.add_flag("--compare", flags.compare, "also run random choice from the same start");
  return example::run_program(argc, argv, app, flags,
                              [&] { return flags.compare ? run_comparison(flags) : run_one(flags); });
}
