// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/learner/fields.hpp>
#include <assay/learner/input_ranges.hpp>
#include <assay/learner/learner_inputs.hpp>

namespace assay {

/// The input fields of a batch side by side, each flattened and in its form: logarithms, and categories' indices as one
/// column for each value.
///
/// Shapes: a batch of n samples gives [n, width] float64 on the CPU; a number that is a category of K values, K
/// columns. Errors: `DataError` for a missing field; `assay.learner.log` for a number without a logarithm;
/// `assay.learner.category` for one that is no category's index.
torch::Tensor input_columns(const LearnerInputs& inputs, const Values& batch);

/// The columns that a learner reads: `input_columns` of fields whose shapes are learnt from the first batch and checked
/// on every later one.
class InputColumns {
 public:
  /// Errors: `ConfigError` for no fields, or one that stands twice.
  explicit InputColumns(LearnerInputs inputs) : inputs_(std::move(inputs)), fields_("inputs", inputs_.names()) {}

  const std::vector<std::string>& names() const noexcept { return fields_.names(); }
  bool known() const noexcept { return fields_.known(); }
  /// Number of columns. Errors: as `Fields::width`.
  std::int64_t width() const;
  /// Learns the shapes, and what the batch spans. Errors: as `Fields::learn`, and those of `input_columns`.
  void learn(const Values& batch);
  /// Errors: as `Fields::flatten` and `input_columns`.
  torch::Tensor of(const Values& batch) const;
  /// The same, of shapes that may not be known yet and are not checked.
  torch::Tensor unchecked(const Values& batch) const { return input_columns(inputs_, batch); }

  /// Names, shapes, forms and ranges, as in
  /// `[{"name": "reynolds", "shape": [], "scale": "log", "low": [1e3], "high": [2e6]}]`.
  Json to_json() const;
  /// Errors: `CheckpointError` if names or forms are not those of these columns.
  void load(const Json& json);

 private:
  LearnerInputs inputs_;
  Fields fields_;
  InputRanges ranges_;
};

}  // namespace assay
