// SPDX-License-Identifier: Apache-2.0
#include "row_stacker.hpp"

#include "safetensors_dtypes.hpp"

#include <assay/data/safetensors.hpp>
#include <assay/data/schema.hpp>
#include <assay/error.hpp>

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstring>

namespace assay::detail {

void RowStacker::learn(std::span<const std::byte> sample, std::string_view where) {
  SafetensorsHeader header = read_safetensors_header(sample, where);
  std::vector<SafetensorsEntry> entries;
  for (const std::string& name : names_) {
    const auto found = std::find_if(header.entries.begin(), header.entries.end(),
                                    [&](const SafetensorsEntry& entry) { return entry.name == name; });
    if (found == header.entries.end()) {
      throw DataError({"assay.values.missing", std::string(where), "a value '" + name + "'", "none", ""});
    }
    entries.push_back(std::move(*found));
  }
  if (columns_.empty()) {
    // How many are expected comes from a file: it is believed as far as it costs little.
    std::uint64_t bytes = 1;
    for (const SafetensorsEntry& entry : entries) bytes += entry.end - entry.begin;
    room_ = std::clamp<std::int64_t>(expected_, 1, static_cast<std::int64_t>(1 + (std::uint64_t{64} << 20) / bytes));
  }
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (columns_.size() > i) {
      if (entries[i].shape == entries_[i].shape && entries[i].dtype == entries_[i].dtype) continue;
      const auto describe_entry = [](const SafetensorsEntry& e) {
        return describe(Field{e.name, e.shape, dtype_of_safetensors(e.dtype)});
      };
      throw ShapeError({"assay.values.shape", std::string(where) + ", '" + entries[i].name + "'",
                        describe_entry(entries_[i]), describe_entry(entries[i]), ""});
    }
    std::vector<std::int64_t> shape{room_};
    shape.insert(shape.end(), entries[i].shape.begin(), entries[i].shape.end());
    columns_.push_back(at::empty(shape, dtype_of_safetensors(entries[i].dtype)));
  }
  entries_ = std::move(entries);
  data_start_ = header.data_start;
  header_.assign(reinterpret_cast<const char*>(sample.data()), data_start_);
}

void RowStacker::grow() {
  for (torch::Tensor& column : columns_) {
    std::vector<std::int64_t> shape = column.sizes().vec();
    shape.front() = 2 * room_;
    torch::Tensor larger = at::empty(shape, column.scalar_type());
    larger.narrow(0, 0, room_).copy_(column);
    column = std::move(larger);
  }
  room_ *= 2;
}

void RowStacker::add(std::span<const std::byte> sample, std::string_view where) {
  const bool known = !header_.empty() && sample.size() >= header_.size() &&
                     std::memcmp(sample.data(), header_.data(), header_.size()) == 0;
  std::uint64_t size = 0;
  for (const SafetensorsEntry& entry : entries_) size = std::max(size, entry.end);
  if (!known || sample.size() < data_start_ + size) learn(sample, where);
  if (count_ == room_) grow();
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const std::size_t bytes = entries_[i].end - entries_[i].begin;
    if (bytes == 0) continue;
    std::memcpy(static_cast<char*>(columns_[i].mutable_data_ptr()) + static_cast<std::size_t>(count_) * bytes,
                sample.data() + data_start_ + entries_[i].begin, bytes);
  }
  ++count_;
}

namespace {

/// The part of a safetensors file before its data, with its length.
std::string_view header_of(std::string_view bytes) {
  std::uint64_t size = 0;
  for (std::size_t i = std::min<std::size_t>(8, bytes.size()); i-- > 0;)
    size = size << 8 | static_cast<unsigned char>(bytes[i]);
  return bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(size, bytes.size())) + 8);
}

}  // namespace

void RunStacker::add(std::span<const std::byte> sample, std::string_view where) {
  constexpr std::int64_t expected = 64;
  const std::string_view bytes(reinterpret_cast<const char*>(sample.data()), sample.size());
  if (!run_ || header_.empty() || !bytes.starts_with(header_)) {
    finish();
    header_ = header_of(bytes);
    run_.emplace(from_safetensors(sample, where).names(), expected);
  }
  run_->add(sample, where);
}

void RunStacker::finish() {
  if (run_) batches_.push_back(run_->take());
  run_.reset();
}

std::vector<Values> RunStacker::take() {
  finish();
  return std::exchange(batches_, {});
}

std::vector<Values> rows_of(const Values& batch) {
  const at::AutoDispatchBelowADInplaceOrView no_autograd;  // it takes longer than the rest
  std::vector<Values> rows(static_cast<std::size_t>(batch_size(batch)));
  for (const NamedTensor& entry : batch) {
    for (std::size_t i = 0; i < rows.size(); ++i)
      rows[i].set(entry.name, entry.tensor.select(0, static_cast<std::int64_t>(i)));
  }
  return rows;
}

std::vector<Values> rows_of(const std::vector<Values>& batches) {
  std::vector<Values> rows;
  for (const Values& batch : batches) {
    for (Values& sample : rows_of(batch)) rows.push_back(std::move(sample));
  }
  return rows;
}

Values RowStacker::take() const {
  Values values;
  for (std::size_t i = 0; i < columns_.size(); ++i) values.set(names_[i], columns_[i].narrow(0, 0, count_));
  return values;
}

}  // namespace assay::detail
