// SPDX-License-Identifier: Apache-2.0
#include <assay/any/any_pool.hpp>
#include <assay/data/pool_view.hpp>
#include <assay/data/tensor_pool.hpp>
#include <assay/error.hpp>

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/index_select.h>

#include <algorithm>
#include <numeric>

namespace assay {

namespace {

/// A tensor over memory that the caller keeps.
torch::Tensor as_index(std::span<const std::int64_t> rows) {
  return at::from_blob(const_cast<std::int64_t*>(rows.data()), {static_cast<std::int64_t>(rows.size())},
                       torch::TensorOptions(torch::kInt64));
}

void require_rows(std::span<const std::int64_t> rows, std::int64_t size) {
  for (const std::int64_t row : rows) {
    if (row >= 0 && row < size) continue;
    throw DataError({"assay.pool.row", "pool", "rows in [0, " + std::to_string(size) + ")", std::to_string(row), ""});
  }
}

}  // namespace

TensorPool::TensorPool(Values batch, SampleId first_id) : schema_(schema_of_batch(batch)), size_(batch_size(batch)) {
  for (const NamedTensor& entry : batch) storage_.set(entry.name, entry.tensor.detach().to(torch::kCPU).contiguous());
  ids_.resize(static_cast<std::size_t>(size_));
  std::iota(ids_.begin(), ids_.end(), first_id);
  capacity_ = size_;
}

Values TensorPool::gather(std::span<const std::int64_t> rows) const {
  require_rows(rows, size_);
  return assay::rows(storage_, as_index(rows));
}

Values TensorPool::all() const { return tail(0); }

Values TensorPool::tail(std::int64_t first) const {
  Values views;
  for (const NamedTensor& entry : storage_) views.set(entry.name, entry.tensor.narrow(0, first, size_ - first));
  return views;
}

torch::Tensor TensorPool::column(std::string_view name) const { return storage_.at(name).narrow(0, 0, size_); }

void TensorPool::append(std::span<const Sample> samples) {
  if (samples.empty()) return;
  const Schema schema = schema_.empty() ? schema_of_sample(samples.front().values) : schema_;
  for (const Sample& sample : samples) require_fits(sample.values, schema, "sample " + std::to_string(sample.id));
  schema_ = schema;
  const std::int64_t needed = size_ + static_cast<std::int64_t>(samples.size());
  make_room(needed);
  for (const Field& field : schema_) {
    const torch::Tensor& column = storage_.at(field.name);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      column.select(0, size_ + static_cast<std::int64_t>(i)).copy_(samples[i].values.at(field.name).detach());
    }
  }
  for (const Sample& sample : samples) ids_.push_back(sample.id);
  size_ = needed;
}

void TensorPool::append(const Values& batch, std::span<const SampleId> ids) {
  if (ids.empty()) return;
  const Schema schema = schema_.empty() ? schema_of_batch(batch) : schema_;
  require_fits(row(batch, 0), schema, "batch from sample " + std::to_string(ids.front()));
  if (batch_size(batch) != static_cast<std::int64_t>(ids.size())) {
    throw ShapeError({"assay.pool.ids", "pool", std::to_string(batch_size(batch)) + " ids, one a row",
                      std::to_string(ids.size()), ""});
  }
  schema_ = schema;
  const auto count = static_cast<std::int64_t>(ids.size());
  make_room(size_ + count);
  for (const Field& field : schema_) {
    storage_.at(field.name).narrow(0, size_, count).copy_(batch.at(field.name).detach());
  }
  ids_.insert(ids_.end(), ids.begin(), ids.end());
  size_ += count;
}

void TensorPool::make_room(std::int64_t needed) {
  if (storage_.empty()) return grow_to(std::max(needed, capacity_));
  if (needed > capacity_) grow_to(std::max(needed, size_ + size_ / 2));
}

void TensorPool::reserve(std::int64_t capacity) {
  if (schema_.empty()) capacity_ = std::max(capacity, capacity_);  // the first append makes the room
  if (capacity > capacity_) grow_to(capacity);
}

void TensorPool::grow_to(std::int64_t capacity) {
  for (const Field& field : schema_) {
    std::vector<std::int64_t> shape{capacity};
    shape.insert(shape.end(), field.shape.begin(), field.shape.end());
    torch::Tensor larger = at::empty(shape, field.dtype);
    if (size_ > 0) larger.narrow(0, 0, size_).copy_(column(field.name));
    storage_.set(field.name, std::move(larger));
  }
  ids_.reserve(static_cast<std::size_t>(capacity));
  capacity_ = capacity;
}

torch::Tensor AnyPool::column(std::string_view name, std::span<const std::int64_t> rows) const {
  if (!pool_) return at::empty({0}, torch::kFloat64);
  if (const TensorPool* pool = pool_->contiguous()) {
    require_rows(rows, pool->size());
    return at::index_select(pool->column(name), 0, as_index(rows));
  }
  return gather(rows).at(name);
}

PoolView::PoolView(AnyPool pool, std::vector<SampleId> ids)
    : pool_(std::move(pool)), rows_(ids.size()), ids_(std::move(ids)) {
  std::iota(rows_.begin(), rows_.end(), 0);
}

PoolView::PoolView(AnyPool pool, std::vector<std::int64_t> rows, std::vector<SampleId> ids)
    : pool_(std::move(pool)), rows_(std::move(rows)), ids_(std::move(ids)) {}

Values PoolView::gather(std::span<const std::int64_t> positions) const {
  require_rows(positions, size());
  std::vector<std::int64_t> rows;
  rows.reserve(positions.size());
  for (const std::int64_t position : positions) rows.push_back(rows_[static_cast<std::size_t>(position)]);
  return pool_.gather(rows);
}

Values PoolView::slice(std::int64_t first, std::int64_t count) const {
  return pool_.gather(std::span(rows_).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count)));
}

torch::Tensor PoolView::value(std::string_view name) const { return pool_.column(name, rows_); }

PoolView PoolView::subset(std::span<const std::int64_t> positions) const {
  require_rows(positions, size());
  std::vector<std::int64_t> rows;
  std::vector<SampleId> ids;
  for (const std::int64_t position : positions) {
    rows.push_back(rows_[static_cast<std::size_t>(position)]);
    ids.push_back(ids_[static_cast<std::size_t>(position)]);
  }
  return PoolView(pool_, std::move(rows), std::move(ids));
}

}  // namespace assay
