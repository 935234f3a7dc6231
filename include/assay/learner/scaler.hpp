// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/values.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace assay {

/// Standard deviation of each column of `data`, 0 where the column is constant: equal numbers leave a deviation of a
/// few roundings of their mean, which says nothing.
///
/// Shapes: data [n, ...], float64; the result [...].
torch::Tensor spread(const torch::Tensor& data);

/// What errors of a field's components are divided by, to be compared with those of other fields: the `spread` of each
/// over `data`, at least 1e-6 of the field's largest (below that a solver in single precision only rounds); of a
/// constant component the root mean square of the others', of a constant field 1.
///
/// Shapes: data [n, ...], float64; the result [...].
torch::Tensor error_scale(const torch::Tensor& data);

/// Standardises columns: z = (x - mean) / scale, with the mean and the standard deviation of each column of the data
/// it was fitted to. A column that is constant there to rounding keeps scale 1 as an input. As a target it has scale 0
/// and its value as mean, so that whatever a learner says, the prediction is that value and its deviation 0. Finite
/// data give a finite scale.
///
/// Shapes: data [n, k]; `mean` and `scale` [k]. Everything in float64 on the CPU: large offsets lose nothing.
struct Standardizer {
  torch::Tensor mean;
  torch::Tensor scale;

  static Standardizer fit(const torch::Tensor& data);
  /// For targets: fields side by side, of `columns` columns each. Constant columns get scale 0, others at least 1e-6 of
  /// their field's largest.
  static Standardizer fit_targets(const torch::Tensor& data, const std::vector<std::int64_t>& columns);
  /// Mean 0 and scale 1: changes nothing.
  static Standardizer identity(std::int64_t columns);
  /// What `save` wrote under `name`, for data of `columns` columns. Errors: `CheckpointError` for anything else.
  static Standardizer load(const Values& tensors, const std::string& name, std::int64_t columns);
  void save(Values& tensors, const std::string& name) const;

  /// Differences to the mean as they are where the scale is 0.
  torch::Tensor apply(const torch::Tensor& data) const { return (data - mean) / divisor(); }
  torch::Tensor invert(const torch::Tensor& data) const { return data * scale + mean; }
  /// The scale, 1 in place of 0.
  torch::Tensor divisor() const;
};

}  // namespace assay
