// SPDX-License-Identifier: Apache-2.0
// The plates of the study `plate`: computed once, as a campaign that only labels.
#include "design.hpp"
#include "simulation.hpp"

#include "campaign_program.hpp"

#include <assay/config.hpp>
#include <assay/data/npy.hpp>
#include <assay/learner/mlp.hpp>
#include <assay/metrology/metrology.hpp>

#include <ATen/ops/stack.h>

#include <algorithm>
#include <thread>

namespace {

/// The space of the example, without the designs that cannot be made.
assay::Space feasible_space() {
  assay::Space space = plate::space();
  space.require("possible", [](const assay::Values& designs) {
    std::vector<std::uint8_t> can(static_cast<std::size_t>(assay::batch_size(designs)));
    for (std::size_t i = 0; i < can.size(); ++i) {
      can[i] = plate::possible(plate::design_of(assay::row(designs, static_cast<std::int64_t>(i)))) ? 1 : 0;
    }
    return torch::tensor(can, torch::kUInt8).to(torch::kBool);
  });
  return space;
}

/// What is computed is what a table of float32 can hold.
assay::Values rounded(const assay::Values& designs) {
  assay::Values result;
  for (const auto& [name, column] : designs) result.set(name, column.to(torch::kFloat32).to(torch::kFloat64));
  return result;
}

void write_designs(const std::filesystem::path& file, const assay::Values& designs) {
  std::vector<torch::Tensor> columns;
  for (const std::string& name : plate::space().names()) columns.push_back(designs[name]);
  assay::write_npy(file, at::stack(columns, 1));
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Plates for the study: scrambled Sobol for choosing from, random ones for tests", "plate_table");
  example::Flags flags;
  flags.dir = "campaigns/plate_table";
  flags.seed = 1;
  std::int64_t plates = 8192, tests = 2000, parallel = std::max(1U, std::thread::hardware_concurrency());
  example::add_flags(app, flags);
  app.add_option("--plates", plates, "plates to choose from")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--tests", tests, "plates to measure on")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--parallel", parallel, "simulations at once")->check(CLI::PositiveNumber)->capture_default_str();
  return example::run_program(argc, argv, app, flags, [&] {
    const assay::Space space = feasible_space();
    const assay::Values table = rounded(assay::sobol(space, plates, {.scramble = flags.seed}));
    const assay::Values test = rounded(assay::uniform(space, tests, assay::RandomKey(flags.seed).with("test")));
    assay::DriverOptions options = example::driver_options(flags);
    options.max_rounds = 0;
    options.skip_training = options.skip_metrology = true;
    assay::Driver driver(std::move(options), {.labeled = assay::Values(table), .test = assay::Values(test)},
                         assay::Mlp({.inputs = space.names(), .targets = plate::outputs, .hidden = {1}}),
                         assay::Random(), plate::simulations(parallel), assay::NoMetrology(),
                         assay::DefaultTrainingLoop());
    write_designs(flags.dir / "plates.npy", table);
    write_designs(flags.dir / "tests.npy", test);
    example::run_to_end(driver);
    return driver.report();
  });
}
