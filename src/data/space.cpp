// SPDX-License-Identifier: Apache-2.0
#include <assay/data/space.hpp>
#include <assay/error.hpp>
#include <assay/options.hpp>

#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace assay {

namespace {

std::string range_of(const Variable& variable) {
  return Json(variable.low).dump() + " to " + Json(variable.high).dump();
}

void check(const Variable& variable, std::vector<ErrorParts>& problems) {
  const std::string where = "space/" + variable.name;
  const auto refuse = [&](const char* id, const char* expected, const std::string& got) {
    problems.push_back({id, where, expected, got, ""});
  };
  if (variable.kind == Kind::category) {
    const std::set<std::string> names(variable.categories.begin(), variable.categories.end());
    if (names.empty()) refuse("assay.config.required", "the names of its categories", "none");
    if (names.size() != variable.categories.size())
      refuse("assay.config.duplicate", "every category once", "one twice");
    return;
  }
  if (!(variable.low < variable.high) || !std::isfinite(variable.high - variable.low))
    return refuse("assay.config.range", "low < high, both finite and their difference too", range_of(variable));
  if (variable.scale == Scale::log && variable.low <= 0)
    refuse("assay.config.range", "a range above zero, for a log scale", range_of(variable));
  if (variable.kind == Kind::integer && std::ceil(variable.low) > std::floor(variable.high))
    refuse("assay.config.range", "a range with a whole number in it", range_of(variable));
  if (variable.kind == Kind::integer && std::max(-variable.low, variable.high) > 0x1p53)
    refuse("assay.config.range", "whole numbers that float64 holds, up to 2^53", range_of(variable));
}

std::string in_words(const Constraint& constraint) {
  std::string text = constraint.at_least ? Json(*constraint.at_least).dump() + " <= " : "";
  for (const auto& [name, factor] : constraint.terms) {
    text += (&name == &constraint.terms.begin()->first ? "" : " + ") + Json(factor).dump() + " " + name;
  }
  return text + (constraint.at_most ? " <= " + Json(*constraint.at_most).dump() : "");
}

/// [n] bool.
torch::Tensor satisfied(const Constraint& constraint, const Values& designs) {
  torch::Tensor sum = at::zeros({batch_size(designs)}, torch::kFloat64);
  for (const auto& [name, factor] : constraint.terms) sum = sum + designs.at(name).to(torch::kFloat64) * factor;
  torch::Tensor good = at::full({batch_size(designs)}, true, torch::kBool);
  if (constraint.at_least) good = good.logical_and(sum >= *constraint.at_least);
  if (constraint.at_most) good = good.logical_and(sum <= *constraint.at_most);
  return good;
}

/// [n] bool, checked: predicates are the user's.
torch::Tensor satisfied(const std::pair<std::string, Space::Predicate>& predicate, const Values& designs) {
  torch::Tensor good = predicate.second(designs);
  if (good.dim() != 1 || good.size(0) != batch_size(designs) || good.scalar_type() != torch::kBool) {
    throw ShapeError({"assay.space.predicate", "predicate '" + predicate.first + "'",
                      "bool [" + std::to_string(batch_size(designs)) + "], one for each design",
                      std::string(toString(good.scalar_type())) + " with " + std::to_string(good.dim()) + " dimensions",
                      ""});
  }
  return good;
}

}  // namespace

Space::Space(std::vector<Variable> variables, std::vector<Constraint> constraints)
    : variables_(std::move(variables)), constraints_(std::move(constraints)) {
  std::vector<ErrorParts> problems;
  std::set<std::string> names;
  for (const Variable& variable : variables_) {
    check(variable, problems);
    if (!names.insert(variable.name).second) {
      problems.push_back(
          {"assay.config.duplicate", "space", "every variable once", "'" + variable.name + "' twice", ""});
    }
  }
  if (variables_.empty()) problems.push_back({"assay.config.required", "space", "at least one variable", "none", ""});
  for (const Constraint& constraint : constraints_) {
    if (!constraint.at_least && !constraint.at_most) {
      problems.push_back({"assay.config.required", "space/constraints", "a bound, 'at_least' or 'at_most'", "none",
                          in_words(constraint)});
    }
    const auto finite = [](const std::optional<double>& bound) { return std::isfinite(bound.value_or(0)); };
    if (!finite(constraint.at_least) || !finite(constraint.at_most)) {
      problems.push_back({"assay.config.range", "space/constraints", "finite bounds", in_words(constraint),
                          "leave out a bound that is none"});
    }
    for (const auto& [name, factor] : constraint.terms) {
      if (!std::isfinite(factor))
        problems.push_back({"assay.config.range", "space/constraints/" + name, "a finite factor", "another", ""});
      if (names.contains(name)) continue;
      problems.push_back({"assay.config.range", "space/constraints", "terms that are variables", "'" + name + "'",
                          detail::suggest(name, std::vector<std::string>(names.begin(), names.end()))});
    }
  }
  if (!problems.empty()) throw ConfigError(std::move(problems));
}

Space& Space::require(std::string name, Predicate feasible) {
  predicates_.emplace_back(std::move(name), std::move(feasible));
  return *this;
}

std::vector<std::string> Space::names() const {
  std::vector<std::string> names;
  for (const Variable& variable : variables_) names.push_back(variable.name);
  return names;
}

std::optional<std::int64_t> Space::levels(const Variable& variable) {
  if (variable.kind == Kind::real) return std::nullopt;
  if (variable.kind == Kind::category) return static_cast<std::int64_t>(variable.categories.size());
  return static_cast<std::int64_t>(std::floor(variable.high) - std::ceil(variable.low)) + 1;
}

Values Space::scale(const torch::Tensor& unit) const {
  Values points;
  for (std::size_t i = 0; i < variables_.size(); ++i) {
    const Variable& variable = variables_[i];
    const torch::Tensor u = unit.select(1, static_cast<std::int64_t>(i));
    const bool category = variable.kind == Kind::category;
    const bool whole = variable.kind != Kind::real;
    // Whole numbers have equal shares of a range that reaches to the next one.
    const double low = category ? 0 : whole ? std::ceil(variable.low) : variable.low;
    const double last = category ? static_cast<double>(variable.categories.size()) - 1
                        : whole  ? std::floor(variable.high)
                                 : variable.high;
    const double high = whole ? last + 1 : last;
    torch::Tensor x = variable.scale == Scale::log && !category
                          ? (u * (std::log(high) - std::log(low)) + std::log(low)).exp().clamp(low, high)
                          : u * (high - low) + low;
    if (whole) x = x.floor().clamp(low, last);
    points.set(variable.name, x);
  }
  return points;
}

torch::Tensor Space::feasible(const Values& designs) const {
  torch::Tensor good = at::full({batch_size(designs)}, true, torch::kBool);
  for (const Constraint& constraint : constraints_) good = good.logical_and(satisfied(constraint, designs));
  for (const auto& predicate : predicates_) good = good.logical_and(satisfied(predicate, designs));
  return good;
}

std::optional<std::string> Space::outside(const Values& design) const {
  Values batch;
  for (const Variable& variable : variables_) {
    const torch::Tensor* value = design.find(variable.name);
    if (!value || value->numel() != 1) return "it lacks the number '" + variable.name + "'";
    const double x = value->to(torch::kFloat64).item<double>();
    const bool category = variable.kind == Kind::category;
    const double high = category ? static_cast<double>(variable.categories.size()) - 1 : variable.high;
    const double low = category ? 0 : variable.low;
    if (!(x >= low && x <= high))
      return variable.name + " = " + Json(x).dump() + " is not in " + Json(low).dump() + " to " + Json(high).dump();
    if (variable.kind != Kind::real && x != std::floor(x))
      return variable.name + " = " + Json(x).dump() + " is not whole";
    batch.set(variable.name, at::full({1}, x, torch::kFloat64));
  }
  for (const Constraint& constraint : constraints_) {
    if (!satisfied(constraint, batch).item<bool>()) return "not so: " + in_words(constraint);
  }
  for (const auto& predicate : predicates_) {
    if (!satisfied(predicate, batch).item<bool>()) return "not so: " + predicate.first;
  }
  return std::nullopt;
}

Json space_to_json(const Space& space) {
  Json json{{"variables", Json::array()}, {"constraints", Json::array()}, {"predicates", Json::array()}};
  for (const Variable& variable : space.variables()) json["variables"].push_back(options_to_json(variable));
  for (const Constraint& constraint : space.constraints()) json["constraints"].push_back(options_to_json(constraint));
  for (const auto& [name, predicate] : space.predicates()) json["predicates"].push_back(name);
  return json;
}

Space space_from_json(const Json& json, const std::map<std::string, Space::Predicate>& predicates) {
  const Json whole = json.is_array() ? Json{{"variables", json}} : json;
  std::vector<ErrorParts> problems;
  const ConfigReader reader(whole, "", problems, nullptr);
  std::vector<Variable> variables;
  std::vector<Constraint> constraints;
  std::vector<std::string> names;
  if (reader.expect_object()) {
    reader.reject_unknown({"variables", "constraints", "predicates"});
    detail::OptionCodec<std::vector<Variable>>::read(reader.child("variables"), variables);
    if (const ConfigReader child = reader.child("constraints"); child.present())
      detail::OptionCodec<std::vector<Constraint>>::read(child, constraints);
    if (const ConfigReader child = reader.child("predicates"); child.present())
      detail::OptionCodec<std::vector<std::string>>::read(child, names);
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (predicates.contains(names[i])) continue;
      reader.child("predicates")
          .child(i)
          .problem("assay.registry.unregistered", "the name of a predicate that is given", "'" + names[i] + "'");
    }
  }
  if (!problems.empty()) throw ConfigError(std::move(problems));
  Space space(std::move(variables), std::move(constraints));
  for (const std::string& name : names) space.require(name, predicates.at(name));
  return space;
}

}  // namespace assay
