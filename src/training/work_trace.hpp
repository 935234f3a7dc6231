// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/core/Device.h>
#include <c10/core/StorageImpl.h>
#include <c10/util/intrusive_ptr.h>

#include <functional>
#include <string>
#include <vector>

namespace assay::detail {

/// What a piece of work did, operator by operator, as the dispatcher saw it.
struct WorkTrace {
  std::vector<std::string> operators;  ///< names, with the types, shapes and numbers they were given
  /// The memory it reached that lives on after it, by address. As long as a trace holds it, no other memory can have
  /// the same address.
  std::vector<c10::intrusive_ptr<c10::StorageImpl>> memory;
  /// Why a recording could not repeat it: a number read by the host, a size that depends on data, work on another
  /// device; empty if nothing of the kind was seen.
  std::string obstacle;

  bool operator==(const WorkTrace& other) const;
};

/// Does the work on a device of type `device`, this thread's autograd included, and tells what it was.
/// Cost: some microseconds an operator. One at a time in a process: others wait.
WorkTrace trace_work(c10::DeviceType device, const std::function<void()>& work);

/// Where two traces part: "operator 7 is aten::relu …, was aten::tanh …".
std::string difference(const WorkTrace& before, const WorkTrace& now);

}  // namespace assay::detail
