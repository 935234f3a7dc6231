// SPDX-License-Identifier: Apache-2.0
// A campaign whose simulations give a field of some megabytes beside the number that is learned.
// In full: kill large_labels ASSAY --kills 20 -- --rounds 10 --batch 100 --megabytes 8
#include "campaign_program.hpp"

#include <assay/data/space.hpp>
#include <assay/driver.hpp>
#include <assay/label/function_label.hpp>
#include <assay/learner/mlp.hpp>
#include <assay/query/random.hpp>

int main(int argc, char** argv) {
  CLI::App app("Simulations with large results", "large_labels");
  example::Flags flags{.dir = "campaigns/large", .rounds = 3, .query = "random"};
  std::int64_t batch = 10, megabytes = 1;
  example::add_flags(app, flags);
  app.add_option("--batch", batch, "simulations a round");
  app.add_option("--megabytes", megabytes, "size of a field");
  return example::run_program(argc, argv, app, flags, [&] {
    const assay::Space space{{"a", -1, 1}, {"b", 0, 2}};
    assay::Values labeled = assay::sobol(space, 4);
    labeled.set("y", labeled["a"] * labeled["b"]);
    assay::Driver driver(
        example::driver_options(flags),
        {.labeled = labeled, .unlabeled = assay::sobol(space, 4 + batch * (flags.rounds + 1), {.skip = 4})},
        assay::Mlp({.inputs = {"a", "b"}, .targets = {"y"}, .hidden = {8}}), assay::Random({.max_samples = batch}),
        assay::FunctionLabel({.provides = {"y", "field"}},
                             [&](const assay::Values& x) {
                               const double y = x.scalar("a") * x.scalar("b");
                               return assay::Values{{"y", y},
                                                    {"field", torch::full({megabytes, 1 << 17}, y, torch::kFloat64)}};
                             }),
        assay::NoMetrology(), assay::DefaultTrainingLoop({.epochs = 2, .fine_tuning_epochs = 2}));
    example::run_to_end(driver);
    assay::Json report = driver.report();
    report["ledger_bytes"] = std::filesystem::file_size(flags.dir / "ledger.sqlite");
    return report;
  });
}
