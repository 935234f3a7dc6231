// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/sample.hpp>
#include <assay/data/schema.hpp>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace assay {

/// A contiguous pool: one tensor a field with the samples along dimension 0, growing at its end.
///
/// Cost: n bytes of samples take at most 1.5 n at rest and 2.5 n while the storage grows; after `reserve`, n.
class TensorPool {
 public:
  TensorPool() = default;
  /// Takes over a batch; the samples get the ids `first_id`, `first_id + 1`, …
  /// Errors: `ShapeError` if the tensors' first dimensions disagree.
  explicit TensorPool(Values batch, SampleId first_id = 0);

  std::int64_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  const Schema& schema() const noexcept { return schema_; }
  const std::vector<SampleId>& ids() const noexcept { return ids_; }

  /// Rows as one batch. Errors: `DataError` `assay.pool.row` for a row outside [0, size).
  Values gather(std::span<const std::int64_t> rows) const;
  /// All samples as views on the pool's own storage: no copy; valid until the pool grows.
  Values all() const;
  /// Samples [first, size) as views on the pool's own storage.
  Values tail(std::int64_t first) const;
  /// One field of all samples, [size, ...]: no copy; valid until the pool grows.
  torch::Tensor column(std::string_view name) const;

  /// Appends samples; the first append fixes the schema. All or nothing.
  /// Errors: `ShapeError`, `DataError` for a sample that does not fit.
  void append(std::span<const Sample> samples);
  /// Appends the rows of a batch under the given ids, one each. Errors: as for samples.
  void append(const Values& batch, std::span<const SampleId> ids);
  /// Makes room for `capacity` samples in all.
  void reserve(std::int64_t capacity);

 private:
  void grow_to(std::int64_t capacity);
  void make_room(std::int64_t needed);

  Schema schema_;
  Values storage_;  // [capacity, ...] each; rows past size_ are unused
  std::vector<SampleId> ids_;
  std::int64_t size_ = 0;
  std::int64_t capacity_ = 0;
};

}  // namespace assay
