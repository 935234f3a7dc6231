// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/values.hpp>
#include <assay/learner/scaler.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace assay::detail {

/// Sizes of a fully connected network. With `members` = 0 it is one network; else that many side by side.
struct DenseShape {
  std::int64_t inputs = 0;
  std::vector<std::int64_t> hidden;
  std::int64_t outputs = 0;
  std::int64_t members = 0;

  bool operator==(const DenseShape&) const = default;
};

/// Largest number of parameters of a network or an ensemble: 8 GiB in single precision.
constexpr std::int64_t most_parameters = std::int64_t{1} << 31;

/// An elementwise function by name: "silu", "relu", "gelu" or "tanh".
using Activation = torch::Tensor (*)(const torch::Tensor&);
/// Errors: `ConfigError` for another name.
Activation activation_of(const std::string& name);

/// A fully connected network, or an ensemble of them with stacked parameters computed in one pass: each layer is
/// y = x W + b.
///
/// Shapes: W [in, out], b [out]; stacked W [members, in, out], b [members, 1, out]. Calls directly into the tensor
/// library's matrix products: a module's bookkeeping would cost as much as a small layer.
class DenseNet {
 public:
  explicit DenseNet(Activation activation) : activation_(activation) {}
  DenseNet(const DenseNet& other);
  DenseNet(DenseNet&&) noexcept = default;
  DenseNet& operator=(const DenseNet& other) { return *this = DenseNet(other); }
  DenseNet& operator=(DenseNet&&) noexcept = default;
  ~DenseNet() = default;

  bool built() const noexcept { return !weights_.empty(); }
  const DenseShape& shape() const noexcept { return shape_; }
  /// Makes layers of zeros; keeps them if they have the shape already.
  /// Errors: `ConfigError` `assay.learner.size` for more than `most_parameters`.
  void build(const DenseShape& shape);
  /// Uniform in ±1/√in for weights and biases, each member from a generator of its own, the same in every dtype.
  void reset(std::uint64_t seed);

  /// [n, inputs] → [n, outputs], or [members, n, outputs].
  torch::Tensor forward(const torch::Tensor& x) const;
  /// The input of the last layer: [n, width], or [members, n, width].
  torch::Tensor before_last(const torch::Tensor& x) const;

  /// Changes the first layer so that inputs scaled by `now` give what inputs scaled by `before` gave.
  void rescale_inputs(const Standardizer& before, const Standardizer& now);
  /// Changes the last layer so that outputs unscaled by `now` are what outputs unscaled by `before` were.
  void rescale_outputs(const Standardizer& before, const Standardizer& now);

  std::vector<torch::Tensor> parameters() const;
  torch::Device device() const noexcept { return device_; }
  torch::Dtype dtype() const noexcept { return dtype_; }
  void to(torch::Device device, torch::Dtype dtype);

  /// Adds "weight/0", "bias/0", … as copies on the CPU.
  void save(Values& tensors) const;
  /// Errors: `CheckpointError` for a tensor that does not fit `shape`.
  void load(const Values& tensors, const DenseShape& shape);

 private:
  torch::Tensor layer(std::size_t index, const torch::Tensor& x) const;

  Activation activation_;
  DenseShape shape_;
  torch::Device device_ = torch::kCPU;
  torch::Dtype dtype_ = torch::kFloat32;
  std::vector<torch::Tensor> weights_;
  std::vector<torch::Tensor> biases_;
};

}  // namespace assay::detail
