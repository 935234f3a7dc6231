// SPDX-License-Identifier: Apache-2.0
#include "nearest.hpp"

#include <ATen/ops/from_blob.h>
#include <ATen/ops/mm.h>

#include <cmath>
#include <numeric>

namespace assay::detail {

namespace {

template <class T>
torch::Tensor view(const T* data, std::int64_t rows, std::int64_t columns) {
  return at::from_blob(const_cast<T*>(data), {rows, columns}, torch::CppTypeToScalarType<T>::value);
}

/// The next number upwards, for a bound that a cast may have rounded down.
template <class T>
T rounded_up(double value) {
  const auto cast = static_cast<T>(value);
  return static_cast<double>(cast) < value ? std::nextafter(cast, std::numeric_limits<T>::infinity()) : cast;
}

}  // namespace

template <class T>
Centers<T>::Centers(Run<T>& run, const T* rows, std::int64_t count, const T* shift)
    : rows_(rows),
      count_(count),
      d_(run.d()),
      centered_(run.meter, count * run.d()),
      low_(run.meter, count),
      high_(run.meter, count) {
  const double relative = Rounding<T>(d_).relative;
  constexpr T infinity = std::numeric_limits<T>::infinity();
  for (std::int64_t j = 0; j < count; ++j) {
    T* centered = centered_.data() + j * d_;
    const auto square = static_cast<double>(run.kernel.center(row(j), shift, centered, d_));
    const bool bounded = std::isfinite(square * 4) && std::isfinite(static_cast<T>(square * 4)) &&
                         std::isfinite(relative);
    if (!bounded) std::fill_n(centered, d_, T(0));  // its products mean nothing: always a contender
    low_[j] = bounded ? static_cast<T>(square / 2 - square * relative / 2) : -infinity;
    high_[j] = bounded ? static_cast<T>(square / 2 + square * relative / 2) : infinity;
  }
  if (!run.problem.device.is_cpu()) device_ = view(centered_.data(), count, d_).to(run.problem.device);
}

template <class T>
Block<T>::Block(Run<T>& run, const T* shift, std::int64_t most_centers)
    : run_(run),
      shift_(shift),
      d_(run.d()),
      rounding_(run.d()),
      centered_(run.meter, run.plan.block_rows * run.d()),
      norms_(run.meter, run.plan.block_rows),
      products_(run.meter, run.plan.block_rows * std::min(most_centers, tile_centers)),
      found_(run.meter, std::min(most_centers, tile_centers)) {}

template <class T>
void Block<T>::take(const FeatureMatrix& matrix, const T* rows, std::int64_t first, std::int64_t count) {
  rows_ = rows;
  rows_count_ = count;
  for (std::int64_t i = 0; i < count; ++i) {
    T* centered = centered_.data() + i * d_;
    norms_[i] = run_.kernel.center(row(i), shift_, centered, d_);
    if (std::isfinite(static_cast<T>(norms_[i] * 4))) continue;
    run_.require_finite(matrix, row(i), first + i);
    norms_[i] = std::numeric_limits<T>::infinity();  // too large for products: computed exactly
    std::fill_n(centered, d_, T(0));
  }
}

template <class T>
void Block<T>::multiply(const Centers<T>& centers, std::int64_t first, std::int64_t count) {
  centers_ = &centers;
  tile_first_ = first;
  tile_ = count;
  torch::Tensor out = view(products_.data(), rows_count_, count);
  const torch::Tensor rows = view(centered_.data(), rows_count_, d_);
  if (centers.on_device().defined()) {
    out.copy_(at::mm(rows.to(centers.on_device().device()), centers.on_device().narrow(0, first, count).t()));
  } else {
    at::mm_out(out, rows, view(centers.centered() + first * d_, count, d_).t());
  }
}

template <class T>
std::span<const std::int32_t> Block<T>::within(std::int64_t i, double limit, bool nearest) {
  const auto square = static_cast<double>(norms_[i]);
  std::int64_t count = tile_;
  if (std::isinf(square) || std::isinf(rounding_.relative)) {
    std::iota(found_.data(), found_.data() + count, 0);
  } else {
    const T* products = products_.data() + i * tile_;
    const double own = square * rounding_.relative + rounding_.absolute;
    if (nearest) {
      const T least = run_.kernel.least_upper(products, centers_->high() + tile_first_, tile_);
      limit = std::min(limit, square + own + 2 * static_cast<double>(least));
    }
    const double bound = (limit - square + own) / 2;
    if (std::isnan(bound)) {
      std::iota(found_.data(), found_.data() + count, 0);
    } else {
      count = run_.kernel.contenders(products, centers_->low() + tile_first_, tile_, rounded_up<T>(bound),
                                     found_.data());
    }
  }
  return {found_.data(), static_cast<std::size_t>(count)};
}

template <class T>
bool Block<T>::surely_within(std::int64_t i, std::int32_t j, double limit) const {
  const auto square = static_cast<double>(norms_[i]);
  if (std::isinf(square) || std::isinf(rounding_.relative)) return false;
  const double own = square * rounding_.relative + rounding_.absolute;
  const double high = static_cast<double>(centers_->high()[tile_first_ + j]) -
                      static_cast<double>(products_[i * tile_ + j]);
  return square + own + 2 * high <= limit;
}

template <class T>
Nearest<T>::Nearest(Run<T>& run, bool track) : best(run.meter, run.n()), run_(run), shift_(run.meter, run.d(), T(0)) {
  if (track) nearest = Array<std::int32_t>(run.meter, run.n());
  reset();
  // The mean of a few rows: bounds are tight when the rows lie around the origin, picks do not depend on it.
  const std::int64_t rows = std::min<std::int64_t>(run.n(), 256), step = run.n() / rows;
  Array<T> row(run.meter, run.d());
  std::vector<double> sum(static_cast<std::size_t>(run.d()), 0.0);
  for (std::int64_t i = 0; i < rows; ++i) {
    run.copy_row(i * step, row.data());
    for (std::int64_t j = 0; j < run.d(); ++j) sum[static_cast<std::size_t>(j)] += static_cast<double>(row[j]);
  }
  for (std::int64_t j = 0; j < run.d(); ++j) {
    const auto mean = static_cast<T>(sum[static_cast<std::size_t>(j)] / static_cast<double>(rows));
    shift_[j] = std::isfinite(mean) ? mean : T(0);
  }
}

template <class T>
void Nearest<T>::reset() {
  centers = 0;
  std::fill_n(best.data(), best.size(), std::numeric_limits<double>::infinity());
  std::fill_n(nearest.data(), nearest.size(), -1);
}

template <class T>
void Nearest<T>::add_known() {
  for (const FeatureMatrix& matrix : run_.known) add(matrix);
}

template <class T>
void Nearest<T>::add(const FeatureMatrix& matrix) {
  const std::int64_t piece = std::max<std::int64_t>(1, std::min(run_.plan.center_rows, matrix.rows()));
  RowReader<T> reader(run_.meter, matrix, piece);
  for (std::int64_t first = 0; first < matrix.rows(); first += piece) {
    const std::int64_t count = std::min(piece, matrix.rows() - first);
    const T* rows = reader.block(first, count);
    for (std::int64_t j = 0; j < count; ++j) run_.require_finite(matrix, rows + j * run_.d(), first + j);
    add(rows, count);
  }
}

template <class T>
void Nearest<T>::add(const T* rows, std::int64_t count) {
  const Centers<T> added(run_, rows, count, shift());
  const std::int64_t d = run_.d(), numbered = centers;
  run_.blocks([&] {
    return
        [&, block = Block<T>(run_, shift(), count)](RowReader<T>& reader, std::int64_t first, std::int64_t n) mutable {
          block.take(run_.pool, reader.block(first, n), first, n);
          for (std::int64_t tile = 0; tile < count; tile += tile_centers) {
            block.multiply(added, tile, std::min(tile_centers, count - tile));
            for (std::int64_t i = 0; i < n; ++i) {
              double& least = best[first + i];
              for (const std::int32_t j : block.within(i, least, true)) {
                const double distance = run_.kernel.square_distance(block.row(i), added.row(tile + j), d);
                if (!(distance < least) && !(std::isinf(least) && nearest.size() > 0 && nearest[first + i] < 0))
                  continue;
                least = distance;
                if (nearest.size() > 0) nearest[first + i] = static_cast<std::int32_t>(numbered + tile + j);
              }
            }
          }
        };
  });
  run_.touch(run_.n());
  centers += count;
}

template class Centers<float>;
template class Centers<double>;
template class Block<float>;
template class Block<double>;
template class Nearest<float>;
template class Nearest<double>;

}  // namespace assay::detail
