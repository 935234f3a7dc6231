// SPDX-License-Identifier: Apache-2.0
// Looking through a pool block by block, and at its rows as bytes.
#pragma once

#include <assay/any/any_pool.hpp>
#include <assay/data/values.hpp>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

namespace assay::detail {

inline constexpr std::int64_t block_rows = 16384;

inline std::vector<std::int64_t> counting(std::int64_t first, std::int64_t count) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(count));
  std::iota(rows.begin(), rows.end(), first);
  return rows;
}

/// Calls `use(batch, first row)` for blocks of a pool.
template <class Use>
void for_each_block(const AnyPool& pool, Use use) {
  for (std::int64_t first = 0; first < pool.size(); first += block_rows) {
    use(pool.gather(counting(first, std::min(block_rows, pool.size() - first))), first);
  }
}

/// The bytes of every row of a batch, field by field: equal strings are equal samples.
inline std::vector<std::string> row_bytes(const Values& batch) {
  std::vector<std::string> keys(static_cast<std::size_t>(batch_size(batch)));
  for (const auto& [name, tensor] : batch) {
    const torch::Tensor contiguous = tensor.contiguous();
    const std::size_t width = keys.empty() ? 0 : contiguous.nbytes() / keys.size();
    const char* data = static_cast<const char*>(contiguous.const_data_ptr());
    for (std::size_t i = 0; i < keys.size(); ++i) keys[i].append(data + i * width, width);
  }
  return keys;
}

}  // namespace assay::detail
