// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/error.hpp>

#include <chrono>
#include <thread>

namespace assay::app {

/// Calls `open`, which takes the lock of a campaign before it does anything, again and again for `seconds` while
/// another process holds the lock: most hold it for a moment. \return what it gives.
template <class Open>
auto when_free(double seconds, Open open) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (true) {
    try {
      return open();
    } catch (const CheckpointError& error) {
      if (error.id() != "assay.campaign.locked" || std::chrono::steady_clock::now() >= until) throw;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

}  // namespace assay::app
