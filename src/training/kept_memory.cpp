// SPDX-License-Identifier: Apache-2.0
#include "kept_memory.hpp"

#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>

#include <atomic>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace assay::detail {

namespace {

constexpr std::size_t smallest = std::size_t{64} << 10;    // what the C library may give back to the system
constexpr std::size_t most_kept = std::size_t{512} << 20;  // bytes in all

/// LibTorch's allocator for the CPU while a scope lives; for small tensors the one of before.
///
/// Memory comes from and goes to the same functions as that of LibTorch's own allocator, so that either may free what
/// the other gave: tensors, and operators in other threads, outlive the scope.
class KeepingAllocator final : public c10::Allocator {
 public:
  static KeepingAllocator& instance() {
    static KeepingAllocator* const one = new KeepingAllocator;  // tensors may be let go of while a program ends
    return *one;
  }

  void enter() {
    const std::scoped_lock lock(mutex_);
    if (users_++ > 0) return;
    before_ = c10::GetCPUAllocator();
    c10::SetCPUAllocator(this);
  }

  void leave() {
    const std::scoped_lock lock(mutex_);
    if (--users_ > 0) return;
    c10::SetCPUAllocator(before_);
    for (const auto& [bytes, kept] : kept_) {
      for (void* data : kept) c10::free_cpu(data);
    }
    kept_.clear();
    sizes_.clear();
    kept_bytes_ = 0;
  }

  c10::DataPtr allocate(std::size_t bytes) override {
    if (bytes < smallest) return before_.load()->allocate(bytes);
    void* data = take(bytes);
    if (!data) {
      data = c10::alloc_cpu(bytes);
      const std::scoped_lock lock(mutex_);
      if (users_ > 0) sizes_[data] = bytes;
    }
    return {data, data, &let_go, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &let_go; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override { default_copy_data(to, from, bytes); }

 private:
  static void let_go(void* data) {
    if (!instance().keep(data)) c10::free_cpu(data);
  }

  bool keep(void* data) {
    const std::scoped_lock lock(mutex_);
    const auto found = sizes_.find(data);
    if (found == sizes_.end()) return false;
    const std::size_t bytes = found->second;
    if (kept_bytes_ + bytes > most_kept) {
      sizes_.erase(found);
      return false;
    }
    kept_[bytes].push_back(data);
    kept_bytes_ += bytes;
    return true;
  }

  void* take(std::size_t bytes) {
    const std::scoped_lock lock(mutex_);
    const auto found = kept_.find(bytes);
    if (found == kept_.end() || found->second.empty()) return nullptr;
    void* const data = found->second.back();
    found->second.pop_back();
    kept_bytes_ -= bytes;
    return data;
  }

  std::mutex mutex_;
  int users_ = 0;
  std::atomic<c10::Allocator*> before_ = nullptr;
  std::unordered_map<void*, std::size_t> sizes_;              // of what was given in this scope, and not yet freed
  std::unordered_map<std::size_t, std::vector<void*>> kept_;  // by size
  std::size_t kept_bytes_ = 0;
};

}  // namespace

KeptMemory::KeptMemory() { KeepingAllocator::instance().enter(); }

KeptMemory::~KeptMemory() { KeepingAllocator::instance().leave(); }

}  // namespace assay::detail
