// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/values.hpp>

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace assay::detail {

/// Names of the categories of inputs, by field: 0, 1, … in their order.
using CategoryNames = std::map<std::string, std::vector<std::string>>;

/// A template with `{{name}}`, `{{name[2]}}` and `{{name:12.5f}}` in it, to be filled with the inputs of samples.
///
/// A category becomes its name, a whole number its digits, any other number the shortest text that reads back the same.
/// A format is one of C's: `d` (a whole number, or a category's place), `e`, `E`, `f`, `F`, `g`, `G`, with flags, width
/// and precision, or `D`: as `E`, with Fortran's letter; `s` is a text. What needs more room than the width is an
/// error: it would shift what follows in a deck of fixed columns. The locale does not matter.
class InputTemplate {
 public:
  /// Errors: `LabelError` `assay.label.template` for `{{` without `}}`, and for a format that is none.
  InputTemplate(std::string text, std::string where);

  bool has_fields() const { return !places_.empty(); }
  /// What is filled in, in its order.
  std::vector<std::string> names() const;
  /// Errors: `LabelError` `assay.label.template` for a name that is no input, or not one number, and for a number that
  /// does not fit its format.
  std::string filled(const Values& inputs, const CategoryNames& categories) const;

 private:
  struct Place {
    std::string written = {};  ///< between the braces
    std::string name = {};
    std::int64_t index = -1;  ///< of one of several numbers
    std::string flags = {};
    int width = 0, precision = -1;
    char letter = 0;  ///< of the format; 0: there is none
  };

  Place place_of(const std::string& written) const;
  std::string formatted(const Place& place, double number, const CategoryNames& categories) const;
  [[noreturn]] void fail(std::string expected, std::string got) const;

  std::string where_;
  std::vector<std::string> texts_;  ///< around the places: one more than these
  std::vector<Place> places_;
};

/// The input files of a program: templates, and folders of them, which are copied as they are but for what is filled
/// in. Files of no text (with bytes of zero) and links are copied alone.
class InputFiles {
 public:
  /// \param templates what is made of what: a file of a template, a folder of a folder ("." is the directory itself).
  /// Errors: `LabelError` `assay.label.template` for what cannot be read.
  explicit InputFiles(const std::map<std::string, std::filesystem::path>& templates);

  /// Writes all of them, with the folders that they stand in.
  /// Errors: as `InputTemplate::filled`; `CheckpointError` `assay.file`.
  void write(const std::filesystem::path& directory, const Values& inputs, const CategoryNames& categories) const;
  /// The files that something is filled into, each with the name of an input.
  std::vector<std::pair<std::filesystem::path, std::string>> fields() const;

 private:
  struct Filled {
    std::filesystem::path target;
    InputTemplate text;
    std::filesystem::perms mode;
  };
  struct Copied {
    std::filesystem::path target, source;
  };

  void add_file(const std::filesystem::path& target, const std::filesystem::path& source);
  void add_folder(const std::filesystem::path& target, const std::filesystem::path& source);

  std::vector<std::filesystem::path> folders_;
  std::vector<Filled> filled_;
  std::vector<Copied> copied_;
};

/// Why a file of a template cannot be made under this name in a simulation's directory; empty if it can: it has to lie
/// within, and not among assay's own.
std::string problem_of_target(const std::string& target);

}  // namespace assay::detail
