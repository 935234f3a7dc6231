// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "../learner/dense_kernels.hpp"

#include <assay/surrogate.hpp>

#include <variant>

namespace assay::detail {

/// In which form the network takes a field of a point.
struct SurrogateForm {
  std::int64_t numbers = 1;
  bool log = false;
  std::int64_t categories = 0;  ///< over 0: a number is the index of one of so many, each a column of its own
};

/// z = (x - mean) / scale, or back.
struct SurrogateScale {
  std::vector<double> mean, scale;
};

/// How a component of the targets is inverted after the network's own scale.
struct SurrogateInverse {
  bool exponential = false;
  double factor = 1, shift = 0;  ///< y = factor · z + shift, where it is not exponential
};

enum class SurrogateActivation { silu, relu, tanh, gelu };

/// Weights of all members of one layer: [members, in, out] and [members, out], in C order.
template <class T>
struct SurrogateLayer {
  std::int64_t in = 0, out = 0;
  std::vector<T> weights, biases;
};

template <class T>
using SurrogateLayers = std::vector<SurrogateLayer<T>>;

/// What the files of an exported network hold.
class SurrogateNet {
 public:
  explicit SurrogateNet(const std::filesystem::path& directory);

  std::vector<Surrogate::Field> inputs, targets;
  std::int64_t input_size = 0, target_size = 0;
  std::int64_t members = 1;
  bool gaussian = false;
  bool has_deviation() const { return members > 1 || gaussian; }

  void predict(std::int64_t count, const double* points, double* means, double* deviations) const;

 private:
  template <class T>
  void predict_block(const SurrogateLayers<T>& layers, std::int64_t count, const double* points, double* means,
                     double* deviations) const;
  /// Points as the network takes them, before they are scaled: [count, columns_].
  void form(std::int64_t count, const double* points, double* columns) const;
  /// From the network's own units, with the variance in place of the deviation, to those of the targets.
  void invert(std::int64_t count, double* means, double* variances) const;

  std::vector<SurrogateForm> forms_;  // one a field
  bool formed_ = false;               // whether any is more than the numbers themselves
  std::int64_t columns_ = 0;
  SurrogateActivation activation_ = SurrogateActivation::silu;
  SurrogateScale x_, y_;
  std::vector<SurrogateInverse> inverse_;  // one a component
  std::variant<SurrogateLayers<float>, SurrogateLayers<double>> layers_;
};

}  // namespace assay::detail
