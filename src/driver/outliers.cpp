// SPDX-License-Identifier: Apache-2.0
#include "outliers.hpp"

#include <assay/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace assay::detail {

namespace {

/// Of more numbers than this, evenly spaced ones are looked at.
constexpr std::size_t enough = 1 << 20;

double median_of(std::vector<double>& numbers) {
  const auto middle = numbers.begin() + static_cast<std::ptrdiff_t>(numbers.size() / 2);
  std::nth_element(numbers.begin(), middle, numbers.end());
  return *middle;
}

}  // namespace

std::optional<UsualNumbers> usual_numbers(std::vector<double> numbers) {
  if (numbers.size() < 8) return std::nullopt;
  if (numbers.size() > enough) {
    const std::size_t step = numbers.size() / enough;
    for (std::size_t i = 0; i < enough; ++i) numbers[i] = numbers[i * step];
    numbers.resize(enough);
  }
  UsualNumbers usual{.median = median_of(numbers)};
  for (double& number : numbers) number = std::abs(number - usual.median);
  usual.spread = 1.4826 * median_of(numbers);
  if (usual.spread == 0) usual.spread = std::abs(usual.median);
  if (usual.spread == 0) return std::nullopt;
  return usual;
}

std::vector<std::string> outliers_among(std::span<const Sample> samples, const Values& earlier,
                                        const std::vector<std::string>& targets) {
  std::vector<std::string> found;
  for (const std::string& target : targets) {
    std::vector<double> all = earlier.contains(target) ? earlier.numbers(target) : std::vector<double>();
    std::vector<std::vector<double>> of_samples;
    for (const Sample& sample : samples) {
      if (!sample.values.at(target).is_floating_point()) break;
      of_samples.push_back(sample.values.numbers(target));
      all.insert(all.end(), of_samples.back().begin(), of_samples.back().end());
    }
    const std::optional<UsualNumbers> usual = usual_numbers(std::move(all));
    if (!usual) continue;
    for (std::size_t i = 0; i < of_samples.size(); ++i) {
      const auto far = std::find_if(of_samples[i].begin(), of_samples[i].end(), [&](double number) {
        return std::abs(number - usual->median) > far_away * usual->spread;
      });
      if (far == of_samples[i].end()) continue;
      found.push_back("sample " + std::to_string(samples[i].id) + ": " + target + " is " + Json(*far).dump() +
                      ", over 1000 times farther from the median of all labels, " + Json(usual->median).dump() +
                      ", than labels usually lie, " + Json(usual->spread).dump());
    }
  }
  return found;
}

}  // namespace assay::detail
