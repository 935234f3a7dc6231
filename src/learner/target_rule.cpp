// SPDX-License-Identifier: Apache-2.0
#include <assay/error.hpp>
#include <assay/json.hpp>
#include <assay/learner/target_rule.hpp>

#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>

namespace assay {

namespace {

constexpr const char* take_back = "'assay withdraw' takes a label back that is in a campaign already";

[[noreturn]] void refuse(const char* id, std::string_view where, const std::string& target, std::string expected,
                         double got, std::string advice = take_back) {
  throw DataError(
      {id, std::string(where) + ", '" + target + "'", std::move(expected), Json(got).dump(), std::move(advice)});
}

const TargetRule* rule_of(const std::vector<TargetRule>& rules, std::string_view target) {
  const auto found = std::find_if(rules.begin(), rules.end(), [&](const TargetRule& r) { return r.target == target; });
  return found == rules.end() ? nullptr : &*found;
}

bool is_whole(torch::Dtype dtype) { return c10::isIntegralType(dtype, /*includeBool=*/true); }

/// The tensor in another dtype, if that says the same.
std::optional<torch::Tensor> without_loss(const torch::Tensor& tensor, torch::Dtype dtype) {
  torch::Tensor converted = tensor.to(dtype);
  if (!converted.to(tensor.scalar_type()).equal(tensor)) return std::nullopt;
  return converted;
}

}  // namespace

double component_weight(const std::vector<TargetRule>& rules, std::string_view target, std::int64_t components) {
  const TargetRule* rule = rule_of(rules, target);
  const std::optional<double> weight = rule ? rule->weight : 1;
  return weight ? *weight / static_cast<double>(components) : 1;
}

torch::Tensor weighted_mean(const torch::Tensor& x, const std::vector<double>& weights) {
  const bool equal = std::all_of(weights.begin(), weights.end(), [&](double w) { return w == weights.front(); });
  if (equal) return x.mean(-1);
  const torch::Tensor weight = at::tensor(weights, x.options());
  return (x * weight).sum(-1) / weight.sum();
}

void require_declared(const Schema& labels, const std::vector<TargetRule>& rules, std::string_view where) {
  for (const Field& field : labels) {
    const TargetRule* rule = rule_of(rules, field.name);
    if (!rule || !rule->shape || *rule->shape == field.shape) continue;
    throw ShapeError(
        {"assay.label.shape", std::string(where) + ", '" + field.name + "'",
         describe(Field{.name = field.name, .shape = *rule->shape, .dtype = field.dtype}) + ", as declared",
         describe(field), ""});
  }
}

Schema declared_targets(const std::vector<TargetRule>& rules) {
  Schema declared;
  for (const TargetRule& rule : rules) {
    if (rule.shape && rule.classes == 0)
      declared.push_back({.name = rule.target, .shape = *rule.shape, .dtype = torch::kFloat64});
  }
  return declared;
}

void require_learnable(const Values& targets, const std::vector<TargetRule>& rules, std::string_view where) {
  for (const std::string& name : targets.names()) {
    const TargetRule* found = rule_of(rules, name);
    const TargetRule rule = found ? *found : TargetRule{.target = name};
    for (const double number : targets.numbers(name)) {
      if (rule.classes > 0) {
        if (number == std::floor(number) && number >= 0 && number < static_cast<double>(rule.classes)) continue;
        refuse("assay.label.class", where, name,
               "a class id, a whole number in [0, " + std::to_string(rule.classes) + ")", number);
      }
      if (rule.above && !(number > *rule.above)) {
        refuse("assay.label.domain", where, name, "numbers above " + Json(*rule.above).dump(), number,
               "the learner's transform has no value for it: tell the sample as failed or infeasible, or begin a "
               "campaign whose transform has a 'floor'");
      }
      if (std::abs(number) > largest_label)
        refuse("assay.label.range", where, name, "numbers up to 1e150 in magnitude", number);
    }
  }
}

Values in_known_dtypes(const Values& labels, const Schema& known, const std::vector<TargetRule>& rules) {
  Values kept;
  for (const auto& [name, tensor] : labels) {
    const auto field = std::find_if(known.begin(), known.end(),
                                    [&known_as = name](const Field& f) { return f.name == known_as; });
    const TargetRule* rule = rule_of(rules, name);
    std::optional<torch::Tensor> converted;
    if (field != known.end()) {
      if (field->dtype != tensor.scalar_type()) converted = without_loss(tensor, field->dtype);
    } else if (rule && rule->classes == 0 && is_whole(tensor.scalar_type())) {
      converted = without_loss(tensor, torch::kFloat64);
    }
    kept.set(name, converted.value_or(tensor));
  }
  return kept;
}

}  // namespace assay
