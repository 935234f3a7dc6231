// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "safetensors_header.hpp"

#include <assay/data/values.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay::detail {

/// Stacks many samples that are given as safetensors bytes. Samples that are alike have the same header: it is parsed
/// once, and the rest is copying.
class RowStacker {
 public:
  /// \param names the fields to keep, in that order. \param rows as many samples are expected: room is made for them as
  ///   far as it is little, and for more as they come.
  RowStacker(std::vector<std::string> names, std::int64_t rows) : names_(std::move(names)), expected_(rows) {}

  /// Errors: `CheckpointError` for damaged bytes; `DataError`, `ShapeError` for a sample unlike the first.
  void add(std::span<const std::byte> sample, std::string_view where);
  /// The samples so far, stacked: views on what is held here. Empty if there was none.
  Values take() const;
  std::int64_t size() const noexcept { return count_; }

 private:
  void learn(std::span<const std::byte> sample, std::string_view where);
  void grow();

  std::vector<std::string> names_;
  std::int64_t expected_;
  std::int64_t room_ = 0;
  std::int64_t count_ = 0;
  std::string header_;  // of the samples so far
  std::size_t data_start_ = 0;
  std::vector<SafetensorsEntry> entries_;  // of names_, in that order
  std::vector<torch::Tensor> columns_;     // [room_, ...]
};

/// Stacks samples that are given as safetensors bytes, of whatever kinds: those that follow one another and are alike
/// become one batch.
class RunStacker {
 public:
  /// Errors: `CheckpointError` for damaged bytes.
  void add(std::span<const std::byte> sample, std::string_view where);
  /// The batches, in the order of their samples. Nothing is left.
  std::vector<Values> take();

 private:
  void finish();

  std::string header_;  // of the run
  std::optional<RowStacker> run_;
  std::vector<Values> batches_;
};

/// The samples of a batch, as views on it that autograd knows nothing of. Cheaper than `row`, which copies.
std::vector<Values> rows_of(const Values& batch);
/// Those of several, one behind the other.
std::vector<Values> rows_of(const std::vector<Values>& batches);

}  // namespace assay::detail
