// SPDX-License-Identifier: Apache-2.0
#include <assay/detail/state_parts.hpp>
#include <assay/error.hpp>
#include <assay/learner/transformed.hpp>

#include <algorithm>

namespace assay {

namespace {

/// A batch of one field as rows [n, k].
torch::Tensor as_rows(const torch::Tensor& values) {
  return values.to(torch::kCPU, torch::kFloat64).reshape({values.size(0), -1});
}

/// Rows [n, k] as a batch of a field.
torch::Tensor as_field(const torch::Tensor& rows, const Field& field) {
  std::vector<std::int64_t> shape{rows.size(0)};
  shape.insert(shape.end(), field.shape.begin(), field.shape.end());
  return rows.reshape(shape).to(field.dtype);
}

torch::Dtype dtype_from(const std::string& name) {
  if (name == "float32") return torch::kFloat32;
  if (name == "float64") return torch::kFloat64;
  throw CheckpointError({"assay.checkpoint.learner", "transformed target", "float32 or float64", "'" + name + "'", ""});
}

}  // namespace

Transformed::Transformed(AnyLearner learner, std::map<std::string, AnyTransform> transforms)
    : learner_(std::move(learner)) {
  const std::vector<std::string> known = learner_.targets();
  std::vector<ErrorParts> problems;
  for (auto& [name, transform] : transforms) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      problems.push_back({"assay.learner.target", "/targets/" + name, "a target of the learner", "'" + name + "'",
                          detail::suggest(name, known)});
    }
    targets_.emplace(name, Target{std::move(transform)});
  }
  if (!problems.empty()) throw ConfigError(std::move(problems));
}

std::vector<TargetRule> Transformed::target_rules() const {
  std::vector<TargetRule> rules = learner_.target_rules();
  for (const auto& [name, target] : targets_) {
    const auto inside = std::find_if(rules.begin(), rules.end(),
                                     [&own = name](const TargetRule& r) { return r.target == own; });
    TargetRule& rule = inside == rules.end() ? rules.emplace_back() : *inside;
    rule.target = name;
    rule.classes = 0;
    rule.above = target.transform.above();
  }
  return rules;
}

const Field& Transformed::before(const std::string& name) const {
  const Schema& before = targets_.at(name).before;
  if (before.empty()) {
    throw TrainingError({"assay.learner.untrained", "target '" + name + "'", "a fitted transform",
                         "one that has seen no labeled samples", "train the learner first"});
  }
  return before.front();
}

Values Transformed::transformed(const Values& samples) const {
  Values changed = samples;
  for (const auto& [name, target] : targets_) {
    const torch::Tensor& values = samples.at(name);
    const torch::Tensor rows = as_rows(values), now = target.transform.apply(rows);
    changed.set(name, now.size(1) == rows.size(1) ? now.reshape(values.sizes()) : now);
  }
  return changed;
}

void Transformed::fit_scaling(const Values& samples, bool keep_function) {
  for (auto& [name, target] : targets_) {
    const torch::Tensor& values = samples.at(name);
    if (values.scalar_type() != torch::kFloat32 && values.scalar_type() != torch::kFloat64) {
      throw DataError({"assay.transform.dtype", "target '" + name + "'", "float32 or float64, for a transform",
                       std::string(toString(values.scalar_type())), "learn this target as it is"});
    }
    if (keep_function && !target.before.empty()) continue;
    target.transform.fit(as_rows(values));
    Values one;
    one.set(name, values);
    target.before = schema_of_batch(one);
  }
  learner_.fit_scaling(transformed(samples), keep_function);
}

Values Transformed::predict(const Values& inputs) const {
  Values predicted = learner_.predict(inputs);
  for (const auto& [name, target] : targets_) {
    predicted.set(name, as_field(target.transform.invert(as_rows(predicted.at(name))), before(name)));
  }
  return predicted;
}

Values Transformed::variance(const Values& inputs) const {
  Values variance = learner_.variance(inputs);
  if (targets_.empty()) return variance;
  const Values mean = learner_.predict(inputs);
  for (const auto& [name, target] : targets_) {
    variance.set(name,
                 as_field(target.transform.variance(as_rows(mean.at(name)), as_rows(variance.at(name))), before(name)));
  }
  return variance;
}

State Transformed::save() const {
  State state;
  state.json["learner"] = detail::add_part(state, learner_.save(), "learner/");
  for (const auto& [name, target] : targets_) {
    Json& json = state.json["targets"][name];
    json["state"] = detail::add_part(state, target.transform.save(), "targets/" + name + "/");
    if (target.before.empty()) continue;
    const Field& field = target.before.front();
    json["shape"] = field.shape;
    json["dtype"] = field.dtype == torch::kFloat32 ? "float32" : "float64";
  }
  return state;
}

void Transformed::load(const State& state) {
  detail::restoring("transformed learner", [&] {
    std::map<std::string, Target> targets = targets_;
    for (auto& [name, target] : targets) {
      const Json& json = state.json.at("targets").at(name);
      target.transform.load(detail::part_of(state.tensors, json.at("state"), "targets/" + name + "/"));
      target.before.clear();
      if (!json.contains("dtype")) continue;
      target.before.push_back({.name = name, .shape = {}, .dtype = dtype_from(json.at("dtype").get<std::string>())});
      for (const Json& extent : json.at("shape"))
        target.before.front().shape.push_back(integer_from_json<std::uint32_t>(extent));
    }
    learner_.load(detail::part_of(state.tensors, state.json.at("learner"), "learner/"));
    targets_ = std::move(targets);
  });
}

Json Transformed::spec() const {
  Json spec{{"type", key}, {"learner", learner_.spec()}, {"targets", Json::object()}};
  for (const auto& [name, target] : targets_) spec["targets"][name] = target.transform.spec();
  return spec;
}

void Transformed::fill_spec(Json& saved) const {
  if (key_of(saved) != key) return;
  if (const auto learner = saved.find("learner"); learner != saved.end()) learner_.fill_spec(*learner);
  const auto targets = saved.find("targets");
  if (targets == saved.end() || !targets->is_object()) return;
  for (const auto& [name, target] : targets_) {
    if (const auto found = targets->find(name); found != targets->end()) target.transform.fill_spec(*found);
  }
}

}  // namespace assay
