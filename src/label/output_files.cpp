// SPDX-License-Identifier: Apache-2.0
#include "output_files.hpp"

#include "output_place.hpp"
#include "output_text.hpp"

#include <assay/data/npy.hpp>
#include <assay/data/table.hpp>
#include <assay/detail/files.hpp>
#include <assay/detail/utf8.hpp>
#include <assay/error.hpp>
#include <assay/json.hpp>

#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace assay::detail {

namespace fs = std::filesystem;

namespace {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

[[noreturn]] void output_refused(const std::string& where, std::string expected, std::string got) {
  throw LabelError({"assay.label.output", where, std::move(expected), std::move(got), ""});
}

/// A program may leave anything under the name of its output: a pipe would be waited for, an endless file read.
void require_readable(const fs::path& file, std::int64_t limit) {
  std::error_code error;
  if (!fs::exists(file, error)) output_refused(file.string(), "a file that the program wrote", "none");
  if (!fs::is_regular_file(file, error)) output_refused(file.string(), "a file", "something else");
  const std::uintmax_t size = fs::file_size(file, error);
  if (!error && size > static_cast<std::uintmax_t>(limit))
    output_refused(file.string(), "at most " + std::to_string(limit) + " bytes ('read_limit')", std::to_string(size));
}

/// Makes a tensor of nested JSON arrays whose shape is that of the first of each level. They are at most as deep as
/// `parse_json` lets them be.
class ArrayReader {
 public:
  explicit ArrayReader(std::string where) : where_(std::move(where)) {}

  torch::Tensor read(const Json& json) {
    for (const Json* level = &json; level->is_array(); level = &level->front()) {
      shape_.push_back(static_cast<std::int64_t>(level->size()));
      if (level->empty()) break;
    }
    collect(json, 0);
    return at::tensor(numbers_, torch::kFloat64).reshape(shape_);
  }

 private:
  void collect(const Json& json, std::size_t depth) {
    if (depth == shape_.size()) {
      if (json.is_array()) output_refused(where_, "a number where others of its depth are numbers", "an array");
      if (json.is_null() || json.is_boolean() || json.is_object())
        output_refused(where_, "numbers", std::string("a value of type ") + json.type_name());
      numbers_.push_back(number_from_json(json));
      return;
    }
    const auto expected = static_cast<std::size_t>(shape_[depth]);
    if (!json.is_array())
      output_refused(where_, "an array of the shape of its neighbors",
                     std::string("a value of type ") + json.type_name());
    if (json.size() != expected) {
      output_refused(where_,
                     "arrays of one shape: " + std::to_string(expected) + " elements, as the first of this depth",
                     std::to_string(json.size()));
    }
    for (const Json& item : json) collect(item, depth + 1);
  }

  std::string where_;
  std::vector<std::int64_t> shape_;
  std::vector<double> numbers_;
};

torch::Tensor one_number(double number) { return at::scalar_tensor(number, torch::kFloat64); }

torch::Tensor read_column(const fs::path& file, const OutputPlace::Column& column) {
  const Table table = read_table(file);
  torch::Tensor numbers = table.numbers({.column = column.name});
  if (!column.row) return numbers;
  const std::int64_t row = *column.row < 0 ? table.rows() + *column.row : *column.row;
  if (row < 0 || row >= table.rows())
    output_refused(file.string() + "#" + column.name, "row " + std::to_string(*column.row),
                   std::to_string(table.rows()) + " rows");
  return numbers[row].clone();
}

torch::Tensor read_key(const fs::path& file, const OutputPlace::Key& key) {
  const std::string text = read_file(file);
  const std::optional<std::string_view> value = behind_key(text, key.name);
  if (!value) output_refused(file.string(), "a line '" + key.name + " = number'", "none");
  std::string_view number = *value;
  number.remove_prefix(std::min(number.find_first_not_of(" \t"), number.size()));
  std::string_view first = number.substr(0, number.find_first_of(" \t\r"));
  if (first.ends_with(',') || first.ends_with(';')) first.remove_suffix(1);
  if (const std::optional<double> read = csv_number(first)) return one_number(*read);
  output_refused(file.string() + ", '" + key.name + "'", "a number",
                 first.empty() ? "nothing" : "'" + valid_utf8(first) + "'");
}

torch::Tensor read_after(const fs::path& file, const OutputPlace::After& after) {
  const std::string text = read_file(file);
  const std::optional<std::string_view> rest = behind_last(text, after.text);
  if (!rest) output_refused(file.string(), "a line with '" + after.text + "'", "none");
  if (const std::optional<double> number = nth_number(*rest, after.number)) return one_number(*number);
  constexpr std::size_t longest = 100;
  output_refused(file.string() + ", behind the last '" + after.text + "'", std::to_string(after.number) + " numbers",
                 "'" + valid_utf8(rest->substr(0, longest)) + "'");
}

torch::Tensor read_array(const fs::path& file) {
  const torch::Tensor array = read_npy(file);
  return array.is_floating_point() ? array : array.to(torch::kFloat64);
}

torch::Tensor read_json_field(const fs::path& file, const std::string& pointer, const std::string& name) {
  const Json json = parse_json(read_file(file), file.string());
  const std::string where = file.string() + "#" + pointer;
  const Json* found = nullptr;
  try {
    found = &json.at(Json::json_pointer(pointer));
  } catch (const Json::exception&) {
    output_refused(where, "field '" + name + "' there", "nothing");
  }
  return ArrayReader(where).read(*found);
}

}  // namespace

Values read_output_files(const fs::path& directory, const std::map<std::string, std::string>& outputs,
                         std::int64_t limit) {
  Values labels;
  for (const auto& [name, text] : outputs) {
    std::string problem;
    const std::optional<OutputPlace> place = output_place(text, problem);
    if (!place) output_refused(text, std::string(output_places), problem);
    const fs::path file = directory / place->file;
    require_readable(file, limit);
    labels.set(name, std::visit(Overloaded{
                                    [&](const OutputPlace::Array&) { return read_array(file); },
                                    [&, &field = name](const OutputPlace::Pointer& at) {
                                      return read_json_field(file, at.pointer, field);
                                    },
                                    [&](const OutputPlace::Column& at) { return read_column(file, at); },
                                    [&](const OutputPlace::Key& at) { return read_key(file, at); },
                                    [&](const OutputPlace::After& at) { return read_after(file, at); },
                                },
                                place->what));
  }
  return labels;
}

}  // namespace assay::detail
