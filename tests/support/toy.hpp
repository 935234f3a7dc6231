// SPDX-License-Identifier: Apache-2.0
// A small real problem for campaigns in tests, and folders that go away.
#pragma once

#include "folder.hpp"

#include <assay/campaign_hash.hpp>
#include <assay/config.hpp>
#include <assay/data/space.hpp>
#include <assay/label/function_label.hpp>
#include <assay/learner/ensemble.hpp>
#include <assay/learner/mlp.hpp>
#include <assay/metrology/metrology.hpp>
#include <assay/query/query.hpp>

#include <cmath>
#include <filesystem>
#include <string>

namespace toy {

using Folder = temporary::Folder;

inline const assay::Space& space() {
  static const assay::Space space{{"a", -1, 1}, {"b", 0, 2}};
  return space;
}

inline assay::Values solve(const assay::Values& x) {
  const double a = x.scalar("a"), b = x.scalar("b");
  return {{"y", std::sin(3 * a) * b + 10}};
}

inline assay::Values labeled(std::int64_t count, std::int64_t skip = 0) {
  assay::Values batch = assay::sobol(space(), count, {.skip = skip});
  const torch::Tensor y = (batch["a"] * 3).sin() * batch["b"] + 10;
  return batch.set("y", y);
}

inline assay::FunctionLabel label() { return {{.provides = {"y"}, .function = "solve"}, solve}; }
inline assay::Ensemble ensemble() {
  return assay::Ensemble({.members = 3, .inputs = {"a", "b"}, .targets = {"y"}, .hidden = {8, 8}});
}
inline assay::Mlp mlp() { return assay::Mlp({.inputs = {"a", "b"}, .targets = {"y"}, .hidden = {8, 8}}); }
inline assay::DefaultTrainingLoop loop(std::int64_t epochs = 4) {
  return assay::DefaultTrainingLoop({.epochs = epochs, .fine_tuning_epochs = 3, .batch_size = 8});
}
inline assay::Pools pools() {
  return {.labeled = labeled(16), .unlabeled = assay::sobol(space(), 60, {.skip = 16}), .test = labeled(20, 200)};
}
inline assay::DriverOptions options(const std::filesystem::path& dir) {
  return {.dir = dir, .max_rounds = 3, .seed = 5};
}

/// The same, of a campaign that is there already, or is not.
inline assay::DriverOptions going_on(const std::filesystem::path& dir) {
  assay::DriverOptions how = options(dir);
  how.resume = assay::Resume::if_present;
  return how;
}
/// For campaigns that are asked and told: so many samples have to be labeled first.
inline assay::Pools unlabeled_pools(std::int64_t first) {
  return {.labeled = assay::sobol(space(), first), .unlabeled = assay::sobol(space(), 60, {.skip = 100})};
}
/// What a learner says of samples that it was not trained on.
template <class Learner>
torch::Tensor prediction(const Learner& learner) {
  return learner.predict(labeled(20, 90))["y"];
}

using Driver = assay::Driver<assay::Ensemble, assay::MaxVariance, assay::FunctionLabel, assay::Metrics>;

inline Driver driver(assay::DriverOptions options, assay::FunctionLabel how = label()) {
  return Driver(std::move(options), pools(), ensemble(), assay::MaxVariance({.max_samples = 4}), std::move(how),
                assay::Metrics(assay::Rmse(), assay::R2()), loop());
}

/// The hash of a campaign that nothing happens to.
inline std::string whole_hash(const Folder& folder) {
  driver(options(folder / "whole")).run();
  return assay::campaign_hash(folder / "whole");
}

}  // namespace toy
