// SPDX-License-Identifier: Apache-2.0
#include <assay/data/schema.hpp>
#include <assay/detail/asked_campaign.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>
#include <assay/label/external_label.hpp>

#include <ATen/ops/tensor.h>

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

}  // namespace

AnyDriver start_asked_campaign(const std::filesystem::path& directory, const std::filesystem::path& config_file,
                               const Registries& registries) {
  Json configuration = parse_json(read_file(config_file, longest_json), config_file.string());
  if (configuration.is_object()) {
    Json& driver = configuration["driver"];
    if (driver.is_null()) driver = Json::object();
    if (driver.is_object()) driver["dir"] = directory.string();
    if (!configuration.contains("label"))
      configuration["label"] = {{"type", ExternalLabel::key}, {"provides", targets_of(configuration, registries)}};
  }
  return assay::load_campaign(configuration, registries);
}

torch::Tensor told_target(const AnyDriver& driver, const std::string& name, torch::Tensor numbers) {
  if (driver.labeled().empty()) return numbers;
  const torch::Tensor known = driver.labeled().column(name);
  std::vector<std::int64_t> shape(known.sizes().begin() + 1, known.sizes().end());
  if (known.numel() / known.size(0) == numbers.numel()) numbers = numbers.reshape(shape);
  return numbers.to(known.scalar_type());
}

Values told_labels(const AnyDriver& driver, std::span<const double> numbers) {
  const std::vector<std::string> targets = driver.learner().targets();
  Values labels;
  std::size_t next = 0;
  for (const std::string& name : targets) {
    const bool known = !driver.labeled().empty();
    std::size_t count = targets.size() == 1 ? numbers.size() : 1;
    if (known) {
      const torch::Tensor column = driver.labeled().column(name);
      count = static_cast<std::size_t>(column.numel() / column.size(0));
    }
    if (next + count > numbers.size()) {
      next += count;
      break;
    }
    const std::vector<double> part(numbers.begin() + static_cast<std::ptrdiff_t>(next),
                                   numbers.begin() + static_cast<std::ptrdiff_t>(next + count));
    const torch::Tensor tensor = at::tensor(part, torch::kFloat64);
    labels.set(name, told_target(driver, name, part.size() == 1 ? tensor.reshape({}) : tensor));
    next += count;
  }
  if (next != numbers.size() || labels.size() != targets.size()) {
    throw ShapeError({"assay.label.count", "labels", "the numbers of all targets, one behind the other",
                      std::to_string(numbers.size()) + " numbers", ""});
  }
  return labels;
}

}  // namespace assay::detail
