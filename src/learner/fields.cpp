// SPDX-License-Identifier: Apache-2.0
#include "../detail/listed.hpp"

#include <assay/error.hpp>
#include <assay/learner/fields.hpp>

#include <ATen/ops/cat.h>
#include <c10/util/accumulate.h>

#include <algorithm>

namespace assay {

namespace {

constexpr std::int64_t most_columns = std::int64_t{1} << 40;

std::int64_t columns_of(const Field& field) { return c10::multiply_integers(field.shape); }

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::ostringstream text;
  text << torch::IntArrayRef(shape);
  return text.str();
}

}  // namespace

Fields::Fields(std::string role, std::vector<std::string> names) : role_(std::move(role)), names_(std::move(names)) {
  if (names_.empty()) {
    throw ConfigError({"assay.config.required", "/" + role_, "at least one field name", "none", ""});
  }
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (std::find(names_.begin(), names_.begin() + static_cast<std::ptrdiff_t>(i), names_[i]) !=
        names_.begin() + static_cast<std::ptrdiff_t>(i)) {
      throw ConfigError({"assay.config.duplicate", "/" + role_, "every field once", "'" + names_[i] + "' twice", ""});
    }
  }
}

std::int64_t Fields::width() const {
  if (!known()) {
    throw TrainingError({"assay.learner.untrained", "learner", "a trained or loaded learner",
                         "one that has seen no labeled sample", "train it, or load a state, first"});
  }
  std::int64_t width = 0;
  for (const Field& field : schema_) width += columns_of(field);
  return width;
}

void Fields::learn(const Values& batch) {
  const Schema seen = schema_of_batch(batch.pick(names_));
  for (const Field& field : seen) {
    if (columns_of(field) > 0) continue;
    throw DataError({"assay.learner.empty", role_ + " '" + field.name + "'", "at least one number a sample",
                     shape_text(field.shape) + " a sample", ""});
  }
  if (!known()) schema_ = seen;
  flatten(batch);
}

void Fields::require_shapes(const Values& batch) const {
  width();
  for (const Field& field : schema_) {
    const torch::Tensor& values = batch.at(field.name);
    if (values.dim() > 0 && values.sizes().slice(1) == torch::IntArrayRef(field.shape)) continue;
    throw ShapeError(
        {"assay.learner.shape", role_ + " '" + field.name + "'", shape_text(field.shape) + " a sample",
         values.dim() == 0 ? "a tensor without a batch dimension" : shape_text(values.sizes().slice(1).vec()),
         "the learner was trained on samples of the first shape"});
  }
}

torch::Tensor Fields::flatten(const Values& batch) const {
  require_shapes(batch);
  std::vector<torch::Tensor> columns;
  for (const Field& field : schema_) {
    const torch::Tensor& values = batch.at(field.name);
    columns.push_back(values.reshape({values.size(0), columns_of(field)}).to(torch::kCPU, torch::kFloat64));
  }
  return columns.size() == 1 ? columns.front() : at::cat(columns, 1);
}

Values Fields::unflatten(const torch::Tensor& columns) const {
  Values batch;
  std::int64_t first = 0;
  for (const Field& field : schema_) {
    std::vector<std::int64_t> shape{columns.size(0)};
    shape.insert(shape.end(), field.shape.begin(), field.shape.end());
    const std::int64_t count = columns_of(field);
    batch.set(field.name, columns.narrow(1, first, count).reshape(shape));
    first += count;
  }
  return batch;
}

Json Fields::to_json() const {
  Json json = Json::array();
  for (const Field& field : schema_) json.push_back(Json{{"name", field.name}, {"shape", field.shape}});
  return json;
}

void Fields::load(const Json& json) {
  Schema schema;
  std::vector<std::string> names;
  double columns = 0;  // in floating point: the product of hostile numbers does not fit an integer
  for (const Json& field : json) {
    schema.push_back({field.at("name").get<std::string>(), {}, torch::kFloat64});
    names.push_back(schema.back().name);
    double product = 1;
    for (const Json& extent : field.at("shape")) {
      schema.back().shape.push_back(integer_from_json<std::uint32_t>(extent));
      product *= std::max(1.0, static_cast<double>(schema.back().shape.back()));
    }
    columns += product;
  }
  if (columns > static_cast<double>(most_columns)) {
    throw CheckpointError({"assay.checkpoint.learner", role_ + " of the learner",
                           "at most " + std::to_string(most_columns) + " numbers a sample", std::to_string(columns),
                           ""});
  }
  if (!schema.empty() && names != names_) {
    throw CheckpointError({"assay.checkpoint.learner", role_ + " of the learner", detail::listed(names_),
                           detail::listed(names), "load the state into a learner with the same fields"});
  }
  schema_ = std::move(schema);
}

}  // namespace assay
