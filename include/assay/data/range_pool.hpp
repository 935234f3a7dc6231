// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/values.hpp>

#include <concepts>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace assay {

/// Makes a pool of anything with `size()` and an `operator[]` that gives a sample as `Values`: a container, a data
/// base, a function of the index. `collate` puts samples into one batch; ragged samples bring their own.
template <class Range, class Collate = Values (*)(const std::vector<Values>&)>
  requires requires(const Range& range, std::size_t i, const Collate& collate, const std::vector<Values>& samples) {
    { range.size() } -> std::convertible_to<std::size_t>;
    { range[i] } -> std::convertible_to<Values>;
    { collate(samples) } -> std::convertible_to<Values>;
  }
class RangePool {
 public:
  explicit RangePool(Range range, Collate collate = &stack) : range_(std::move(range)), collate_(std::move(collate)) {}

  std::int64_t size() const { return static_cast<std::int64_t>(range_.size()); }
  Values gather(std::span<const std::int64_t> rows) const {
    std::vector<Values> samples;
    samples.reserve(rows.size());
    for (const std::int64_t row : rows) samples.push_back(range_[static_cast<std::size_t>(row)]);
    return collate_(samples);
  }

 private:
  Range range_;
  Collate collate_;
};

}  // namespace assay
