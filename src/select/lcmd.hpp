// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "greedy.hpp"

#include <unordered_map>

namespace assay::detail {

/// The clusters of LCMD and what each pick changes in them.
template <class T>
class Lcmd {
 public:
  explicit Lcmd(Run<T>& run);
  SelectedBatch choose();

 private:
  /// A row that a center, were it one, would be nearer to than all centers at the time.
  struct Change {
    std::int64_t row;
    double square;
  };
  using Changes = std::vector<Change>;

  struct Cluster {
    double size = 0;   ///< its sum, by additions and subtractions in any order
    double most = 0;   ///< the largest it has been
    double steps = 0;  ///< additions it went through: bounds how far `size` is from the sum in the order of rows
    std::int64_t rows = 0;
    double slack() const { return 4.5e-16 * most * (steps + static_cast<double>(rows)); }
  };

  double value(std::int64_t i) const { return run_.weight(i) == 0 ? 0 : run_.weight(i) * state_.best[i]; }
  void sum_all();
  std::vector<std::int32_t> largest_clusters();
  Winner farthest_in(const std::vector<std::int32_t>& clusters) const;
  std::vector<std::int64_t> likely_picks(std::int64_t first, std::int64_t count) const;
  /// What each of these rows would change: one pass over the pool.
  void look_ahead(const std::vector<std::int64_t>& rows);
  /// What the row chosen last changes, by the triangle inequality; false if that leaves too many rows to look at.
  bool look_near(Changes& changes);
  void apply(const Changes& changes);

  Run<T>& run_;
  Nearest<T> state_;
  std::vector<Cluster> clusters_;
  std::vector<bool> taken_;
  Array<T> chosen_;
  std::int64_t chosen_count_ = 0, first_chosen_ = 0;
  std::unordered_map<std::int64_t, Changes> ahead_;
  std::int64_t ahead_bytes_ = 0, width_ = 32, used_ = 0;
};

}  // namespace assay::detail
