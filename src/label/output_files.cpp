// SPDX-License-Identifier: Apache-2.0
#include "output_files.hpp"

#include <assay/data/npy.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>
#include <assay/json.hpp>

#include <ATen/ops/tensor.h>

#include <string_view>
#include <utility>
#include <vector>

namespace assay::detail {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void fail(const std::string& where, std::string expected, std::string got) {
  throw LabelError({"assay.label.output", where, std::move(expected), std::move(got), ""});
}

/// A program may leave anything under the name of its output: a pipe would be waited for, an endless file read.
void require_readable(const fs::path& file, std::int64_t limit) {
  std::error_code error;
  if (!fs::exists(file, error)) fail(file.string(), "a file that the program wrote", "none");
  if (!fs::is_regular_file(file, error)) fail(file.string(), "a file", "something else");
  const std::uintmax_t size = fs::file_size(file, error);
  if (!error && size > static_cast<std::uintmax_t>(limit))
    fail(file.string(), "at most " + std::to_string(limit) + " bytes ('read_limit')", std::to_string(size));
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
      if (json.is_array()) fail(where_, "a number where others of its depth are numbers", "an array");
      if (json.is_null() || json.is_boolean() || json.is_object())
        fail(where_, "numbers", std::string("a value of type ") + json.type_name());
      numbers_.push_back(number_from_json(json));
      return;
    }
    const auto expected = static_cast<std::size_t>(shape_[depth]);
    if (!json.is_array())
      fail(where_, "an array of the shape of its neighbors", std::string("a value of type ") + json.type_name());
    if (json.size() != expected) {
      fail(where_, "arrays of one shape: " + std::to_string(expected) + " elements, as the first of this depth",
           std::to_string(json.size()));
    }
    for (const Json& item : json) collect(item, depth + 1);
  }

  std::string where_;
  std::vector<std::int64_t> shape_;
  std::vector<double> numbers_;
};

torch::Tensor read_json_field(const fs::path& file, const std::string& pointer, const std::string& name) {
  const Json json = parse_json(read_file(file), file.string());
  const std::string where = file.string() + "#" + pointer;
  const Json* found = nullptr;
  try {
    found = &json.at(Json::json_pointer(pointer));
  } catch (const Json::exception&) {
    fail(where, "field '" + name + "' there", "nothing");
  }
  return ArrayReader(where).read(*found);
}

}  // namespace

Values read_output_files(const fs::path& directory, const std::map<std::string, std::string>& outputs,
                         std::int64_t limit) {
  Values labels;
  for (const auto& [name, place] : outputs) {
    const std::size_t hash = place.find('#');
    const fs::path file = directory / place.substr(0, hash);
    require_readable(file, limit);
    if (hash != std::string::npos) {
      labels.set(name, read_json_field(file, place.substr(hash + 1), name));
    } else {
      const torch::Tensor array = read_npy(file);
      labels.set(name, array.is_floating_point() ? array : array.to(torch::kFloat64));
    }
  }
  return labels;
}

}  // namespace assay::detail
