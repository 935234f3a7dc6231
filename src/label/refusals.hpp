// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/error.hpp>

#include <atomic>
#include <cstdint>
#include <string>

namespace assay::detail {

/// What became of the labels that a strategy brought since its program began. A refused label is a failure of its
/// sample; where most are refused it is the strategy that brings something else than the campaign learns.
class Refusals {
 public:
  /// \return `accepted`.
  bool count(bool accepted) {
    ++(accepted ? accepted_ : refused_);
    return accepted;
  }
  /// To be called when a phase has ended. Errors: `LabelError` `assay.label.refused`.
  void require_few() const {
    const std::int64_t refused = refused_, accepted = accepted_;
    if (refused < least || refused <= accepted) return;
    throw LabelError({"assay.label.refused", "labels of this run", "labels that the campaign can take",
                      std::to_string(refused) + " of " + std::to_string(refused + accepted) + " refused",
                      "'assay show' and the log say why; mend what reads the output, then 'assay retry --failed'"});
  }

 private:
  static constexpr std::int64_t least = 3;  ///< fewer may be an accident

  std::atomic<std::int64_t> accepted_{0}, refused_{0};
};

}  // namespace assay::detail
