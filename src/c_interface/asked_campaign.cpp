// SPDX-License-Identifier: Apache-2.0
#include "../config/completed.hpp"
#include "../config/learner_json.hpp"
#include "../detail/current_ledger.hpp"

#include <assay/data/schema.hpp>
#include <assay/detail/asked_campaign.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>
#include <assay/label/external_label.hpp>
#include <assay/ledger.hpp>
#include <assay/round_files.hpp>

#include <ATen/ops/tensor.h>
#include <c10/util/accumulate.h>

#include <algorithm>

namespace assay::detail {

namespace {

/// What the learner of a configuration predicts; nothing if it cannot be built, which `load_campaign` tells of.
std::vector<std::string> targets_of(const Json& configuration, const Registries& registries) {
  const auto learner = configuration.find("learner");
  if (learner == configuration.end()) return {};
  std::vector<ErrorParts> problems;
  const std::optional<AnyLearner> made = registries.learner.make(ConfigReader(*learner, "", problems, &registries));
  return made && problems.empty() ? made->targets() : std::vector<std::string>();
}

/// Whether the start of a campaign was cut off after its ledger was made and before its configuration had its pools:
/// nothing was computed, and the start can be repeated.
bool is_half_started(const std::filesystem::path& directory) {
  const Json kept = kept_configuration(directory);
  if (!kept.is_object() || kept.contains("pools")) return false;
  const std::filesystem::path ledger = current_ledger(directory);
  return Ledger::exists(ledger) && Ledger::open_read_only(ledger, objects_folder(directory)).counts().simulations == 0;
}

}  // namespace

AnyDriver start_asked_campaign(const std::filesystem::path& directory, const std::filesystem::path& config_file,
                               const Registries& registries) {
  return start_configured(directory, parse_json(read_file(config_file, longest_json), config_file.string()),
                          config_file.parent_path(), registries);
}

AnyDriver start_configured(const std::filesystem::path& directory, Json configuration,
                           const std::filesystem::path& folder, const Registries& registries) {
  configuration = with_category_names(with_absolute_paths(std::move(configuration), folder));
  if (configuration.is_object()) {
    Json& driver = configuration["driver"];
    if (driver.is_null()) driver = Json::object();
    if (driver.is_object()) {
      driver["dir"] = directory.string();
      if (is_half_started(directory)) driver["resume"] = OptionCodec<Resume>::to_json(Resume::if_present);
    }
    configuration = with_learner_resolved(std::move(configuration), registries);
    if (!configuration.contains("label"))
      configuration["label"] = {{"type", ExternalLabel::key}, {"provides", targets_of(configuration, registries)}};
  }
  return detail::load_campaign(configuration, registries, /*looks_around=*/true);
}

torch::Tensor told_target(const Schema& known, const std::string& name, torch::Tensor numbers) {
  const auto field = std::find_if(known.begin(), known.end(), [&](const Field& f) { return f.name == name; });
  if (field == known.end()) return numbers;
  if (c10::multiply_integers(field->shape) == numbers.numel()) numbers = numbers.reshape(field->shape);
  // A text is the nearest number there is; what is no class id is not made one.
  return c10::isFloatingType(field->dtype) ? numbers.to(field->dtype) : numbers;
}

Values told_labels(const AnyDriver& driver, std::span<const double> numbers) {
  const std::vector<std::string> targets = driver.learner().targets();
  const Schema known = driver.target_schema();
  std::vector<std::size_t> counts;
  std::string expected;
  std::size_t all = 0;
  for (const std::string& name : targets) {
    const auto field = std::find_if(known.begin(), known.end(), [&](const Field& f) { return f.name == name; });
    const std::size_t count = field != known.end()  ? static_cast<std::size_t>(c10::multiply_integers(field->shape))
                              : targets.size() == 1 ? std::max<std::size_t>(numbers.size(), 1)
                                                    : 1;
    counts.push_back(count);
    all += count;
    expected += (expected.empty() ? "" : ", then ") + std::to_string(count) + " of '" + name + "'";
  }
  if (numbers.size() != all) {
    throw ShapeError({"assay.label.count", "labels", std::to_string(all) + " numbers: " + expected,
                      std::to_string(numbers.size()) + " numbers",
                      known.size() < targets.size()
                          ? "before the first label nobody knows of a target with several numbers, unless it is "
                            "the only one: declare its shape in the configuration, \"targets\": [{\"name\": \"" +
                                targets.back() + "\", \"shape\": [" + std::to_string(numbers.size()) + "]}]"
                          : "as the labels so far have them, or as declared"});
  }
  Values labels;
  auto next = numbers.begin();
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const std::vector<double> part(next, next + static_cast<std::ptrdiff_t>(counts[i]));
    next += static_cast<std::ptrdiff_t>(counts[i]);
    const torch::Tensor tensor = at::tensor(part, torch::kFloat64);
    labels.set(targets[i], told_target(known, targets[i], part.size() == 1 ? tensor.reshape({}) : tensor));
  }
  return labels;
}

}  // namespace assay::detail
