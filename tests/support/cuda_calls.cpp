// SPDX-License-Identifier: Apache-2.0
// The CUDA runtime's functions that wait for a device, defined in the test executable: counted, then called.
#include "cuda_calls.hpp"

#include <dlfcn.h>

#include <atomic>
#include <cstddef>

namespace cuda_calls {

namespace {

std::atomic<std::int64_t> count{0};

template <class... Arguments>
int counted(const char* name, Arguments... arguments) {
  ++count;
  return reinterpret_cast<int (*)(Arguments...)>(::dlsym(RTLD_NEXT, name))(arguments...);
}

}  // namespace

std::int64_t waits() { return count.load(); }

}  // namespace cuda_calls

extern "C" {
int cudaStreamSynchronize(void* stream) { return cuda_calls::counted("cudaStreamSynchronize", stream); }
int cudaEventSynchronize(void* event) { return cuda_calls::counted("cudaEventSynchronize", event); }
int cudaDeviceSynchronize() { return cuda_calls::counted("cudaDeviceSynchronize"); }
int cudaMemcpy(void* to, const void* from, std::size_t bytes, int kind) {
  return cuda_calls::counted("cudaMemcpy", to, from, bytes, kind);
}
}
