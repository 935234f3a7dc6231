// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace assay {

enum class GradientLayers { all, last };

/// Which gradients features stand for, and how they are made small.
struct GradientOptions {
  GradientLayers layers = GradientLayers::all;
  std::int64_t sketch = 512;  ///< features; 0: the gradients themselves, where they are small
  std::int64_t outputs = 8;   ///< learners with more outputs: so many random combinations of them
  bool by_width = true;       ///< each layer's input divided by the root of its width: the NTK parametrisation
  std::uint64_t seed = 0;     ///< of sketch and combinations
};

/// A linear layer's part of the gradients of a batch: the gradient of sample i with respect to weights and bias is the
/// outer product of the rows i of `input` and `output`.
///
/// Shapes: `input` [n, in + 1], the layer's input and a one for the bias; `output` [n, r · out], the gradients of r
/// (combinations of) outputs with respect to the layer's result, side by side.
struct LayerGradient {
  torch::Tensor input;
  torch::Tensor output;
};
using LayerGradients = std::vector<LayerGradient>;

/// The combinations of outputs whose gradients are taken: all of them, or random ones if there are more than
/// `options.outputs`, such that inner products keep their expectation, the sum over all outputs.
///
/// Shapes: [outputs, r] float64 on the CPU; standard normal entries over √r.
/// Source: the open question of Holzmüller et al. 2023, JMLR 24(164), section 7, on several outputs.
torch::Tensor output_directions(std::int64_t outputs, const GradientOptions& options);

/// Inner products of the samples' gradients in `a` [n] with those in `b` [m], exact: Σ_layers (A Aᵀ) ∘ (B Bᵀ), [n, m].
torch::Tensor gradient_inner_products(const LayerGradients& a, const LayerGradients& b);

/// Features whose inner products are those of the gradients: exact with `sketch` 0, else in expectation, without the
/// gradients ever being formed:
///
///     φ(x) = 1/√m Σ_layers (R₁ᵀ a) ∘ (R₂ᵀ b),   R₁, R₂ of random signs, drawn for each layer
///
/// Shapes: [n, sketch], or [n, number of parameters · r]. Cost: two products n × width × sketch a layer.
/// The standard deviation of an inner product is at most 3 |φ(x)| |φ(y)| √layers / √m.
/// Errors: `ConfigError` `assay.features.size` for more than 65,536 exact features.
/// Source: Holzmüller, Zaverkin, Kästner and Steinwart 2023, "A framework and benchmark for deep batch active learning
/// for regression", JMLR 24(164), section 3.2.3 (sketching of products and sums); signs in place of normal numbers,
/// whose fourth moment is smaller.
torch::Tensor gradient_features(const LayerGradients& layers, const GradientOptions& options);

}  // namespace assay
