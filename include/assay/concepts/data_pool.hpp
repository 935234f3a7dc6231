// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/values.hpp>

#include <concepts>
#include <cstdint>
#include <span>

namespace assay {

/// A type satisfies `DataPool` if, for a const pool `p`,
///  1. `p.size()` gives the number of samples, as something convertible to `std::int64_t`;
///  2. `p.gather(rows)` gives the samples at `rows` (`std::span<const std::int64_t>`, each in [0, size)) as one
///     batch: a `Values` whose tensors all have `rows.size()` as their first dimension, in the order of `rows`.
///
/// Rows never move: row i is the same sample at every call. Nothing else is required; in particular a pool need
/// not be contiguous, in memory, copyable or able to grow. assay never changes a user's pool.
template <class T>
concept DataPool = requires(const T& pool, std::span<const std::int64_t> rows) {
  { pool.size() } -> std::convertible_to<std::int64_t>;
  { pool.gather(rows) } -> std::same_as<Values>;
};

}  // namespace assay
