// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/sample.hpp>
#include <assay/select/feature_matrix.hpp>

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace assay {

/// How the pool's features are held while a selection works.
enum class Execution {
  automatic,  ///< the first of the following that fits the memory
  resident,   ///< all of them in memory, work areas of the best size
  blocked,    ///< all of them in memory, work areas as small as the memory asks
  streamed    ///< read from their file block by block
};

/// What a batch is chosen from; the same for every method that works on features.
struct SelectionProblem {
  FeatureMatrix pool{};     ///< candidates, [n, d]
  FeatureMatrix train{};    ///< labeled: centers, or conditioned on; may be empty
  FeatureMatrix pending{};  ///< chosen before, label not yet there: treated like `train`
  torch::Tensor weight{};   ///< [n], >= 0, multiplies each candidate's squared distance (or gain); may be undefined
  torch::Tensor cost{};     ///< [n], > 0, divides it; may be undefined
  std::int64_t count = 1;
  std::uint64_t seed = 0;
  /// Of the candidates, distinct: equal scores go to the lowest id and draws are keyed by it. Empty: their rows.
  std::vector<SampleId> ids{};
  /// Most bytes to allocate and map at a time, the features' included; 0: no bound.
  std::int64_t memory = 0;
  int threads = 0;                     ///< 0: as many as Torch uses
  torch::Device device = torch::kCPU;  ///< where the blocked products are computed
  Execution execution = Execution::automatic;
};

/// The rows chosen, in order of choosing.
struct SelectedBatch {
  std::vector<std::int64_t> rows;
  std::vector<double> scores;
  double seconds = 0;
  /// Rows of features read, over rows of the pool.
  double passes = 0;
  /// Most bytes held at a time, mapped files included.
  std::int64_t peak_bytes = 0;
  Execution execution = Execution::automatic;
};

const char* name_of(Execution execution);

}  // namespace assay
