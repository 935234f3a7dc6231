// SPDX-License-Identifier: Apache-2.0
#include "work_trace.hpp"

#include <ATen/core/ivalue.h>
#include <ATen/record_function.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <sstream>
#include <string_view>

namespace assay::detail {

namespace {

/// Operators whose result is read by the host, or decides on a shape.
constexpr std::pair<std::string_view, const char*> obstacles[] = {
    {"aten::item", "reads a number from the device"},
    {"aten::is_nonzero", "reads a number from the device"},
    {"aten::_local_scalar_dense", "reads a number from the device"},
    {"aten::equal", "reads a number from the device"},
    {"aten::nonzero", "gives a tensor whose size depends on the data"},
    {"aten::masked_select", "gives a tensor whose size depends on the data"},
    {"aten::_unique", "gives a tensor whose size depends on the data"},
    {"aten::_unique2", "gives a tensor whose size depends on the data"},
    {"aten::unique_dim", "gives a tensor whose size depends on the data"},
    {"aten::unique_consecutive", "gives a tensor whose size depends on the data"},
    {"aten::bincount", "gives a tensor whose size depends on the data"},
};

/// Collects the operators of all threads that work for the traced one.
class Tracer {
 public:
  explicit Tracer(c10::DeviceType device) : device_(device) {}

  void see(const at::RecordFunction& function) {
    const std::scoped_lock lock(mutex_);
    const std::string_view name = function.name();
    std::ostringstream text;
    text.precision(17);
    text << name;
    devices_.clear();
    for (const c10::IValue& input : function.inputs()) describe(text, input);
    trace_.operators.push_back(std::move(text).str());
    look_for_obstacle(name);
    ++depth;
  }

  /// How many operators deep this thread is.
  static thread_local int depth;

  WorkTrace finish() {
    for (auto& [address, weak] : seen_) {
      if (c10::intrusive_ptr<c10::StorageImpl> alive = weak.lock()) trace_.memory.push_back(std::move(alive));
    }
    return std::move(trace_);
  }

 private:
  void describe(std::ostringstream& text, const c10::IValue& value) {
    if (value.isTensor()) return describe(text, value.toTensor());
    text << ' ';
    if (value.isInt()) {
      text << value.toInt();
    } else if (value.isDouble()) {
      text << value.toDouble();
    } else if (value.isBool()) {
      text << (value.toBool() ? "true" : "false");
    } else if (value.isString()) {
      text << value.toStringView();
    } else if (value.isGenerator()) {
      obstacle_ = "draws from a generator of its own";
    } else if (value.isList()) {
      text << '(';
      for (const c10::IValue& element : value.toListRef()) describe(text, element);
      text << " )";
    }
  }

  void describe(std::ostringstream& text, const at::Tensor& tensor) {
    if (!tensor.defined()) {
      text << " none";
      return;
    }
    text << ' ' << c10::toString(tensor.scalar_type()) << tensor.sizes();
    const bool number = tensor.dim() == 0 && tensor.is_cpu() && device_ != c10::DeviceType::CPU;
    if (number) {  // a number of the host's: part of the operator
      text << '=' << tensor.item().toDouble();
    } else {
      devices_.push_back(tensor.device());
    }
    if (!tensor.has_storage()) return;
    const auto storage = c10::intrusive_ptr<c10::StorageImpl>::reclaim_copy(tensor.storage().unsafeGetStorageImpl());
    seen_.try_emplace(storage.get(), storage);
  }

  void look_for_obstacle(std::string_view name) {
    if (device_ == c10::DeviceType::CPU && depth > 0) return;  // inside, the host may read what it works on
    const auto foreign = std::find_if(devices_.begin(), devices_.end(),
                                      [&](const c10::Device& device) { return device.type() != device_; });
    const auto listed = std::find_if(std::begin(obstacles), std::end(obstacles),
                                     [&](const auto& obstacle) { return obstacle.first == name; });
    if (listed != std::end(obstacles) && !devices_.empty()) {
      obstacle_ = listed->second;
    } else if (foreign != devices_.end()) {
      obstacle_ = "works on " + foreign->str() + " as well";
    }
    if (trace_.obstacle.empty() && !obstacle_.empty()) trace_.obstacle = std::string(name) + " " + obstacle_;
    obstacle_.clear();
  }

  const c10::DeviceType device_;
  std::mutex mutex_;
  WorkTrace trace_;
  std::map<c10::StorageImpl*, c10::weak_intrusive_ptr<c10::StorageImpl>> seen_;
  std::vector<c10::Device> devices_;  // of the operator at hand
  std::string obstacle_;
};

thread_local int Tracer::depth = 0;

std::mutex one_at_a_time;
std::atomic<Tracer*> tracer = nullptr;

std::unique_ptr<at::ObserverContext> see(const at::RecordFunction& function) {
  const at::DisableRecordFunctionGuard nothing_of_our_own;
  if (Tracer* const current = tracer.load()) current->see(function);
  return nullptr;
}

void leave(const at::RecordFunction&, at::ObserverContext*) {
  if (Tracer::depth > 0) --Tracer::depth;
}

}  // namespace

bool WorkTrace::operator==(const WorkTrace& other) const {
  return obstacle == other.obstacle && operators == other.operators && memory == other.memory;
}

WorkTrace trace_work(c10::DeviceType device, const std::function<void()>& work) {
  const std::scoped_lock lock(one_at_a_time);
  Tracer current(device);
  tracer = &current;
  struct Watching {
    at::CallbackHandle handle = at::addThreadLocalCallback(
        at::RecordFunctionCallback(see, leave).needsInputs(true).scopes({at::RecordScope::FUNCTION}));
    Watching() = default;
    Watching(const Watching&) = delete;
    Watching& operator=(const Watching&) = delete;
    ~Watching() {
      at::removeCallback(handle);
      tracer = nullptr;
    }
  };
  {
    const Watching watching;
    work();
  }
  return current.finish();
}

std::string difference(const WorkTrace& before, const WorkTrace& now) {
  const std::size_t common = std::min(before.operators.size(), now.operators.size());
  for (std::size_t i = 0; i < common; ++i) {
    if (before.operators[i] == now.operators[i]) continue;
    return "operator " + std::to_string(i + 1) + " is " + now.operators[i] + ", was " + before.operators[i];
  }
  if (before.operators.size() != now.operators.size()) {
    return std::to_string(now.operators.size()) + " operators, were " + std::to_string(before.operators.size());
  }
  return "it works in other memory each time";
}

}  // namespace assay::detail
