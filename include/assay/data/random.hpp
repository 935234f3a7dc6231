// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace assay {

/// A key in a tree of counter-based random streams: a draw depends on the key alone, never on what was drawn
/// before it, so resuming, reordering and threads cannot change it.
///
///     RandomKey key = RandomKey(seed).with("query").with(round);
///     double u = key.with(sample_id).uniform();
///
/// Source: mixing by SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators").
class RandomKey {
 public:
  explicit RandomKey(std::uint64_t seed) noexcept;

  RandomKey with(std::uint64_t counter) const noexcept;
  RandomKey with(std::int64_t counter) const noexcept { return with(static_cast<std::uint64_t>(counter)); }
  RandomKey with(int counter) const noexcept { return with(static_cast<std::int64_t>(counter)); }
  RandomKey with(std::string_view purpose) const noexcept;

  std::uint64_t bits() const noexcept { return state_; }
  /// Uniform in [0, 1), 53 bits.
  double uniform() const noexcept { return static_cast<double>(state_ >> 11) * 0x1.0p-53; }
  /// Uniform in (0, 1): for logarithms.
  double uniform_open() const noexcept { return (static_cast<double>(state_ >> 12) + 0.5) * 0x1.0p-52; }

 private:
  std::uint64_t state_;
};

/// 0 … n-1 in an order that depends on `key` and the entries' own ids alone: sorted by a draw keyed by each id.
std::vector<std::int64_t> random_order(const RandomKey& key, const std::vector<std::int64_t>& ids);

}  // namespace assay
