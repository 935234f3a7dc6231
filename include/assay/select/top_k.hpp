// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/sample.hpp>
#include <assay/query/selection.hpp>

#include <torch/types.h>

#include <span>

namespace assay {

/// The `max_samples` highest scores, highest first; fewer if there are fewer.
///
/// Shapes: `scores` [n], any real dtype, any device. \param ids of the samples: equal scores go to the lowest id;
/// without
///   them, to the lowest position.
/// Cost: one copy to the CPU, O(n log max_samples).
/// Errors: `DataError` `assay.query.scores` if a score is NaN; `ShapeError` if `scores` is not [n].
Selection top_k(const torch::Tensor& scores, std::int64_t max_samples, std::span<const SampleId> ids = {});

}  // namespace assay
