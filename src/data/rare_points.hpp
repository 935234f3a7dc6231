// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/space.hpp>

#include <cstdint>
#include <vector>

namespace assay::detail {

/// Feasible points of a space in which next to none of those drawn from its box are feasible, as of
/// `w0 + ... + w9 <= 1`: uniform over what is feasible, in the unit cube that the variables' scales make of the box.
///
/// 256 points are moved into what is feasible and spread there; each point asked for starts from one of them and goes
/// 20 d + 50 steps of its own: in a random direction, half the time as stretched as the 256 are, to a uniform point of
/// the chord, which is shrunk until that is feasible.
/// Cost: O(count · d²) draws and as many looks at each condition. Errors: `ConfigError` `assay.space.feasible`.
/// Source: hit-and-run of Smith 1984, "Efficient Monte Carlo procedures for generating points uniformly distributed
/// over bounded regions"; shrinking as in Neal 2003, "Slice sampling", section 4.1.
class RarePoints {
 public:
  RarePoints(const Space& space, const RandomKey& key);

  /// Points `first` to `first + count - 1`, each of which depends on its number alone.
  Values points(std::int64_t first, std::int64_t count) const;

 private:
  /// Points of the unit cube, row by row, and how far each is from being feasible: 0 for those that are.
  struct Walkers {
    std::vector<double> at, wrong;
  };

  void require_possible();
  Values designs(const std::vector<double>& unit) const;
  std::vector<double> wrong(const std::vector<double>& unit) const;
  /// One step of each. \return how many moved.
  std::size_t step(Walkers& walkers, std::int64_t first, const RandomKey& key) const;
  void crowd(Walkers& walkers) const;
  double stretch(const Walkers& walkers);
  void find(const RandomKey& key);
  void spread(const RandomKey& key);

  const Space& space_;
  RandomKey key_;
  std::size_t d_;
  std::vector<double> widths_;   // of each constraint's sum over the box
  std::vector<double> stretch_;  // [d, d], lower triangular: the root of the walkers' covariance
  Walkers walkers_;
};

}  // namespace assay::detail
