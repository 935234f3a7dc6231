// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

namespace assay::detail {

/// What a dense network is trained to make small: the losses of `RegressionLoss`, and cross-entropy of one logit of
/// class 1 of two, or of a logit for every class.
enum class DenseLoss { mse, huber, gaussian, two_classes, classes };

/// Losses of each sample, averaged over its components, each times its weight.
/// Shapes: `out` [members, n, outputs]; `target` [n, k], or [n] class ids for `classes`; `components` [k], of a
/// regression, or undefined for ones. Gives [members, n].
torch::Tensor sample_losses(DenseLoss loss, const torch::Tensor& out, const torch::Tensor& target,
                            const torch::Tensor& components = {});

/// The loss that a training step makes small, Σ_members 1/n Σᵢ wᵢ · (loss of sample i), and its derivative by the
/// outputs, written to `derivative`.
/// Shapes: as above, or without the dimension of members; `weights` [n, members] or undefined for ones; `derivative` as
/// `out`. Cost: one pass over the outputs; no device sync.
torch::Tensor loss_with_derivative(DenseLoss loss, const torch::Tensor& out, const torch::Tensor& target,
                                   const torch::Tensor& weights, torch::Tensor& derivative,
                                   const torch::Tensor& components = {});

/// The same by operators of the tensor library alone: what a device gets.
torch::Tensor loss_by_operators(DenseLoss loss, const torch::Tensor& out, const torch::Tensor& target,
                                const torch::Tensor& weights, torch::Tensor& derivative,
                                const torch::Tensor& components = {});

}  // namespace assay::detail
