// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/schema.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

/// What the labels of one target must be for a learner to be able to learn them. It follows from the learner's options
/// alone: a driver asks for it once, when a campaign opens, so that judging a label races with no training.
struct TargetRule {
  std::string target;
  std::int64_t classes = 0;                                       ///< over 0: one whole number in [0, classes) a sample
  std::optional<double> above = std::nullopt;                     ///< every number is greater, as a logarithm needs it
  std::optional<std::vector<std::int64_t>> shape = std::nullopt;  ///< of one label, where it was declared
  /// How much the field counts beside others; nothing: as much as it has components (campaigns begun before fields had
  /// weights).
  std::optional<double> weight = 1;

  bool operator==(const TargetRule&) const = default;
};

/// What one of a field's components counts beside those of other fields. \param components of the field.
double component_weight(const std::vector<TargetRule>& rules, std::string_view target, std::int64_t components);

/// Σ wⱼ xⱼ / Σ wⱼ over the last dimension; the plain mean where all weights are equal.
/// Shapes: x [..., k]; weights k numbers.
torch::Tensor weighted_mean(const torch::Tensor& x, const std::vector<double>& weights);

/// Throws `ShapeError` `assay.label.shape` for a label of another shape than was declared. \param labels of one sample.
void require_declared(const Schema& labels, const std::vector<TargetRule>& rules, std::string_view where);
/// Fields of the targets whose shape was declared, floating-point ones.
Schema declared_targets(const std::vector<TargetRule>& rules);

/// Numbers of labels may be this large at most: squares of their differences, of which deviations and variances are
/// made, are finite in double precision.
inline constexpr double largest_label = 1e150;

/// Throws `DataError` for targets that a learner with these rules can never learn: `assay.label.class` for a class id
/// that is no whole number or outside its range, `assay.label.domain` for a number outside the domain of a transform,
/// `assay.label.range` for one over `largest_label` in magnitude.
/// \param targets of one sample, or of a batch. \param where names them in the message.
void require_learnable(const Values& targets, const std::vector<TargetRule>& rules, std::string_view where);

/// Labels as they are kept: where nothing is lost by it, in the dtype of the labels before them (`known`, empty before
/// the first), and whole numbers of a regression as floating-point ones. Others are left as they came.
Values in_known_dtypes(const Values& labels, const Schema& known, const std::vector<TargetRule>& rules);

}  // namespace assay
