// SPDX-License-Identifier: Apache-2.0
#include <assay/error.hpp>
#include <assay/json.hpp>
#include <assay/learner/target_rule.hpp>

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

bool is_whole(torch::Dtype dtype) { return c10::isIntegralType(dtype, /*includeBool=*/true); }

/// The tensor in another dtype, if that says the same.
std::optional<torch::Tensor> without_loss(const torch::Tensor& tensor, torch::Dtype dtype) {
  torch::Tensor converted = tensor.to(dtype);
  if (!converted.to(tensor.scalar_type()).equal(tensor)) return std::nullopt;
  return converted;
}

}  // namespace

void require_learnable(const Values& targets, const std::vector<TargetRule>& rules, std::string_view where) {
  for (const std::string& name : targets.names()) {
    const auto found = std::find_if(rules.begin(), rules.end(), [&](const TargetRule& r) { return r.target == name; });
    const TargetRule rule = found == rules.end() ? TargetRule{.target = name} : *found;
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
    const auto field = std::find_if(known.begin(), known.end(), [&](const Field& f) { return f.name == name; });
    const auto rule = std::find_if(rules.begin(), rules.end(), [&](const TargetRule& r) { return r.target == name; });
    std::optional<torch::Tensor> converted;
    if (field != known.end()) {
      if (field->dtype != tensor.scalar_type()) converted = without_loss(tensor, field->dtype);
    } else if (rule != rules.end() && rule->classes == 0 && is_whole(tensor.scalar_type())) {
      converted = without_loss(tensor, torch::kFloat64);
    }
    kept.set(name, converted.value_or(tensor));
  }
  return kept;
}

}  // namespace assay
