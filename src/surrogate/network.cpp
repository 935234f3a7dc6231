// SPDX-License-Identifier: Apache-2.0
#include "network.hpp"

#include "../learner/dense_kernels.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace assay::detail {

namespace {

template <class T>
struct Scratch {
  std::vector<T> input, even, odd, packed, slopes;
  std::vector<double> probabilities, logits;
};

template <class T>
Scratch<T>& scratch() {
  static thread_local Scratch<T> own;
  return own;
}

/// φ of count numbers in place.
template <class T>
void activate(SurrogateActivation activation, T* x, std::int64_t count) {
  const DenseKernels<T>& kernels = dense_kernels<T>();
  switch (activation) {
    case SurrogateActivation::silu: return kernels.apply(Elementwise::silu, x, count);
    case SurrogateActivation::relu: return kernels.apply(Elementwise::relu, x, count);
    case SurrogateActivation::tanh: return kernels.apply(Elementwise::tanh, x, count);
    case SurrogateActivation::gelu: break;
  }
  for (std::int64_t i = 0; i < count; ++i)
    x[i] = static_cast<T>(0.5 * x[i] * std::erfc(-static_cast<double>(x[i]) * 0.7071067811865476));
}

/// φ in place, and φ' into `slopes`.
template <class T>
void activate_with_slope(SurrogateActivation activation, T* x, T* slopes, std::int64_t count) {
  constexpr Elementwise functions[] = {Elementwise::silu, Elementwise::relu, Elementwise::tanh};
  if (activation != SurrogateActivation::gelu) {
    std::copy_n(x, count, slopes);
    return dense_kernels<T>().activate(functions[static_cast<int>(activation)], slopes, x, count);
  }
  for (std::int64_t i = 0; i < count; ++i) {
    const auto z = static_cast<double>(x[i]);
    const double below = 0.5 * std::erfc(-z * 0.7071067811865476);  // Φ(z)
    slopes[i] = static_cast<T>(below + z * 0.3989422804014327 * std::exp(-z * z / 2));
    x[i] = static_cast<T>(z * below);
  }
}

}  // namespace

template <class T>
SurrogateNetwork<T>::SurrogateNetwork(SurrogateNetworkShape shape, std::vector<SurrogateLayer<T>> layers)
    : shape_(shape), layers_(std::move(layers)) {
  for (const SurrogateLayer<T>& layer : layers_) {
    widest_ = std::max(widest_, layer.out);
    deepest_ = std::max(deepest_, layer.in);
  }
}

template <class T>
const T* SurrogateNetwork<T>::forward(std::int64_t member, std::int64_t count, const T* input, bool tangents) const {
  const DenseKernels<T>& kernels = dense_kernels<T>();
  const std::int64_t columns = shape_.inputs, rows = count * (tangents ? 1 + columns : 1);
  T* const halves[] = {at_least(scratch<T>().even, rows * widest_), at_least(scratch<T>().odd, rows * widest_)};
  T* const packed = at_least(scratch<T>().packed, deepest_ * kernels.panel);
  const T* from = input;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const SurrogateLayer<T>& layer = layers_[i];
    T* const to = halves[i % 2];
    const T* const weights = layer.weights.data() + member * layer.in * layer.out;
    const auto multiply = [&](const T* a, std::int64_t m, T* c, const T* bias) {
      kernels.product({.m = m,
                       .n = layer.out,
                       .k = layer.in,
                       .a = a,
                       .a_row = layer.in,
                       .a_step = 1,
                       .b = weights,
                       .b_step = layer.out,
                       .b_column = 1,
                       .c = c,
                       .c_row = layer.out,
                       .bias = bias},
                      packed);
    };
    multiply(from, count, to, layer.biases.data() + member * layer.out);
    T* const tangent = to + count * layer.out;
    const bool last = i + 1 == layers_.size();
    if (!tangents) {
      if (!last) activate(shape_.activation, to, count * layer.out);
    } else {
      if (i > 0) {
        multiply(from + count * layer.in, count * columns, tangent, nullptr);
      } else {  // the derivative by a column is that column's row of the weights
        for (std::int64_t point = 0; point < count; ++point)
          std::copy_n(weights, columns * layer.out, tangent + point * columns * layer.out);
      }
      if (!last) {
        T* const slopes = at_least(scratch<T>().slopes, count * layer.out);
        activate_with_slope(shape_.activation, to, slopes, count * layer.out);
        for (std::int64_t row = 0; row < count * columns; ++row)
          kernels.multiply(tangent + row * layer.out, slopes + row / columns * layer.out, layer.out);
      }
    }
    from = to;
  }
  return from;
}

template <class T>
void SurrogateNetwork<T>::predict(const SurrogateBlock& block) const {
  const std::int64_t numbers = block.count * shape_.outputs;
  T* const input = at_least(scratch<T>().input, block.count * shape_.inputs);
  for (std::int64_t i = 0; i < block.count * shape_.inputs; ++i) input[i] = static_cast<T>(block.columns[i]);
  std::fill_n(block.means, numbers, 0.0);
  if (block.variances) std::fill_n(block.variances, numbers, 0.0);
  if (block.jacobians) std::fill_n(block.jacobians, numbers * shape_.inputs, 0.0);
  for (std::int64_t member = 0; member < shape_.members; ++member) {
    const T* const rows = forward(member, block.count, input, block.jacobians != nullptr);
    shape_.classes > 0 ? add_classes(rows, block) : add_regression(member, rows, block);
  }
}

/// Mean and spread of the members, updated one by one; of a Gaussian, the mean of its own variances too.
template <class T>
void SurrogateNetwork<T>::add_regression(std::int64_t member, const T* rows, const SurrogateBlock& block) const {
  const std::int64_t width = layers_.back().out, outputs = shape_.outputs, columns = shape_.inputs;
  const auto members = static_cast<double>(shape_.members);
  const double share = 1 / static_cast<double>(member + 1);
  const double spread = member > 0 ? static_cast<double>(member) * share / (members - 1) : 0;
  const T* const tangents = rows + block.count * width;
  for (std::int64_t i = 0; i < block.count; ++i) {
    for (std::int64_t j = 0; j < outputs; ++j) {
      const double change = static_cast<double>(rows[i * width + j]) - block.means[i * outputs + j];
      block.means[i * outputs + j] += change * share;
      if (block.jacobians) {
        double* const slopes = block.jacobians + (i * outputs + j) * columns;
        for (std::int64_t column = 0; column < columns; ++column)
          slopes[column] += static_cast<double>(tangents[(i * columns + column) * width + j]) / members;
      }
      if (!block.variances) continue;
      double& variance = block.variances[i * outputs + j];
      variance += change * change * spread;
      if (shape_.gaussian) variance += std::exp(static_cast<double>(rows[i * width + outputs + j])) / members;
    }
  }
}

/// Probabilities from logits: of the two classes that share one, 1 - p and p.
template <class T>
void SurrogateNetwork<T>::add_classes(const T* rows, const SurrogateBlock& block) const {
  const std::int64_t width = layers_.back().out, classes = shape_.classes, columns = shape_.inputs;
  const auto members = static_cast<double>(shape_.members);
  double* const logits = at_least(scratch<T>().logits, classes);
  double* const p = at_least(scratch<T>().probabilities, classes);
  const T* const tangents = rows + block.count * width;
  for (std::int64_t i = 0; i < block.count; ++i) {
    const T* const row = rows + i * width;
    double largest = 0, sum = 0;  // logit 0 of the first where they share one
    for (std::int64_t c = 0; c < classes; ++c) {
      logits[c] = width == classes ? static_cast<double>(row[c]) : c == 0 ? 0.0 : static_cast<double>(row[c - 1]);
      largest = c == 0 ? logits[c] : std::max(largest, logits[c]);
    }
    for (std::int64_t c = 0; c < classes; ++c) sum += p[c] = std::exp(logits[c] - largest);
    for (std::int64_t c = 0; c < classes; ++c) block.means[i * classes + c] += (p[c] /= sum) / members;
    if (!block.jacobians) continue;
    for (std::int64_t column = 0; column < columns; ++column) {
      const T* const slopes = tangents + (i * columns + column) * width;
      const auto slope = [&](std::int64_t c) {
        return width == classes ? static_cast<double>(slopes[c]) : c == 0 ? 0.0 : static_cast<double>(slopes[c - 1]);
      };
      double mean = 0;
      for (std::int64_t c = 0; c < classes; ++c) mean += p[c] * slope(c);
      for (std::int64_t c = 0; c < classes; ++c)
        block.jacobians[(i * classes + c) * columns + column] += p[c] * (slope(c) - mean) / members;
    }
  }
}

template class SurrogateNetwork<float>;
template class SurrogateNetwork<double>;

}  // namespace assay::detail
