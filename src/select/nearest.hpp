// SPDX-License-Identifier: Apache-2.0
// Exact distances to the nearest center, found by blocked products that bound and discard.
#pragma once

#include "run.hpp"

#include <limits>

namespace assay::detail {

/// Bounds on squared distances from products of shifted rows in the element type.
///
/// With x and c the shifted rows as stored, g their product as computed, X and C their norms and u the unit roundoff:
/// the shift changes the distance by at most u (X + C) relative to its parts, |g - x·c| <= d u / (1 - d u) X C for any
/// order of summation (Higham 2002, Accuracy and stability of numerical algorithms, section 3.1), the norms err by
/// (d / 16 + 8) u, and the last steps by a few u. Together |X² + C² - 2 g - |x - c|²| <= r (X² + C²) with
/// r = 2 u (0.7 d + 24), for d u <= 0.1; beyond that r is infinite and everything is computed exactly.
template <class T>
struct Rounding {
  explicit Rounding(std::int64_t d) {
    const double u = static_cast<double>(std::numeric_limits<T>::epsilon()) / 2, du = static_cast<double>(d) * u;
    relative = du <= 0.1 ? 2 * u * (0.7 * static_cast<double>(d) + 24) : std::numeric_limits<double>::infinity();
    absolute = 8 * static_cast<double>(d) * static_cast<double>(std::numeric_limits<T>::min());  // underflow
  }
  double relative, absolute;
};

/// Centers prepared for products: high_j - g and low_j - g bound (|x - c_j|² - X²) / 2 up to the row's own share.
template <class T>
class Centers {
 public:
  /// \param rows stay where they are for the life of this object.
  Centers(Run<T>& run, const T* rows, std::int64_t count, const T* shift);

  std::int64_t size() const { return count_; }
  const T* row(std::int64_t j) const { return rows_ + j * d_; }
  const T* centered() const { return centered_.data(); }
  const T* low() const { return low_.data(); }
  const T* high() const { return high_.data(); }
  const torch::Tensor& on_device() const { return device_; }

 private:
  const T* rows_;
  std::int64_t count_, d_;
  Array<T> centered_, low_, high_;
  torch::Tensor device_;
};

/// One thread's work area: a block of rows, shifted, and its products with a tile of centers.
template <class T>
class Block {
 public:
  Block(Run<T>& run, const T* shift, std::int64_t most_centers);

  /// Takes a block of rows of `matrix` and checks that they are finite.
  void take(const FeatureMatrix& matrix, const T* rows, std::int64_t first, std::int64_t count);
  /// Products with centers first … first + count - 1 (at most tile_centers).
  void multiply(const Centers<T>& centers, std::int64_t first, std::int64_t count);

  const T* row(std::int64_t i) const { return rows_ + i * d_; }
  /// Centers of the tile whose squared distance to row i may be at most `limit`, ascending, relative to the tile. With
  /// `nearest`, moreover only those that may be the nearest of the tile.
  std::span<const std::int32_t> within(std::int64_t i, double limit, bool nearest);
  /// Whether a center found by within() is certainly no farther than `limit`.
  bool surely_within(std::int64_t i, std::int32_t j, double limit) const;

 private:
  Run<T>& run_;
  const T* shift_;
  std::int64_t d_, rows_count_ = 0, tile_ = 0, tile_first_ = 0;
  Rounding<T> rounding_;
  const T* rows_ = nullptr;
  const Centers<T>* centers_ = nullptr;
  Array<T> centered_, norms_, products_;
  Array<std::int32_t> found_;
};

/// Exact squared distance of every candidate to its nearest center so far.
template <class T>
class Nearest {
 public:
  /// \param track also which center is the nearest: the first added of equally near ones.
  Nearest(Run<T>& run, bool track);

  /// Adds centers, numbered from the number of those added before.
  void add(const FeatureMatrix& centers);
  void add(const T* rows, std::int64_t count);
  /// Adds the training and pending rows, in this order.
  void add_known();
  /// Forgets all centers.
  void reset();

  Array<double> best;           ///< infinity before the first center
  Array<std::int32_t> nearest;  ///< -1 before the first center; empty unless tracked
  std::int64_t centers = 0;
  const T* shift() const { return shift_.data(); }

 private:
  Run<T>& run_;
  Array<T> shift_;
};

}  // namespace assay::detail
