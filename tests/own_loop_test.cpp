// SPDX-License-Identifier: Apache-2.0
// A learner names the training loop that trains it where none is given.
#include "support/catch.hpp"
#include "support/toy.hpp"
#include "support/warnings.hpp"

#include <assay/campaign_hash.hpp>
#include <assay/config.hpp>
#include <assay/detail/files.hpp>
#include <assay/learner/gaussian_process.hpp>
#include <assay/learner/transformed.hpp>
#include <assay/training/k_fold.hpp>
#include <assay/transform/log_transform.hpp>

using namespace assay;

namespace {

GaussianProcess process() { return GaussianProcess({.inputs = {"a", "b"}, .targets = {"y"}}); }

/// What a campaign's own file says of its loop.
std::string loop_of(const std::filesystem::path& campaign) {
  return parse_json(assay::detail::read_file(campaign / "campaign.json"), "").at("loop").at("type");
}

double last_rmse(const std::filesystem::path& campaign) {
  std::vector<std::string> damaged;
  double rmse = -1;
  const Json records = newest_checkpoint(campaign, damaged)->json.at("records");
  for (const Json& m : records.back().at("measurements")) {
    if (m.at("name") == "rmse") rmse = m.at("value");
  }
  return rmse;
}

template <class Learner, class... Loop>
auto driver(const std::filesystem::path& dir, Learner learner, Loop... loop) {
  DriverOptions options = toy::options(dir);
  options.max_rounds = 1;
  options.resume = Resume::if_present;
  return Driver(std::move(options), toy::pools(), std::move(learner), MaxVariance({.max_samples = 4}), toy::label(),
                Rmse(), std::move(loop)...);
}

template <class Learner, class Loop>
std::vector<std::string> warnings_of(Learner learner, Loop loop) {
  const toy::Folder folder;
  std::vector<std::string> texts;
  DriverOptions options = toy::options(folder / "c");
  options.max_rounds = 0;
  options.observers = {Warnings{&texts}};
  Driver(std::move(options), toy::pools(), std::move(learner), Random(), toy::label(), NoMetrology(), std::move(loop))
      .run();
  return texts;
}

}  // namespace

TEST_CASE("a Gaussian process without a loop is trained on the whole labeled pool at once", "[training][19_7]") {
  const toy::Folder folder;
  driver(folder / "given", process(), FullBatchLoop()).run();
  driver(folder / "own", process()).run();
  driver(folder / "erased", AnyLearner(process())).run();
  driver(folder / "wrapped", Transformed(process(), {{"y", LogTransform()}})).run();
  for (const char* name : {"own", "erased", "wrapped"}) CHECK(loop_of(folder / name) == "full_batch");
  for (const char* name : {"own", "erased"}) CHECK(campaign_hash(folder / name) == campaign_hash(folder / "given"));
  driver(folder / "mini_batches", process(), DefaultTrainingLoop()).run();
  CHECK(last_rmse(folder / "own") < last_rmse(folder / "mini_batches"));
  // A learner that names none keeps the default loop, in its type as well.
  STATIC_REQUIRE(std::is_same_v<OwnLoop<Ensemble>, DefaultTrainingLoop>);
  auto ensemble = driver(folder / "ensemble", toy::ensemble());
  CHECK(loop_of(folder / "ensemble") == "default");
}

TEST_CASE("a configuration without a loop has its learner's, also inside another learner", "[config][19_7]") {
  const toy::Folder folder;
  const Json space = {{{"name", "a"}, {"low", 0}, {"high", 1}}};
  const Json process{{"type", "gaussian_process"}, {"inputs", {"a"}}, {"targets", {"y"}}};
  Json transformed{{"type", "transformed"}, {"learner", process}, {"targets", {{"y", {{"type", "log"}}}}}};
  Json ensemble = process;
  ensemble["type"] = "ensemble";
  const auto loop_for = [&](const Json& learner, const std::string& name) {
    const auto driver = load_campaign(
        Json{{"driver", {{"dir", (folder / name).string()}}},
             {"pools", {{"labeled", {{"type", "sobol"}, {"count", 4}, {"space", space}}}}},
             {"learner", learner},
             {"query", {{"type", "random"}}},
             {"label", {{"type", "external"}, {"provides", {"y"}}}}},
        Registries());
    return loop_of(folder / name);
  };
  CHECK(loop_for(process, "process") == "full_batch");
  CHECK(loop_for(transformed, "transformed") == "full_batch");
  CHECK(loop_for(ensemble, "ensemble") == "default");
  transformed["learner"] = ensemble;
  CHECK(loop_for(transformed, "transformed_ensemble") == "default");
}

TEST_CASE("a campaign that was begun without a loop, before learners named theirs, goes on with that of its time",
          "[driver][resuming][19_7]") {
  const toy::Folder folder;
  driver(folder / "whole", process(), DefaultTrainingLoop()).run();
  {
    auto begun = driver(folder / "c", process(), DefaultTrainingLoop());
    REQUIRE(begun.advance() == RunStatus::waiting);
  }
  REQUIRE(loop_of(folder / "c") == "default");
  // As an older version wrote it: without the options that came later.
  Json file = parse_json(assay::detail::read_file(folder / "c/campaign.json"), "");
  file.at("loop").erase("holdout");
  file.at("loop").at("optimizer").erase("eps");
  assay::detail::write_file(folder / "c/campaign.json", file.dump());
  driver(folder / "c", process()).run();
  CHECK(campaign_hash(folder / "c") == campaign_hash(folder / "whole"));
  // With other options it was given one.
  { auto begun = driver(folder / "given", process(), DefaultTrainingLoop({.epochs = 3})); }
  std::vector<std::string> texts;
  auto again = driver(folder / "given", process());
  again.run();
  std::vector<std::string> damaged;
  CHECK(newest_checkpoint(folder / "given", damaged)->json.at("slots").at("loop").at("type") == "full_batch");
}

TEST_CASE("a loop that cannot train a learner well says so, and why", "[training][19_7]") {
  const DefaultTrainingLoopOptions small{.epochs = 2, .batch_size = 8};
  const auto warned = warnings_of(process(), DefaultTrainingLoop(small));
  REQUIRE(warned.size() >= 1);
  CHECK_THAT(warned.front(),
             Contains("likelihood") && Contains("mini-batches of 8 of 16 samples") && Contains("leave the loop out"));
  CHECK(!warnings_of(process(),
                     KFold({.folds = 2, .training = {.epochs = 2, .batch_size = 8, .warm_start = WarmStart::reset}}))
             .empty());
  CHECK(!warnings_of(Transformed(process(), {}), DefaultTrainingLoop(small)).empty());
  CHECK(warnings_of(process(), DefaultTrainingLoop({.epochs = 2, .batch_size = 64})).empty());
  CHECK(warnings_of(process(), FullBatchLoop()).empty());
  CHECK(warnings_of(toy::mlp(), DefaultTrainingLoop(small)).empty());
}
