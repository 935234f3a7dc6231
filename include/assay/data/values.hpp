// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace assay {

/// One name with its tensor; a plain number becomes a 0-dimensional float64 tensor, a vector a 1-dimensional one.
struct NamedTensor {
  std::string name;
  torch::Tensor tensor;

  NamedTensor(std::string name_, torch::Tensor tensor_) : name(std::move(name_)), tensor(std::move(tensor_)) {}
  NamedTensor(std::string name_, double number);
  NamedTensor(std::string name_, const std::vector<double>& numbers);
};

/// An ordered map from names to tensors, each in its own shape and dtype.
///
/// One sample is a `Values` whose tensors have the sample's shapes; a batch of n samples is a `Values` whose
/// tensors all have n as their first dimension.
class Values {
 public:
  Values() = default;
  /// Errors: `DataError` `assay.values.duplicate` if a name stands twice.
  Values(std::initializer_list<NamedTensor> entries);

  bool empty() const noexcept { return entries_.empty(); }
  std::size_t size() const noexcept { return entries_.size(); }
  bool contains(std::string_view name) const noexcept { return find(name) != nullptr; }
  std::vector<std::string> names() const;

  /// The tensor under `name`. Errors: `DataError` `assay.values.missing`, listing the names that are there.
  const torch::Tensor& at(std::string_view name) const;
  const torch::Tensor& operator[](std::string_view name) const { return at(name); }
  /// nullptr if there is no such name.
  const torch::Tensor* find(std::string_view name) const noexcept;

  /// The single number under `name`. Errors: `ShapeError` if the tensor has not exactly one element.
  double scalar(std::string_view name) const;
  /// All numbers under `name`, flattened in C order, as float64.
  std::vector<double> numbers(std::string_view name) const;

  /// Sets or replaces `name`.
  Values& set(std::string name, torch::Tensor tensor);
  /// Adds all entries of `other`. Errors: `DataError` `assay.values.duplicate`.
  Values& merge(const Values& other);
  /// The entries called `names`, in that order. Errors: as `at`.
  Values pick(const std::vector<std::string>& names) const;
  /// The entries not called `names`, in their own order.
  Values without(const std::vector<std::string>& names) const;

  auto begin() const noexcept { return entries_.begin(); }
  auto end() const noexcept { return entries_.end(); }

 private:
  NamedTensor* entry(std::string_view name) noexcept;
  void add(std::string name, torch::Tensor tensor);

  std::vector<NamedTensor> entries_;
  std::map<std::string, std::size_t, std::less<>> places_;  // only of many entries: few are found faster without
};

/// \name Batches: Values whose tensors share their first dimension
/// @{
/// Number of samples in a batch. Errors: `ShapeError` if the tensors disagree or are 0-dimensional.
std::int64_t batch_size(const Values& batch);
/// Samples of equal names, shapes and dtypes, stacked along a new dimension 0. Errors: `ShapeError`.
Values stack(const std::vector<Values>& samples);
/// Row `row` of a batch, as one sample (tensors own their memory).
Values row(const Values& batch, std::int64_t row);
/// Rows `rows` ([m] int64) of a batch, in that order.
Values rows(const Values& batch, const torch::Tensor& rows);
/// Batches of equal names put one behind the other.
Values concatenate(const std::vector<Values>& batches);
/// @}

/// Throws `DataError` `assay.values.not_finite` naming the first entry and element that is NaN or infinite.
/// Safe under `-ffast-math` in the caller: the check is compiled into the library.
void require_finite(const Values& values, std::string_view where);

/// True if every floating-point element is finite.
bool all_finite(const Values& values);

/// Content of a sample as a hexadecimal SHA-256 over names, dtypes, shapes and bytes (CPU, C order).
std::string fingerprint(const Values& values);

}  // namespace assay
