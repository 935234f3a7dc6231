// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <csignal>
#include <thread>
#include <utility>

namespace assay::detail {

/// Blocks all signals in the calling thread, and so in those it starts, while it lives.
class NoSignals {
 public:
  NoSignals() {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;
  ~NoSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

/// A thread of assay's own, in which the host's signals are blocked: they go to the host's threads. Errors:
/// `std::system_error` where the system gives no more threads.
template <class Work>
std::thread quiet_thread(Work work) {
  const NoSignals blocked;
  return std::thread(std::move(work));
}

}  // namespace assay::detail
