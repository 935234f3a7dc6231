// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

namespace assay {

/// \name Losses: the mean over a batch of each sample's own loss, times its weight
///
/// Shapes: `output` [n, ...], `target` as stated, `weights` [n] or undefined for ones. The result is 0-dimensional: the
/// weighted sum divided by n, so that weights that average to one leave its scale.
/// Errors: `ShapeError` `assay.learner.loss` where `output` and `target` do not fit (they are never broadcast).
/// @{

/// Squared error, averaged over a sample's components:  Σᵢ wᵢ |oᵢ - tᵢ|² / (n k).
/// Shapes: `target` as `output`.
torch::Tensor mse_loss(const torch::Tensor& output, const torch::Tensor& target, const torch::Tensor& weights = {});

/// Huber's loss at δ = 1, averaged over a sample's components: e²/2 where |e| < 1, else |e| - 1/2.
/// Shapes: `target` as `output`. Source: Huber 1964, "Robust estimation of a location parameter".
torch::Tensor huber_loss(const torch::Tensor& output, const torch::Tensor& target, const torch::Tensor& weights = {});

/// Negative log-likelihood of a class under softmax(output).
/// Shapes: `output` [n, classes], `target` [n] or [n, 1] int64 class ids; `output` [n, 1] or [n] is one logit of
/// class 1 of two.
torch::Tensor cross_entropy_loss(const torch::Tensor& output, const torch::Tensor& target,
                                 const torch::Tensor& weights = {});
/// @}

}  // namespace assay
