// SPDX-License-Identifier: Apache-2.0
#include <assay/data/sample.hpp>
#include <assay/data/schema.hpp>
#include <assay/error.hpp>

#include <algorithm>
#include <array>
#include <sstream>

namespace assay {

namespace {
constexpr std::array purposes{"initial", "validation", "test", "training"};
}  // namespace

std::string_view to_string(Purpose purpose) { return purposes[static_cast<std::size_t>(purpose)]; }

Purpose purpose_from_string(std::string_view text) {
  const auto found = std::find(purposes.begin(), purposes.end(), text);
  if (found != purposes.end()) return static_cast<Purpose>(found - purposes.begin());
  throw CheckpointError(
      {"assay.ledger.purpose", "ledger", "initial, validation, test or training", "'" + std::string(text) + "'", ""});
}

Schema schema_of_sample(const Values& sample) {
  Schema schema;
  for (const NamedTensor& entry : sample) {
    schema.push_back({entry.name, entry.tensor.sizes().vec(), entry.tensor.scalar_type()});
  }
  return schema;
}

Schema schema_of_batch(const Values& batch) {
  batch_size(batch);
  Schema schema;
  for (const NamedTensor& entry : batch) {
    schema.push_back({entry.name, entry.tensor.sizes().slice(1).vec(), entry.tensor.scalar_type()});
  }
  return schema;
}

std::string describe(const Field& field) {
  std::ostringstream text;
  text << c10::toString(field.dtype) << ' ' << torch::IntArrayRef(field.shape);
  return text.str();
}

void require_fits(const Values& sample, const Schema& schema, std::string_view where) {
  for (const Field& field : schema) {
    const torch::Tensor& tensor = sample.at(field.name);
    const Field came{field.name, tensor.sizes().vec(), tensor.scalar_type()};
    if (came == field) continue;
    throw ShapeError(
        {"assay.values.shape", std::string(where) + ", '" + field.name + "'", describe(field), describe(came), ""});
  }
  if (sample.size() == schema.size()) return;
  for (const std::string& name : sample.names()) {
    if (std::none_of(schema.begin(), schema.end(), [&](const Field& field) { return field.name == name; })) {
      throw DataError({"assay.values.extra", std::string(where), "no field '" + name + "'", "it", ""});
    }
  }
}

}  // namespace assay
