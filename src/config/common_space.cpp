// SPDX-License-Identifier: Apache-2.0
#include "common_space.hpp"

#include <assay/data/space.hpp>
#include <assay/registries.hpp>

#include <algorithm>
#include <numeric>

namespace assay::detail {

namespace {

constexpr const char* pool_names[] = {"unlabeled", "labeled", "validation", "test"};

/// Variables and conditions as they stand in a file, and whether they can be used.
struct Given {
  std::vector<Variable> variables;
  std::vector<Constraint> constraints;
  std::string where;
  std::vector<ErrorParts> problems = {};
};

/// A list of variables, or an object with `variables` and `constraints`.
Given read_space(const ConfigReader& place) {
  Given given{.where = place.path()};
  const ConfigReader own(place.json(), place.path(), given.problems, nullptr);
  const bool bare = own.json().is_array();
  if (!bare) {
    if (!own.expect_object()) return given;
    own.reject_unknown({"variables", "constraints"});
  }
  OptionCodec<std::vector<Variable>>::read(bare ? own : own.child("variables"), given.variables);
  if (const ConfigReader child = own.child("constraints"); !bare && child.present())
    OptionCodec<std::vector<Constraint>>::read(child, given.constraints);
  if (!given.problems.empty()) return given;
  try {
    Space(given.variables, given.constraints);
  } catch (const ConfigError& error) {
    for (ErrorParts problem : error.problems()) {
      problem.where = place.path() + "/" + problem.where.substr(problem.where.find('/') + 1);
      given.problems.push_back(std::move(problem));
    }
  }
  return given;
}

const Variable* find(const std::vector<Variable>& variables, const std::string& name) {
  const auto found = std::find_if(variables.begin(), variables.end(),
                                  [&](const Variable& v) { return v.name == name; });
  return found == variables.end() ? nullptr : &*found;
}

std::string as_text(const Variable& v) { return Json(v.low).dump() + " to " + Json(v.high).dump(); }

std::string text_of(Kind kind) { return OptionCodec<Kind>::to_json(kind).get<std::string>(); }

/// Reports what one variable of a pool says otherwise than the one of the same name in `common`.
void compare(const ConfigReader& place, const Variable& own, const Variable& there, const Given& common, bool whole) {
  const auto refuse = [&](const char* option, const std::string& expected, const std::string& got,
                          const std::string& advice) {
    place.child(option).problem("assay.config.space", expected + ", as '" + own.name + "' has it in " + common.where,
                                got, advice);
  };
  if (own.kind != there.kind) return refuse("kind", text_of(there.kind), text_of(own.kind), "");
  if (!own.unit.empty() && !there.unit.empty() && own.unit != there.unit)
    return refuse("unit", "'" + there.unit + "'", "'" + own.unit + "'", "give all samples in one unit");
  if (own.kind == Kind::category) {
    if (own.categories != there.categories)
      refuse("categories", Json(there.categories).dump(), Json(own.categories).dump(), "");
    return;
  }
  if (whole && (own.low < there.low || own.high > there.high))
    refuse("low", "a range within " + as_text(there), as_text(own), "narrow it, or widen the common one");
  if (!whole && (own.high < there.low || own.low > there.high))
    refuse("low", "a range that has values of " + as_text(there), as_text(own), "");
}

bool has_option(const RegistryRow& row, std::string_view name) {
  return std::any_of(row.options.begin(), row.options.end(), [&](const OptionRow& o) { return o.name == name; });
}

/// The registry's row of a pool; null for what is no pool, which is reported where it is built.
const RegistryRow* row_of(const ConfigReader& whole, const Json& pool) {
  const std::string key = key_of(pool);
  for (const RegistryRow& row : whole.registries()->pool.rows()) {
    if (row.key == key) return &row;
  }
  return nullptr;
}

void give_space(const ConfigReader& place, const RegistryRow& row, const Given& common, Json& pool) {
  pool["space"] = OptionCodec<std::vector<Variable>>::to_json(common.variables);
  if (common.constraints.empty() || pool.contains("constraints")) return;
  if (has_option(row, "constraints")) {
    pool["constraints"] = OptionCodec<std::vector<Constraint>>::to_json(common.constraints);
  } else {
    place.problem("assay.config.space", "a pool that keeps the constraints of /space", "'" + row.key + "'",
                  "take another type, or give the pool a space of its own");
  }
}

}  // namespace

std::optional<Json> pools_with_space(const ConfigReader& whole) {
  const ConfigReader place = whole.child("pools");
  Json pools = place.json();
  if (!pools.is_object()) return pools;
  std::optional<Given> common;
  const bool given = whole.child("space").present();
  if (given) {
    common = read_space(whole.child("space"));
    for (const ErrorParts& problem : common->problems) whole.problem(problem);
    if (!common->problems.empty()) return std::nullopt;
  }
  for (const char* name : pool_names) {
    const auto pool = pools.find(name);
    if (pool == pools.end()) continue;
    const RegistryRow* row = row_of(whole, *pool);
    if (!row || !has_option(*row, "space")) continue;
    if (!pool->contains("space")) {
      if (given) give_space(place.child(name), *row, *common, *pool);
      continue;
    }
    const ConfigReader variables = place.child(name).child("space");
    Given own = read_space(variables);
    if (!own.problems.empty() || !variables.json().is_array()) continue;  // reported where the pool is built
    if (!common) {
      common = std::move(own);
      continue;
    }
    for (std::size_t i = 0; i < own.variables.size(); ++i) {
      const Variable& variable = own.variables[i];
      if (const Variable* there = find(common->variables, variable.name)) {
        compare(variables.child(i), variable, *there, *common, given);
      } else if (given) {
        std::vector<std::string> known;
        for (const Variable& v : common->variables) known.push_back(v.name);
        variables.child(i).child("name").problem("assay.config.space", "a variable of " + common->where,
                                                 "'" + variable.name + "'", suggest(variable.name, known));
      }
    }
  }
  return pools;
}

void report_outside(const ConfigReader& whole, const Pools& pools) {
  if (!whole.child("space").present()) return;
  const Given common = read_space(whole.child("space"));
  if (!common.problems.empty()) return;
  constexpr std::int64_t block = 16384;
  const std::pair<const char*, const AnyPool*> all[] = {{"unlabeled", &pools.unlabeled},
                                                        {"labeled", &pools.labeled},
                                                        {"validation", &pools.validation},
                                                        {"test", &pools.test}};
  for (const auto& [name, pool] : all) {
    const RegistryRow* row = row_of(whole, whole.child("pools").child(name).json());
    if (!row || has_option(*row, "space")) continue;  // drawn from a space, which was compared
    std::vector<std::string> told;
    for (std::int64_t first = 0; first < pool->size(); first += block) {
      std::vector<std::int64_t> rows(static_cast<std::size_t>(std::min(block, pool->size() - first)));
      std::iota(rows.begin(), rows.end(), first);
      const Values batch = pool->gather(rows);
      for (const Variable& v : common.variables) {
        const torch::Tensor* column = batch.find(v.name);
        if (!column || column->dim() != 1 || std::find(told.begin(), told.end(), v.name) != told.end()) continue;
        const bool category = v.kind == Kind::category;
        const double low = category ? 0 : v.low,
                     high = category ? static_cast<double>(v.categories.size()) - 1 : v.high;
        const double slack = 1e-9 * (high - low);  // of numbers that were written with few digits
        const torch::Tensor numbers = column->to(torch::kFloat64);
        const torch::Tensor outside = numbers.lt(low - slack).logical_or(numbers.gt(high + slack)).nonzero();
        if (outside.numel() == 0) continue;
        const auto at = outside[0].item<std::int64_t>();
        told.push_back(v.name);
        whole.child("pools").child(name).problem(
            "assay.config.space", v.name + " within " + Json(low).dump() + " to " + Json(high).dump() + " of /space",
            Json(numbers[at].item<double>()).dump() + " in sample " + std::to_string(first + at + 1),
            "widen the range in /space, leave the sample out, or mend its unit");
      }
    }
  }
}

}  // namespace assay::detail
