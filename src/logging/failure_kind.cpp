// SPDX-License-Identifier: Apache-2.0
#include "failure_kind.hpp"

#include <algorithm>
#include <cctype>

namespace assay::detail {

std::string failure_kind(std::string_view reason) {
  const std::string_view line = reason.substr(0, reason.find('\n'));
  std::string kind;
  for (std::size_t begin = 0; begin < line.size();) {
    const std::size_t end = std::min(line.find(' ', begin), line.size() - 1) + 1;
    const std::string_view word = line.substr(begin, end - begin);
    bool kept = word.find('/') == std::string_view::npos;  // digits here: all of them, or those of a name
    const bool all = kept;
    for (const char c : word) {
      const bool digit = c >= '0' && c <= '9';
      if (!digit) kept = all || std::isalpha(static_cast<unsigned char>(c)) != 0;
      if (!digit || kept) {
        kind += c;
      } else if (kind.empty() || kind.back() != '*') {
        kind += '*';
      }
    }
    begin = end;
  }
  return kind;
}

}  // namespace assay::detail
