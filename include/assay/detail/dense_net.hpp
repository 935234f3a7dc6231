// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/values.hpp>
#include <assay/learner/scaler.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace assay::detail {

class BlockForward;

/// Sizes of a fully connected network. With `members` = 0 it is one network; else that many side by side.
struct DenseShape {
  std::int64_t inputs = 0;
  std::vector<std::int64_t> hidden;
  std::int64_t outputs = 0;
  std::int64_t members = 0;

  bool operator==(const DenseShape&) const = default;
};

/// Shapes of the parameters, weight and bias of each layer in turn.
std::vector<std::vector<std::int64_t>> parameter_shapes(const DenseShape& shape);
/// A tensor of each shape, one behind the other in `memory` [n].
std::vector<torch::Tensor> views_of(const torch::Tensor& memory, const std::vector<std::vector<std::int64_t>>& shapes);

/// Largest number of parameters of a network or an ensemble: 8 GiB in single precision.
constexpr std::int64_t most_parameters = std::int64_t{1} << 31;

/// The elementwise function between two layers.
enum class Activation { silu, relu, gelu, tanh };
/// Errors: `ConfigError` for another name than those above.
Activation activation_of(const std::string& name);
torch::Tensor activate(Activation activation, const torch::Tensor& x);
/// Multiplies `gradient` by the activation's derivative, in place. \param before what came in. \param after what went
/// out.
void activate_backward_(Activation activation, torch::Tensor& gradient, const torch::Tensor& before,
                        const torch::Tensor& after);

/// A fully connected network, or an ensemble of them with stacked parameters computed in one pass: each layer is
/// y = x W + b.
///
/// Shapes: W [in, out], b [out]; stacked W [members, in, out], b [members, 1, out]. All parameters lie one behind the
/// other in one piece of memory, so that an optimizer can update them as one tensor. Calls directly into the tensor
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
  /// The same as float64 on the CPU, without gradients: out of a recorded graph where the device allows it.
  torch::Tensor outputs(const torch::Tensor& x) const;
  /// The input of the last layer: [n, width], or [members, n, width].
  torch::Tensor before_last(const torch::Tensor& x) const;

  /// Changes the first layer so that inputs scaled by `now` give what inputs scaled by `before` gave.
  void rescale_inputs(const Standardizer& before, const Standardizer& now);
  /// Changes the last layer so that it gives factor · y + shift in place of y. Shapes: both [outputs], float64.
  void rescale_outputs(const torch::Tensor& factor, const torch::Tensor& shift);
  /// Draws weights and biases of outputs `columns` ([m] int64) anew, as `reset` does.
  void redraw_outputs(const torch::Tensor& columns, std::uint64_t seed);

  /// Weight and bias of each layer in turn, the same tensors until `build` or `to` makes others.
  std::vector<torch::Tensor> parameters() const;
  /// The memory of all parameters, [number of parameters], without a gradient.
  const torch::Tensor& memory() const noexcept { return memory_; }
  Activation activation() const noexcept { return activation_; }
  torch::Device device() const noexcept { return device_; }
  torch::Dtype dtype() const noexcept { return dtype_; }
  void to(torch::Device device, torch::Dtype dtype);

  /// Adds "weight/0", "bias/0", … as copies on the CPU.
  void save(Values& tensors) const;
  /// Errors: `CheckpointError` for a tensor that does not fit `shape`.
  void load(const Values& tensors, const DenseShape& shape);

 private:
  torch::Tensor layer(std::size_t index, const torch::Tensor& x) const;
  /// Makes the parameters views of `memory`.
  void bind(torch::Tensor memory);

  Activation activation_;
  DenseShape shape_;
  torch::Device device_ = torch::kCPU;
  torch::Dtype dtype_ = torch::kFloat32;
  torch::Tensor memory_;
  std::vector<torch::Tensor> weights_;
  std::vector<torch::Tensor> biases_;
  std::shared_ptr<BlockForward> blocks_;  // for this memory
};

}  // namespace assay::detail
