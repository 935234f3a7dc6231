// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

namespace assay::detail {

/// Squared errors, as they are needed for their mean and its uncertainty.
struct ErrorSum {
  std::int64_t count = 0;
  double mean = 0;
  double squares = 0;  ///< of the differences from the mean, summed

  /// Source: Chan, Golub and LeVeque 1979, for the update.
  void add(const ErrorSum& other);
};

struct ErrorInterval {
  double rmse = 0, low = 0, high = 0;
};

/// Root mean square with its 95 % interval: the mean square is taken as χ² with the degrees of freedom that its
/// variance speaks for, at most as many as there are errors (those of normal errors). Nothing for fewer than five
/// errors. Source: Satterthwaite 1946, "An approximate distribution of estimates of variance components", eq. 5.
std::optional<ErrorInterval> interval_of(const ErrorSum& sum);

}  // namespace assay::detail
