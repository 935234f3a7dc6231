// SPDX-License-Identifier: Apache-2.0
// A filter: a surrogate of ngspice over components that span decades.
#include "campaign_program.hpp"
#include "design.hpp"
#include "solver.hpp"

#include <assay/config.hpp>
#include <assay/label/process_label.hpp>
#include <assay/learner/ensemble.hpp>
#include <assay/learner/transformed.hpp>
#include <assay/metrology/metrology.hpp>
#include <assay/training/adamw.hpp>
#include <assay/transform/log_transform.hpp>

#include <cstdio>

namespace {

/// Has filters computed, `parallel` at once.
assay::ProcessLabel simulations(std::int64_t parallel) {
  return assay::ProcessLabel(
      {.command = {"ngspice", "-b", "filter.cir"},
       .provides = circuit::outputs,
       .parallel = parallel,
       .time_limit = std::chrono::seconds(60)},
      [](const std::filesystem::path& directory, const assay::Values& inputs) {
        circuit::write_netlist(directory, circuit::design_of(inputs));
      },
      circuit::read_response);
}

/// Of the cutoff, which spans decades, the logarithm is learnt: its relative error is what counts.
assay::Transformed surrogate() {
  return assay::Transformed(assay::Ensemble({.members = 5, .inputs = circuit::space(), .targets = circuit::outputs}),
                            {{"cutoff", assay::LogTransform()}});
}

assay::Json run_campaign(const example::SolverFlags& flags) {
  const assay::Space& space = circuit::space();
  const assay::RandomKey random(flags.seed);
  assay::Driver driver(example::driver_options(flags),
                       {.labeled = assay::uniform(space, flags.initial, random.with("initial")),
                        .unlabeled = assay::sobol(space, 4000, {.scramble = flags.seed}),
                        .test = assay::uniform(space, flags.tests, random.with("test"))},
                       surrogate(), example::make_query(assay::Registries(), flags.query, flags.batch),
                       simulations(flags.parallel), assay::Metrics(assay::Rmse(), assay::MaxError(), assay::Coverage()),
                       assay::DefaultTrainingLoop({.epochs = 400,
                                                   .fine_tuning_epochs = 200,
                                                   .batch_size = 16,
                                                   .optimizer = assay::AdamW({.lr = 4e-3}),
                                                   .scheduler = assay::CosineSchedule(),
                                                   .early_stopping = std::nullopt,
                                                   .device = flags.device,
                                                   .threads = flags.threads.value_or(1)}));
  example::run_to_end(driver);
  driver.learner().export_to(flags.dir / "surrogate");
  std::printf("\nError of the response (RMSE over frequencies and %lld test filters, dB)\n%8s %8s\n",
              static_cast<long long>(flags.tests), "filters", "error");
  for (const assay::MetricRecord& record : driver.records()) {
    if (const auto error = assay::find(record.measurements, "rmse/gain")) {
      std::printf("%8lld %8.3f\n", static_cast<long long>(record.labels), *error);
    }
  }
  return example::report_of(driver, flags.dir);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("A surrogate of a low-pass filter, computed by ngspice", "circuit");
  example::SolverFlags flags;
  flags.dir = "campaigns/circuit";
  flags.query = "core_set";
  flags.rounds = 10;
  example::add_solver_flags(app, flags, "filters");
  return example::run_program(argc, argv, app, flags, [&] { return run_campaign(flags); });
}
