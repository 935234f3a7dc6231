// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

namespace assay::detail {

/// A working state that copies of its owner do not share: they begin without.
template <class T>
class Scratch {
 public:
  Scratch() = default;
  Scratch(const Scratch&) noexcept {}
  Scratch(Scratch&&) noexcept = default;
  Scratch& operator=(const Scratch&) noexcept {
    held.reset();
    return *this;
  }
  Scratch& operator=(Scratch&&) noexcept = default;
  ~Scratch() = default;

  std::shared_ptr<T> held;
};

}  // namespace assay::detail
