// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kmeans_pp.hpp"

namespace assay::detail {

/// Lloyd's k-means of the pool from a k-means++ start, drawn from the problem's seed and ids.
///
/// Sums are in float64 over the rows in their order, centers rounded to the pool's type: the same for all threads.
/// Cost: iterations × n × clusters × d.
template <class T>
class KMeans {
 public:
  explicit KMeans(Run<T>& run) : run_(run), state_(run, true) {}

  /// \param clusters at most the pool's rows. \param iterations at most; it ends when no row changes its cluster.
  void cluster(std::int64_t clusters, std::int64_t iterations) {
    const std::int64_t d = run_.d();
    size_ = clusters;
    std::vector<double> distances;
    const std::vector<std::int64_t> start = draw_kmeans_pp(run_, state_, size_, distances);
    centers_ = Array<T>(run_.meter, size_ * d);
    for (std::int64_t c = 0; c < size_; ++c) run_.copy_row(start[static_cast<std::size_t>(c)], centers_.data() + c * d);
    assign();
    Array<double> sums(run_.meter, size_ * d);
    Array<std::int32_t> before(run_.meter, run_.n());
    for (std::int64_t round = 0; round < iterations; ++round) {
      std::copy_n(state_.nearest.data(), run_.n(), before.data());
      std::fill_n(sums.data(), sums.size(), 0.0);
      std::vector<std::int64_t> sizes(static_cast<std::size_t>(size_), 0);
      RowReader<T> reader(run_.meter, run_.pool, run_.plan.block_rows);
      for (std::int64_t first = 0; first < run_.n(); first += run_.plan.block_rows) {
        const std::int64_t count = std::min(run_.plan.block_rows, run_.n() - first);
        const T* rows = reader.block(first, count);
        for (std::int64_t i = 0; i < count; ++i) {
          const std::int32_t c = state_.nearest[first + i];
          ++sizes[static_cast<std::size_t>(c)];
          for (std::int64_t j = 0; j < d; ++j) sums[c * d + j] += static_cast<double>(rows[i * d + j]);
        }
      }
      run_.touch(run_.n());
      for (std::int64_t c = 0; c < size_; ++c) {
        const auto size = static_cast<double>(sizes[static_cast<std::size_t>(c)]);
        for (std::int64_t j = 0; size > 0 && j < d; ++j) centers_[c * d + j] = static_cast<T>(sums[c * d + j] / size);
      }
      assign();
      if (std::equal(before.data(), before.data() + run_.n(), state_.nearest.data())) break;
    }
  }

  std::int64_t size() const { return size_; }
  std::int32_t cluster_of(std::int64_t row) const { return state_.nearest[row]; }
  const T* center(std::int64_t c) const { return centers_.data() + c * run_.d(); }

 private:
  void assign() {
    state_.reset();
    state_.add(centers_.data(), size_);
  }

  Run<T>& run_;
  Nearest<T> state_;
  Array<T> centers_;
  std::int64_t size_ = 0;
};

}  // namespace assay::detail
