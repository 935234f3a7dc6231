// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace assay::detail {

/// Runs `work` on `count` threads at once (one: on the caller's own) and waits for all. The first exception is thrown
/// again here.
template <class Work>
void run_workers(std::int64_t count, Work work) {
  if (count == 1) return work();
  std::exception_ptr first;
  std::mutex mutex;
  {
    std::vector<std::jthread> threads;
    for (std::int64_t i = 0; i < count; ++i) {
      threads.emplace_back([&] {
        try {
          work();
        } catch (...) {
          const std::lock_guard lock(mutex);
          if (!first) first = std::current_exception();
        }
      });
    }
  }
  if (first) std::rethrow_exception(first);
}

}  // namespace assay::detail
