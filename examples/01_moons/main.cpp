// SPDX-License-Identifier: Apache-2.0
// Two moons: a classifier that asks for the labels it is least sure of.
#include "campaign_program.hpp"
#include "moons.hpp"

#include <assay/config.hpp>
#include <assay/label/function_label.hpp>
#include <assay/learner/mlp.hpp>
#include <assay/metrology/metrology.hpp>
#include <assay/training/sgd.hpp>

namespace {

assay::Json run(const example::Flags& flags) {
  const assay::RandomKey key(flags.seed);
  const assay::Values points = moons::make(1000, 0.7, 0.25, key.with("points"));
  const assay::Values test = moons::make(1000, 0.7, 0.25, key.with("test"));
  const auto part = [&](std::int64_t first, std::int64_t count) {
    assay::Values batch;
    for (const auto& [name, tensor] : points) batch.set(name, tensor.narrow(0, first, count));
    return batch;
  };
  constexpr std::int64_t labeled = 50;

  assay::Mlp learner({.inputs = {"x", "y"}, .targets = {"label"}, .hidden = {16}, .classes = 2});
  // The oracle looks a point up: it is the candidate with these coordinates.
  assay::FunctionLabel label({.provides = {"label"}}, [&](const assay::Values& point) {
    const torch::Tensor row = (points["x"] == point["x"]).logical_and(points["y"] == point["y"]).nonzero();
    return assay::Values{{"label", points["label"][row[0].item<std::int64_t>()]}};
  });
  assay::DefaultTrainingLoop loop({.epochs = 30,
                                   .fine_tuning_epochs = 30,
                                   .batch_size = 16,
                                   .optimizer = assay::Sgd({.lr = 0.01}),
                                   .fine_tuning_lr = 0.005,
                                   .scheduler = assay::ConstantSchedule(),
                                   .early_stopping = std::nullopt,
                                   .device = flags.device});
  assay::DriverOptions options = example::driver_options(flags);
  options.final_training = false;
  assay::Driver driver(
      std::move(options),
      {.labeled = part(0, labeled), .unlabeled = part(labeled, 1000 - labeled).without({"label"}), .test = test},
      std::move(learner), example::make_query(assay::Registries(), flags.query, 10), label,
      assay::Metrics(assay::ClassificationReport(), assay::Accuracy()), loop);
  example::run_to_end(driver);
  return example::report_of(driver, flags.dir);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Active learning on the two moons", "moons");
  example::Flags flags{.dir = "campaigns/moons", .rounds = 70, .query = "least_confidence"};
  example::add_flags(app, flags);
  return example::run_program(argc, argv, app, flags, [&] { return run(flags); });
}
