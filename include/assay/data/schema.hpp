// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/values.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace assay {

/// Name, shape and dtype of one field of a sample.
struct Field {
  std::string name;
  std::vector<std::int64_t> shape;  ///< of one sample: without the batch dimension
  torch::Dtype dtype = torch::kFloat64;

  bool operator==(const Field&) const = default;
};

/// The fields that every sample of a pool has, in order.
using Schema = std::vector<Field>;

/// Schema of one sample.
Schema schema_of_sample(const Values& sample);
/// Schema of a batch: the shapes without dimension 0.
Schema schema_of_batch(const Values& batch);

/// "float64 [2, 500]".
std::string describe(const Field& field);

/// Throws `ShapeError` (or `DataError` for a missing or an extra name) unless `sample` fits `schema`.
/// \param where names the sample in the message.
void require_fits(const Values& sample, const Schema& schema, std::string_view where);

}  // namespace assay
