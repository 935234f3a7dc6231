// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace assay::detail {

/// Memory of a thread, reused from call to call.
template <class T>
T* at_least(std::vector<T>& memory, std::int64_t count) {
  if (memory.size() < static_cast<std::size_t>(count)) memory.resize(static_cast<std::size_t>(count));
  return memory.data();
}

/// What is predicted of a block of points; null: not asked for.
struct SurrogateBlock {
  std::int64_t count = 0;
  const double* columns = nullptr;  ///< [count, inputs], standardised
  double* means = nullptr;          ///< [count, outputs]
  double* variances = nullptr;      ///< [count, outputs]
  double* jacobians = nullptr;      ///< [count, outputs, inputs]
};

/// A learner without its scaling: from standardised columns to standardised outputs, or probabilities of classes.
class SurrogateModel {
 public:
  virtual ~SurrogateModel() = default;
  virtual bool has_variance() const = 0;
  virtual void predict(const SurrogateBlock& block) const = 0;
};

}  // namespace assay::detail
