// SPDX-License-Identifier: Apache-2.0
#include "named_fields.hpp"

#include <assay/error.hpp>
#include <assay/learner/learner_targets.hpp>
#include <assay/options.hpp>

#include <cmath>

namespace assay {

namespace {

/// What JSON says of a target that is more than a name.
struct WrittenTarget {
  std::string name = "";
  std::optional<std::vector<std::int64_t>> shape = std::nullopt;
  double weight = 1;
  std::string unit = "";

  static constexpr std::array describe{OptionInfo{.name = "name", .help = "of the field", .required = true}};
};

}  // namespace

LearnerTargets::LearnerTargets(std::vector<LearnerTarget> targets) : targets_(std::move(targets)) {
  std::vector<ErrorParts> problems;
  for (const LearnerTarget& target : targets_) {
    const std::string where = "/targets/" + target.name;
    if (!(target.weight > 0) || !std::isfinite(target.weight)) {
      problems.push_back({"assay.config.range", where + "/weight", "a number above zero", Json(target.weight).dump(),
                          "leave a target out that is not to count"});
    }
    for (const std::int64_t extent : target.shape.value_or(std::vector<std::int64_t>())) {
      if (extent >= 1 && extent <= std::int64_t{1} << 32) continue;
      problems.push_back({"assay.config.range", where + "/shape", "extents of at least 1", std::to_string(extent), ""});
    }
  }
  if (!problems.empty()) throw ConfigError(std::move(problems));
}

LearnerTargets::LearnerTargets(const std::vector<std::string>& names) : targets_(names.begin(), names.end()) {}

std::vector<std::string> LearnerTargets::names() const {
  std::vector<std::string> names;
  for (const LearnerTarget& target : targets_) names.push_back(target.name);
  return names;
}

Json detail::OptionCodec<LearnerTargets>::to_json(const LearnerTargets& targets) {
  Json json = Json::array();
  for (const LearnerTarget& target : targets) {
    Json one{{"name", OptionCodec<std::string>::to_json(target.name)}};
    if (target.shape) one["shape"] = *target.shape;
    if (target.weight != 1) one["weight"] = target.weight;
    if (!target.unit.empty()) one["unit"] = OptionCodec<std::string>::to_json(target.unit);
    json.push_back(one.size() == 1 ? Json(one["name"]) : one);
  }
  return json;
}

void detail::OptionCodec<LearnerTargets>::read(const ConfigReader& reader, LearnerTargets& targets) {
  read_named_fields<LearnerTarget, WrittenTarget>(
      reader, targets, "a name, or an object with name, shape, weight, unit", [](WrittenTarget written) {
        return LearnerTarget(std::move(written.name), std::move(written.shape), written.weight,
                             std::move(written.unit));
      });
}

}  // namespace assay
