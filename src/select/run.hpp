// SPDX-License-Identifier: Apache-2.0
// What every selection on features stands on: the checked problem, its plan, its threads, its rows and its meter.
#pragma once

#include "kernels.hpp"
#include "meter.hpp"

#include <assay/detail/guest.hpp>
#include <assay/error.hpp>
#include <assay/select/plan.hpp>

#include <ATen/Parallel.h>

#include <atomic>
#include <chrono>
#include <span>
#include <string_view>
#include <vector>

namespace assay::detail {

/// Bytes that the product's own library takes in each thread, as measured: its packed copies of both factors.
inline constexpr std::int64_t library_bytes = 1'500'000;
/// Centers that one product takes at a time.
inline constexpr std::int64_t tile_centers = 1024;

/// The checked problem without its element type: errors are found here, before any work.
class RunBase {
 public:
  RunBase(const SelectionProblem& problem, std::string_view method);

  std::int64_t n() const { return pool.rows(); }
  std::int64_t d() const { return pool.dims(); }
  double weight(std::int64_t i) const { return weight_.size() == 0 ? 1 : weight_[i]; }
  bool weighted() const { return weight_.size() != 0; }
  SampleId id(std::int64_t i) const { return problem.ids.empty() ? i : problem.ids[static_cast<std::size_t>(i)]; }
  /// Whether candidate a stands before b at equal scores.
  bool before(std::int64_t a, std::int64_t b) const { return id(a) < id(b); }
  void touch(std::int64_t rows) { touched_.fetch_add(rows, std::memory_order_relaxed); }
  SelectedBatch finish(std::vector<std::int64_t> rows, std::vector<double> scores) const;

  const SelectionProblem& problem;
  FeatureMatrix pool;
  std::vector<FeatureMatrix> known;  ///< train and pending, where there are rows
  std::int64_t known_rows = 0;
  SelectionPlan plan;
  std::int64_t count;  ///< to choose: at most n
  Meter meter;

 private:
  GuestScope guest_;
  Array<double> weight_;
  std::atomic<std::int64_t> touched_{0};
  std::chrono::steady_clock::time_point began_;
};

/// Rows of one matrix for one thread: pointers into memory, or a buffer filled from disk.
template <class T>
class RowReader {
 public:
  RowReader(Meter& meter, const FeatureMatrix& matrix, std::int64_t most_rows)
      : matrix_(matrix), base_(static_cast<const T*>(matrix.data())) {
    if (base_ == nullptr) buffer_ = Array<T>(meter, (most_rows + 1) * matrix.dims());
  }
  /// Rows first … first + count - 1, until the next call.
  const T* block(std::int64_t first, std::int64_t count) {
    if (base_ != nullptr) return base_ + first * matrix_.dims();
    matrix_.read(first, count, buffer_.data());
    first_ = first;
    count_ = count;
    return buffer_.data();
  }
  /// One row, until the next call.
  const T* row(std::int64_t i) {
    if (base_ != nullptr) return base_ + i * matrix_.dims();
    if (i >= first_ && i < first_ + count_) return buffer_.data() + (i - first_) * matrix_.dims();
    T* last = buffer_.data() + buffer_.size() - matrix_.dims();
    matrix_.read(i, 1, last);
    return last;
  }
  bool on_disk() const { return base_ == nullptr; }

 private:
  const FeatureMatrix& matrix_;
  const T* base_;
  Array<T> buffer_;
  std::int64_t first_ = 0, count_ = 0;
};

template <class T>
class Run : public RunBase {
 public:
  using RunBase::RunBase;

  const Kernels<T>& kernel = kernels<T>();

  /// Calls make() once in each thread and what it returns once for every block: work(reader, first, rows). Blocks are
  /// handed out as threads come free: results may not depend on who does which.
  template <class Make>
  void blocks(Make make, std::int64_t block_rows = 0) {
    const std::int64_t size = block_rows > 0 ? block_rows : plan.block_rows;
    std::atomic<std::int64_t> next{0};
    at::parallel_for(0, plan.threads, 1, [&](std::int64_t, std::int64_t) {
      const at::NoGradGuard no_gradients;
      RowReader<T> reader(meter, pool, size);
      auto work = make();
      for (std::int64_t first; (first = next.fetch_add(size)) < n();) work(reader, first, std::min(size, n() - first));
    });
  }

  /// Copies one row of the pool.
  void copy_row(std::int64_t i, T* out) const { pool.read(i, 1, out); }

  /// Throws if a row of features holds NaN or infinity.
  void require_finite(const FeatureMatrix& matrix, const T* row, std::int64_t i) const {
    for (std::int64_t j = 0; j < d(); ++j) {
      if (std::isfinite(row[j])) continue;
      throw DataError({"assay.select.finite", matrix.name() + ", row " + std::to_string(i), "finite features",
                       std::to_string(row[j]), "remove the row, or mend what computed it"});
    }
  }
};

/// Calls run.template operator()<float>() or <double>(), as the pool's elements are.
template <class Work>
SelectedBatch with_element(const SelectionProblem& problem, Work work) {
  return problem.pool.dtype() == torch::kFloat64 ? work(double()) : work(float());
}

}  // namespace assay::detail
