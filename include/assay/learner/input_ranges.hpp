// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/values.hpp>
#include <assay/json.hpp>
#include <assay/learner/learner_inputs.hpp>

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace assay {

/// Where labeled samples were: of each field the least and the largest of each number (of a field with more than 256,
/// of all its numbers together), of a category the indices that occur.
class InputRanges {
 public:
  /// \param batch of one or more samples.
  void learn(const LearnerInputs& inputs, const Values& batch);
  bool known() const noexcept { return !ranges_.empty(); }
  /// Which samples have a number outside, [n] of bool. Errors: `DataError` for a field that is missing, `ShapeError`
  /// for one of another shape.
  torch::Tensor outside(const Values& batch) const;

  /// Adds `low` and `high`, or `seen`, to the entries of the fields: as in
  /// `[{"name": "x", "shape": [], "low": [0.1], "high": [2.5]}]`.
  void write(Json& fields) const;
  /// From such entries; nothing is known where one has none.
  static InputRanges read(const Json& fields);

 private:
  struct Range {
    std::string name;
    std::vector<double> low, high;
    std::vector<std::int64_t> seen;
  };
  std::vector<Range> ranges_;
};

}  // namespace assay
