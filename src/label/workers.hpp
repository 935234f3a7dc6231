// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace assay::detail {

/// Runs `work(cancelled)` on `count` threads at once (one: on the caller's own) and waits for all. The first exception
/// is thrown again here; `cancelled` is true from then on, and the others are to take nothing new.
template <class Work>
void run_workers(std::int64_t count, Work work) {
  std::atomic<bool> cancelled{false};
  if (count == 1) return work(std::as_const(cancelled));
  std::exception_ptr first;
  std::mutex mutex;
  const auto cancel = [&] {
    const std::lock_guard lock(mutex);
    if (!first) first = std::current_exception();
    cancelled = true;
  };
  {
    std::vector<std::jthread> threads;
    try {
      for (std::int64_t i = 0; i < count; ++i) {
        threads.emplace_back([&] {
          try {
            work(std::as_const(cancelled));
          } catch (...) {
            cancel();
          }
        });
      }
    } catch (...) {  // no more threads to be had
      cancel();
    }
  }
  if (first) std::rethrow_exception(first);
}

}  // namespace assay::detail
