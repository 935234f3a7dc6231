// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/detail/dense_net.hpp>

#include <array>
#include <vector>

namespace assay::detail {

/// Forward and backward passes of a dense network without autograd, in memory that is kept from batch to batch.
///
/// Backward, with δ = ∂loss/∂(output of the layer before its activation), h the layer's input and φ the activation:
///
///     ∂W = hᵀ δ,  ∂b = Σ_samples δ,  δ of the layer before = (δ Wᵀ) ∘ φ'
///
/// On the CPU products run in `DenseKernels`, but for very wide layers; those, and all on a device, in the tensor
/// library. Which, depends on the sizes alone. Cost: no allocation after the first batch of a size (two sizes are kept:
/// an epoch has whole batches and a last one).
class DenseGradients {
 public:
  explicit DenseGradients(const DenseNet& net);

  /// Whether `net` still has the parameters this was made for.
  bool belongs_to(const DenseNet& net) const { return memory_.is_same(net.memory()); }

  /// The outputs for x [n, inputs]: [n, outputs], or [members, n, outputs]. Valid until the next call.
  const torch::Tensor& forward(const torch::Tensor& x);
  /// Shaped as the outputs: takes the derivative of the loss by them before `backward`.
  torch::Tensor& output_gradient() { return tape_->layers.back().delta; }
  /// Leaves the gradients of the last `forward` in the parameters.
  void backward();

 private:
  struct Layer {
    torch::Tensor before;  // the activation; with a kernel, its derivative once the layer has been computed
    torch::Tensor after;
    torch::Tensor delta;
  };
  struct Tape {
    std::int64_t rows = -1;
    std::vector<Layer> layers;
    torch::Tensor ones;  // [rows], on a device
  };

  Tape& tape_for(std::int64_t rows);
  /// Whether the activation is one of `DenseKernels`, which leaves its derivative for the way back.
  bool has_kernel() const;
  void activate(Layer& layer) const;
  void activate_backward(Layer& layer) const;
  /// c = a · b (+ bias); transposed: aᵀ or bᵀ.
  void product(const torch::Tensor& a, bool transpose_a, const torch::Tensor& b, bool transpose_b, torch::Tensor& c,
               const torch::Tensor& bias = {});
  template <class T>
  void cpu_product(const torch::Tensor& a, bool transpose_a, const torch::Tensor& b, bool transpose_b, torch::Tensor& c,
                   const torch::Tensor& bias);
  void column_sums(const torch::Tensor& x, torch::Tensor& sums) const;

  Activation activation_;
  DenseShape shape_;
  torch::Tensor memory_;
  std::vector<torch::Tensor> leaves_;      // as the optimizer knows them
  std::vector<torch::Tensor> parameters_;  // the same memory, out of autograd's sight
  std::vector<torch::Tensor> gradients_;
  torch::Tensor packed_;  // panels of the products on the CPU, one for each thread
  torch::Tensor input_;
  std::array<Tape, 2> tapes_;
  Tape* tape_ = nullptr;
};

}  // namespace assay::detail
