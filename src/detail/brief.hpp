// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace assay::detail {

/// `text`, short enough for a message.
inline std::string brief(std::string text) {
  if (text.size() > 200) text.replace(200, std::string::npos, "…");
  return text;
}

}  // namespace assay::detail
