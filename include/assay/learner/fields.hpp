// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/schema.hpp>
#include <assay/data/values.hpp>
#include <assay/json.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace assay {

/// Named fields of samples, each flattened, side by side: the columns that a network reads or writes.
///
/// Shapes: a batch of n samples becomes [n, width] float64 on the CPU. The fields' own shapes, any at all, are learnt
/// from the first batch and checked on every later one.
class Fields {
 public:
  /// Errors: `ConfigError` for no names, or a name that stands twice. \param role "inputs" or "targets".
  Fields(std::string role, std::vector<std::string> names);

  const std::vector<std::string>& names() const noexcept { return names_; }
  bool known() const noexcept { return !schema_.empty(); }
  /// Number of columns. Errors: `TrainingError` `assay.learner.untrained` while the shapes are unknown.
  std::int64_t width() const;
  const Schema& schema() const noexcept { return schema_; }

  /// Learns the shapes. Errors: `ShapeError` if others were learnt before.
  void learn(const Values& batch);
  /// Errors: `DataError` for a missing field, `ShapeError` for one of another shape than learnt.
  void require_shapes(const Values& batch) const;
  /// Errors: as `require_shapes`.
  torch::Tensor flatten(const Values& batch) const;
  /// The inverse: each field [n, shape...]; `columns` [n, width].
  Values unflatten(const torch::Tensor& columns) const;

  /// Names and shapes, as in `[{"name": "stress", "shape": [64]}]`.
  Json to_json() const;
  /// Errors: `CheckpointError` if the names are not these fields' names.
  void load(const Json& json);

 private:
  std::string role_;
  std::vector<std::string> names_;
  Schema schema_;  // empty until learnt
};

}  // namespace assay
