// SPDX-License-Identifier: Apache-2.0
// `{"role": "learner", "spec": {"type": "mlp", ...}}`: builds a component of any role by its key and puts it to use.
#include "components.hpp"

#include <assay/any/any_pool.hpp>

#include <torch/types.h>

#include <cmath>

namespace {

using namespace assay;

fuzz::Tally tally("fuzz_registry");

/// Two samples go through all that a training does.
void use(AnyLearner& learner) {
  Values batch = fuzz::samples(learner.inputs());
  for (const std::string& name : learner.targets()) batch.set(name, torch::arange(2, torch::kFloat64).reshape({2, 1}));
  const std::vector<SampleId> ids{0, 1};
  learner.fit_scaling(batch, false);
  learner.reset(1);
  learner.training_step(learner.pack(batch, ids)).backward();
  learner.predict(batch);
  AnyLearner copy = fuzz::registries().learner.make(learner.spec(), fuzz::registries());
  copy.load(learner.save());
}

void use(AnyOptimizer& optimizer) {
  const std::vector<torch::Tensor> parameters{torch::ones({2, 3}).requires_grad_(), torch::ones({}).requires_grad_()};
  optimizer.init(parameters);
  for (const torch::Tensor& parameter : parameters) parameter.mutable_grad() = torch::ones_like(parameter.detach());
  optimizer.step(optimizer.lr());
  optimizer.load(optimizer.save());
}

void use(AnyScheduler& scheduler) {
  const std::vector<EpochReport> history{{1, 4, 1.0, 0.5, 0.1}, {2, 4, 0.9, NAN, 0.1}};
  for (std::int64_t epoch = 0; epoch < 3; ++epoch) scheduler.factor({.epoch = epoch, .epochs = 4, .history = history});
}

void use(AnyStop& stop) {
  const std::vector<MetricRecord> records{{0, 10, {{"rmse", 1.0}}}, {1, 20, {{"rmse", NAN}}}};
  stop.should_stop({.round = 1, .counts = {.labels = 20}, .seconds = 3, .records = records});
}

void use(AnyQuery& query) { query.requirements(); }
void use(AnyMetrology& metrology) { metrology.requirements(); }
void use(AnyLabel& label) { label.provides(); }
void use(AnyTrainingLoop& loop) { loop.load(loop.save()); }
void use(AnyObserver&) {}

template <class Any>
void make_and_use(const Registry<Any>& registry, const Json& spec) {
  Any made = registry.make(spec, fuzz::registries());
  tally.count(registry.role());
  const Json full = made.spec();
  fuzz::require(registry.make(full, fuzz::registries()).spec() == full, "a specification builds what it describes");
  use(made);
}

void make_and_use(const Registry<AnyPool>& registry, const Json& spec) {
  const AnyPool pool = registry.make(spec, fuzz::registries());
  tally.count("pool");
  if (pool.size() > 0) pool.gather(std::vector<std::int64_t>{pool.size() - 1, 0});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tally.count("runs");
  Json input;
  if (!fuzz::accepts([&] { input = parse_json(fuzz::text_of(data, size), "input"); })) return 0;
  if (!input.is_object() || !input.contains("role") || !input.contains("spec")) return 0;
  Json& spec = input["spec"];
  fuzz::make_small(spec);
  const Registries& all = fuzz::registries();
  const Json& role = input["role"];
  fuzz::accepts([&] {
    if (role == "learner" && fuzz::small_or_absurd(spec)) make_and_use(all.learner, spec);
    if (role == "query") make_and_use(all.query, spec);
    if (role == "label") make_and_use(all.label, spec);
    if (role == "metrology") make_and_use(all.metrology, spec);
    if (role == "loop") make_and_use(all.loop, spec);
    if (role == "optimizer") make_and_use(all.optimizer, spec);
    if (role == "scheduler") make_and_use(all.scheduler, spec);
    if (role == "stop") make_and_use(all.stop, spec);
    if (role == "observer") make_and_use(all.observer, spec);
    if (role == "pool") make_and_use(all.pool, spec);
  });
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  return fuzz::mutate_parts(data, size, most, seed, /*jsons=*/1, /*parts=*/1);
}
