// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace assay::detail {

/// Throws the exception being handled as `CheckpointError` `assay.checkpoint.state`, where it says that the contents of
/// a saved state are not what was expected (JSON of another kind, tensors that do not fit); others as they are.
[[noreturn]] void rethrow_as_damaged(std::string_view what);

/// Runs `load`, which reads a saved state that may hold anything. \param what is restored, for messages.
/// Errors: `Error`, whatever the state holds.
template <class Load>
void restoring(std::string_view what, Load&& load) {
  try {
    load();
  } catch (...) {
    rethrow_as_damaged(what);
  }
}

}  // namespace assay::detail
