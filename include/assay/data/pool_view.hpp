// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/any/any_pool.hpp>

#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace assay {

/// The samples of a pool that are still in play, as a strategy sees them: positions 0 … size-1 in pool order.
///
/// A view copies nothing until it is asked for values, and is valid while the pool it looks at is.
class PoolView {
 public:
  PoolView() = default;
  /// All of a pool. \param ids one for each row.
  PoolView(AnyPool pool, std::vector<SampleId> ids);
  /// The rows `rows` of a pool. \param ids one for each entry of `rows`.
  PoolView(AnyPool pool, std::vector<std::int64_t> rows, std::vector<SampleId> ids);

  std::int64_t size() const noexcept { return static_cast<std::int64_t>(ids_.size()); }
  bool empty() const noexcept { return ids_.empty(); }
  const std::vector<SampleId>& ids() const noexcept { return ids_; }

  /// Samples at `positions`, as one batch.
  Values gather(std::span<const std::int64_t> positions) const;
  /// Samples [first, first + count), as one batch.
  Values slice(std::int64_t first, std::int64_t count) const;
  /// All samples, as one batch. Cost: copies them.
  Values values() const { return slice(0, size()); }
  /// One field of all samples, [size, ...]. Errors: `DataError` `assay.values.missing`.
  torch::Tensor value(std::string_view name) const;
  /// The view's samples at `positions`, as a smaller view.
  PoolView subset(std::span<const std::int64_t> positions) const;

 private:
  AnyPool pool_;
  std::vector<std::int64_t> rows_;
  std::vector<SampleId> ids_;
};

}  // namespace assay
