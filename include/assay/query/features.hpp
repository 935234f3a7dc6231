// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/learner/capability.hpp>
#include <assay/learner/gradients.hpp>
#include <assay/options.hpp>
#include <assay/query/context.hpp>

#include <torch/types.h>

#include <array>
#include <cstdint>

namespace assay {

/// What the features of a candidate are made from.
enum class FeatureBase {
  inputs,         ///< the learner's input fields, standardised over the labeled samples
  embeddings,     ///< the representation before the last layer
  last_layer,     ///< the gradient of the outputs with respect to the last layer's parameters
  gradients,      ///< the gradient with respect to all layers, sketched
  loss_gradients  ///< classifiers: of the loss with the most probable class as label, with respect to the last weights
};

/// What the strategies that work on features compare candidates by.
struct FeatureOptions {
  FeatureBase of = FeatureBase::gradients;
  std::int64_t sketch = 512;
  std::int64_t outputs = 8;
  bool unit_length = false;
  bool posterior = false;
  double sigma = 0.1;

  static constexpr std::array describe{
      OptionInfo{.name = "of", .help = "what features are made from"},
      OptionInfo{.name = "sketch", .help = "random projections of gradients; 0: the gradients themselves", .min = 0},
      OptionInfo{.name = "outputs", .help = "more outputs than this: so many random combinations of them", .min = 1},
      OptionInfo{.name = "unit_length", .help = "every row divided by its length"},
      OptionInfo{.name = "posterior", .help = "inner products become covariances given the labeled samples"},
      OptionInfo{
          .name = "sigma", .help = "noise of a label for that, features having length one on average", .min = 1e-6},
  };
};

/// What these features ask of a learner.
CapabilitySet requirements_of(const FeatureOptions& options);

/// Features of candidates [n, d] and labeled samples [m, d], float32 or float64 on the CPU.
struct FeaturePair {
  torch::Tensor unlabeled;
  torch::Tensor labeled;
};

/// Features of a round's candidates and labeled samples, scaled so that the labeled ones (without any, the candidates)
/// have a mean squared length of one.
///
/// With `posterior`:  φ(x) C⁻ᵀ,  C Cᵀ = I + ΦᵀΦ/σ²,  so that inner products are σ⁻² times the posterior covariance that
/// Bayesian linear regression on φ has after the labeled samples, up to its scale.
/// Cost: a forward pass over both (gradients: and a backward pass); posterior: (n + m) d² + d³.
/// Source: Holzmüller et al. 2023, JMLR 24(164), sections 3.1 and 3.2 (base kernels, scaling, posterior, sketching);
/// Ash et al. 2020, "Deep batch active learning by diverse, uncertain gradient lower bounds", for `loss_gradients`.
FeaturePair make_features(const QueryContext& context, const FeatureOptions& options);

}  // namespace assay
