// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/core/Device.h>

#include <functional>
#include <memory>
#include <string>

namespace assay::detail {

/// Work of a device that has been recorded: it can be launched again as a whole, without the host.
class RecordedWork {
 public:
  virtual ~RecordedWork() = default;
  virtual void launch() = 0;
};

/// While it lives, the thread works on a stream of its own.
class StreamScope {
 public:
  virtual ~StreamScope() = default;
};

/// Records what work launches on the devices of a type. The CUDA one belongs to assay::cuda: a program that does not
/// link CUDA has none.
class GraphBackend {
 public:
  virtual ~GraphBackend() = default;
  /// What is launched inside the scope comes after what was launched before it, and before what is launched afterwards.
  virtual std::unique_ptr<StreamScope> own_stream(c10::Device device) = 0;
  /// Records, without running it, what `work` launches on the current stream. What it allocates and frees lives as long
  /// as the recording. Errors: `c10::Error` or what `work` throws.
  virtual std::unique_ptr<RecordedWork> record(const std::function<void()>& work) = 0;
};

/// What records the work of a type of device, or why nothing does.
struct GraphSupport {
  std::shared_ptr<GraphBackend> backend;
  std::string why_not;
};

GraphSupport graph_support(c10::DeviceType type);
/// The backend alone, or null. Cost: a look-up.
std::shared_ptr<GraphBackend> graph_backend(c10::DeviceType type);
/// Without a backend nothing is recorded from here on, for the reason given. Thread-safe.
void set_graph_support(c10::DeviceType type, GraphSupport support);

}  // namespace assay::detail
