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
/// outer product of (`weight` · row i of `input`, `bias`) and row i of `output`.
///
/// Shapes: `input` [n, in], the layer's input; `output` [n, r · out], the gradients of r (combinations of) outputs with
/// respect to the layer's result, side by side.
struct LayerGradient {
  torch::Tensor input;
  torch::Tensor output;
  double weight = 1;
  double bias = 0;  ///< 0: a layer without one
};
using LayerGradients = std::vector<LayerGradient>;

/// The combinations of outputs whose gradients are taken: all of them, or random ones if there are more than
/// `options.outputs`, such that inner products keep their expectation, the sum over all outputs.
///
/// Shapes: [outputs, r] float64 on the CPU; standard normal entries over √r. `weights` [outputs] float64 of the outputs
/// in that sum, undefined for ones. Source: the open question of Holzmüller et al. 2023, JMLR 24(164), section 7, on
/// several outputs.
torch::Tensor output_directions(std::int64_t outputs, const GradientOptions& options,
                                const torch::Tensor& weights = {});

/// Inner products of the samples' gradients in `a` [n] with those in `b` [m], exact, [n, m]:
/// Σ_layers (weight² A Aᵀ + bias²) ∘ (B Bᵀ).
torch::Tensor gradient_inner_products(const LayerGradients& a, const LayerGradients& b);

/// Features whose inner products are those of the gradients in expectation, without the gradients ever being formed:
///
///     φ(x) = 1/√m Σ_layers (R₁ᵀ a) ∘ (R₂ᵀ b),   R₁, R₂ of random signs, drawn for each layer
///
/// with a the input's row and b the output's. Signs are drawn when a layer is first seen and kept, for samples that
/// come block after block.
///
/// Cost: two products n × width × sketch a layer. Memory: the signs, and 3 · n · sketch numbers.
/// The standard deviation of an inner product is at most 3 |φ(x)| |φ(y)| √layers / √m.
/// Source: Holzmüller, Zaverkin, Kästner and Steinwart 2023, "A framework and benchmark for deep batch active learning
/// for regression", JMLR 24(164), section 3.2.3 (sketching of products and sums); signs in place of normal numbers,
/// whose fourth moment is smaller.
class GradientSketch {
 public:
  /// \param size features of a sample, at least 1.
  GradientSketch(std::int64_t size, std::uint64_t seed) : size_(size), seed_(seed) {}
  /// \return [n, size]. The layers' widths, types and devices are the same in every call.
  torch::Tensor features(const LayerGradients& layers);

 private:
  struct Signs {
    torch::Tensor input, bias, output;  // [in, size], [1, size] times the bias, [r · out, size]
  };
  const Signs& signs_of(std::size_t layer, const LayerGradient& gradient);

  std::int64_t size_;
  std::uint64_t seed_;
  std::vector<Signs> signs_;
};

/// Features whose inner products are those of the gradients: a `GradientSketch`, or exact with `sketch` 0.
///
/// Shapes: [n, sketch], or [n, number of parameters · r].
/// Errors: `ConfigError` `assay.features.size` for more than 65,536 exact features.
torch::Tensor gradient_features(const LayerGradients& layers, const GradientOptions& options);

}  // namespace assay
