// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/values.hpp>

#include <cstdint>
#include <string>

namespace assay {

/// Standard deviation of each column of `data`, 0 where the column is constant: equal numbers leave a deviation of a
/// few roundings of their mean, which says nothing.
///
/// Shapes: data [n, ...], float64; the result [...].
torch::Tensor spread(const torch::Tensor& data);

/// Standardises columns: z = (x - mean) / scale, with the mean and the standard deviation of each column of the data
/// it was fitted to. A column that is constant there to rounding keeps scale 1. Finite data give a finite, positive
/// scale.
///
/// Shapes: data [n, k]; `mean` and `scale` [k]. Everything in float64 on the CPU: large offsets lose nothing.
struct Standardizer {
  torch::Tensor mean;
  torch::Tensor scale;

  static Standardizer fit(const torch::Tensor& data);
  /// Mean 0 and scale 1: changes nothing.
  static Standardizer identity(std::int64_t columns);
  /// What `save` wrote under `name`, for data of `columns` columns. Errors: `CheckpointError` for anything else.
  static Standardizer load(const Values& tensors, const std::string& name, std::int64_t columns);
  void save(Values& tensors, const std::string& name) const;

  torch::Tensor apply(const torch::Tensor& data) const { return (data - mean) / scale; }
  torch::Tensor invert(const torch::Tensor& data) const { return data * scale + mean; }
};

}  // namespace assay
