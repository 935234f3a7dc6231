// SPDX-License-Identifier: Apache-2.0
// CUDA graphs for training loops: part of assay::cuda, whose link option pulls this file in by the symbol at its end.
#include <assay/detail/graph_backend.hpp>

#include <ATen/cuda/CUDAGraph.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/Event.h>
#include <c10/cuda/CUDAStream.h>

#include <map>

namespace assay::detail {

namespace {

class CudaRecording final : public RecordedWork {
 public:
  explicit CudaRecording(const std::function<void()>& work) {
    // Other threads may call CUDA meanwhile: what they do is no business of this capture.
    graph_.capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
    try {
      work();
    } catch (...) {
      try {
        graph_.capture_end();
      } catch (const c10::Error&) {  // the capture is spoilt, and the first error says why
      }
      throw;
    }
    graph_.capture_end();
  }

  void launch() override { graph_.replay(); }

 private:
  at::cuda::CUDAGraph graph_;
};

/// Makes `later` wait for what `earlier` was given so far.
void order(const c10::cuda::CUDAStream& earlier, const c10::cuda::CUDAStream& later) {
  c10::Event event(c10::DeviceType::CUDA);
  event.record(earlier.unwrap());
  event.block(later.unwrap());
}

class CudaStreamScope final : public StreamScope {
 public:
  CudaStreamScope(c10::Device device, c10::cuda::CUDAStream own)
      : device_(device), outer_(c10::cuda::getCurrentCUDAStream(device.index())), own_(own) {
    order(outer_, own_);
    c10::cuda::setCurrentCUDAStream(own_);
  }
  CudaStreamScope(const CudaStreamScope&) = delete;
  CudaStreamScope& operator=(const CudaStreamScope&) = delete;
  ~CudaStreamScope() override {
    order(own_, outer_);
    c10::cuda::setCurrentCUDAStream(outer_);
  }

 private:
  c10::DeviceGuard device_;
  c10::cuda::CUDAStream outer_;
  c10::cuda::CUDAStream own_;
};

class CudaGraphs final : public GraphBackend {
 public:
  std::unique_ptr<StreamScope> own_stream(c10::Device device) override {
    // The same one in every training of a thread, so that warm-ups hold for later ones.
    thread_local std::map<c10::DeviceIndex, c10::cuda::CUDAStream> streams;
    auto found = streams.find(device.index());
    if (found == streams.end()) {
      found =
          streams.emplace(device.index(), c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device.index())).first;
    }
    return std::make_unique<CudaStreamScope>(device, found->second);
  }

  std::unique_ptr<RecordedWork> record(const std::function<void()>& work) override {
    return std::make_unique<CudaRecording>(work);
  }
};

[[maybe_unused]] const bool registered = [] {
  set_graph_support(c10::DeviceType::CUDA, {std::make_shared<CudaGraphs>(), ""});
  return true;
}();

}  // namespace

}  // namespace assay::detail

extern "C" {
extern const char assay_cuda_graphs;
const char assay_cuda_graphs = 1;
}
