// SPDX-License-Identifier: Apache-2.0
#include <assay/detail/graph_backend.hpp>

#include <map>
#include <mutex>

namespace assay::detail {

namespace {

struct Backends {
  std::mutex mutex;
  std::map<c10::DeviceType, GraphSupport> known;
};

Backends& backends() {
  static Backends backends;
  return backends;
}

}  // namespace

GraphSupport graph_support(c10::DeviceType type) {
  const std::scoped_lock lock(backends().mutex);
  const auto found = backends().known.find(type);
  if (found != backends().known.end()) return found->second;
  return {nullptr, "the program has nothing that records the work of a " + c10::DeviceTypeName(type, true) + " device"};
}

std::shared_ptr<GraphBackend> graph_backend(c10::DeviceType type) {
  const std::scoped_lock lock(backends().mutex);
  const auto found = backends().known.find(type);
  return found != backends().known.end() ? found->second.backend : nullptr;
}

void set_graph_support(c10::DeviceType type, GraphSupport support) {
  const std::scoped_lock lock(backends().mutex);
  backends().known[type] = std::move(support);
}

}  // namespace assay::detail
