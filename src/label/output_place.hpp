// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace assay::detail {

/// Where a field stands among the files of a program.
struct OutputPlace {
  struct Array {};  ///< the whole file, `.npy`
  struct Pointer {
    std::string pointer;  ///< into JSON
  };
  struct Column {
    std::string name;
    std::optional<std::int64_t> row;  ///< from 0, or from the end: -1 is the last; none: all
  };
  struct Key {
    std::string name;  ///< of `name = number`, at the beginning of a line
  };
  struct After {
    std::string text;         ///< in a line; blanks stand for any number of blanks
    std::int64_t number = 1;  ///< which of the numbers behind it, from 1
  };

  std::string file;
  std::variant<Array, Pointer, Column, Key, After> what;
};

/// `FILE.npy`, `FILE.json#/pointer`, `FILE.csv#COLUMN`, `FILE.csv#COLUMN@ROW`, `FILE#key=NAME`, `FILE#after=TEXT` or
/// `FILE#after=TEXT@N`. \param problem why it is none of these, if nothing is returned.
std::optional<OutputPlace> output_place(std::string_view text, std::string& problem);

/// What a field of outputs may be, for messages.
inline constexpr std::string_view output_places =
    "FILE.json#/pointer, FILE.npy, FILE.csv#COLUMN, FILE.csv#COLUMN@ROW, FILE#key=NAME, FILE#after=TEXT or "
    "FILE#after=TEXT@N";

}  // namespace assay::detail
