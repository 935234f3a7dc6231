// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace assay::detail {

/// Counts the bytes a selection holds, and the most it ever held.
class Meter {
 public:
  void add(std::int64_t bytes) {
    const std::int64_t now = held_.fetch_add(bytes) + bytes;
    std::int64_t peak = peak_.load();
    while (now > peak && !peak_.compare_exchange_weak(peak, now)) {
    }
  }
  std::int64_t peak() const { return peak_.load(); }

 private:
  std::atomic<std::int64_t> held_{0}, peak_{0};
};

/// A fixed array whose bytes are metered.
template <class T>
class Array {
 public:
  Array() = default;
  Array(Meter& meter, std::int64_t size) : meter_(&meter), size_(size), data_(new T[static_cast<std::size_t>(size)]) {
    meter.add(bytes());
  }
  Array(Meter& meter, std::int64_t size, T value) : Array(meter, size) { std::fill_n(data_.get(), size, value); }
  Array(Array&& other) noexcept
      : meter_(std::exchange(other.meter_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        data_(std::move(other.data_)) {}
  Array& operator=(Array&& other) noexcept {
    std::swap(meter_, other.meter_);
    std::swap(size_, other.size_);
    std::swap(data_, other.data_);
    return *this;
  }
  ~Array() {
    if (meter_ != nullptr) meter_->add(-bytes());
  }

  std::int64_t size() const { return size_; }
  T* data() const { return data_.get(); }
  T& operator[](std::int64_t i) const { return data_[static_cast<std::size_t>(i)]; }

 private:
  std::int64_t bytes() const { return size_ * static_cast<std::int64_t>(sizeof(T)); }

  Meter* meter_ = nullptr;
  std::int64_t size_ = 0;
  std::unique_ptr<T[]> data_;
};

}  // namespace assay::detail
