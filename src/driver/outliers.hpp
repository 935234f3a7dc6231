// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/sample.hpp>

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace assay::detail {

/// How far numbers of one target usually lie from each other.
struct UsualNumbers {
  double median = 0;
  double spread = 0;  ///< about one standard deviation of the bulk of them
};

/// Median and 1.4826 times the median of the distances to it (the standard deviation of normal numbers), or the size of
/// the median where more than half of the numbers are equal. Nothing for fewer than eight numbers, or where more than
/// half are zero: then nobody knows what is large.
std::optional<UsualNumbers> usual_numbers(std::vector<double> numbers);

/// How many spreads from the median a number is taken for a fill value, or for a solution that has diverged.
inline constexpr double far_away = 1000;

/// In words which labels hold numbers that are `far_away` from those of all samples, these and `earlier` ones.
/// \param earlier a batch; may be empty.
std::vector<std::string> outliers_among(std::span<const Sample> samples, const Values& earlier,
                                        const std::vector<std::string>& targets);

}  // namespace assay::detail
