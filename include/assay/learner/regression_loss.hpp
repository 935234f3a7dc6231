// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace assay {

/// What a network is trained to make small in a regression, for standardised targets y and outputs o, averaged over
/// samples and components (classifications are trained with cross-entropy).
enum class RegressionLoss {
  mse,    ///< (o - y)²
  huber,  ///< (o - y)²/2 where |o - y| < 1, else |o - y| - 1/2. Source: Huber 1964
  gaussian,  ///< s/2 + (y - μ)²/(2 eˢ): a mean μ and a logarithm s of the variance for every component. Source: Nix and
             ///< Weigend 1994, "Estimating the mean and variance of the target probability distribution"
};

}  // namespace assay
