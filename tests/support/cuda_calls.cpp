// SPDX-License-Identifier: Apache-2.0
// The CUDA runtime's functions that wait for a device, defined in the test executable: counted, then called.
#include "cuda_calls.hpp"
#include "next_function.hpp"

#include <atomic>
#include <cstddef>

namespace cuda_calls {

namespace {

std::atomic<std::int64_t> count{0};

constinit NextFunction<int(void*)> stream_synchronize("cudaStreamSynchronize");
constinit NextFunction<int(void*)> event_synchronize("cudaEventSynchronize");
constinit NextFunction<int()> device_synchronize("cudaDeviceSynchronize");
constinit NextFunction<int(void*, const void*, std::size_t, int)> memcpy("cudaMemcpy");

template <class Next, class... Arguments>
int counted(Next& next, Arguments... arguments) {
  ++count;
  return next(arguments...);
}

}  // namespace

std::int64_t waits() { return count.load(); }

}  // namespace cuda_calls

extern "C" {
int cudaStreamSynchronize(void* stream) { return cuda_calls::counted(cuda_calls::stream_synchronize, stream); }
int cudaEventSynchronize(void* event) { return cuda_calls::counted(cuda_calls::event_synchronize, event); }
int cudaDeviceSynchronize() { return cuda_calls::counted(cuda_calls::device_synchronize); }
int cudaMemcpy(void* to, const void* from, std::size_t bytes, int kind) {
  return cuda_calls::counted(cuda_calls::memcpy, to, from, bytes, kind);
}
}
