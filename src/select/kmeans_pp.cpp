// SPDX-License-Identifier: Apache-2.0
#include "kmeans_pp.hpp"

#include <assay/select/kmeans_pp.hpp>

#include <cmath>

namespace assay {

namespace {

template <class T>
SelectedBatch kmeans_pp_batch(const SelectionProblem& problem) {
  detail::Run<T> run(problem, "kmeans_pp");
  std::vector<double> scores;
  detail::Nearest<T> state(run, false);
  if (run.count > 0) state.add_known();
  std::vector<std::int64_t> rows = detail::draw_kmeans_pp(run, state, run.count, scores);
  return run.finish(std::move(rows), std::move(scores));
}

}  // namespace

SelectedBatch kmeans_pp(const SelectionProblem& problem) {
  return problem.pool.dtype() == torch::kFloat64 ? kmeans_pp_batch<double>(problem) : kmeans_pp_batch<float>(problem);
}

}  // namespace assay
