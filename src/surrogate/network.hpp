// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model.hpp"

#include <cstdint>
#include <vector>

namespace assay::detail {

enum class SurrogateActivation { silu, relu, tanh, gelu };

/// Weights of all members of one layer: [members, in, out] and [members, out], in C order.
template <class T>
struct SurrogateLayer {
  std::int64_t in = 0, out = 0;
  std::vector<T> weights, biases;
};

struct SurrogateNetworkShape {
  std::int64_t members = 1;
  std::int64_t inputs = 0, outputs = 0;  ///< columns, and numbers predicted: of a classification, its classes
  std::int64_t classes = 0;              ///< two share one logit
  bool gaussian = false;                 ///< the last layer has a logarithm of a variance for each output, too
  SurrogateActivation activation = SurrogateActivation::silu;
};

/// A dense network, or several: means over the members, with the spread among them.
template <class T>
class SurrogateNetwork final : public SurrogateModel {
 public:
  SurrogateNetwork(SurrogateNetworkShape shape, std::vector<SurrogateLayer<T>> layers);

  bool has_variance() const override { return shape_.classes == 0 && (shape_.members > 1 || shape_.gaussian); }
  void predict(const SurrogateBlock& block) const override;

 private:
  /// Rows [count, last layer] of one member; behind them, where tangents are asked for, those [count · inputs, last
  /// layer].
  const T* forward(std::int64_t member, std::int64_t count, const T* input, bool tangents) const;
  void add_regression(std::int64_t member, const T* rows, const SurrogateBlock& block) const;
  void add_classes(const T* rows, const SurrogateBlock& block) const;

  SurrogateNetworkShape shape_;
  std::vector<SurrogateLayer<T>> layers_;
  std::int64_t widest_ = 0, deepest_ = 0;
};

}  // namespace assay::detail
