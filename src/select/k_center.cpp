// SPDX-License-Identifier: Apache-2.0
#include "greedy.hpp"

#include <assay/select/k_center.hpp>

#include <cmath>

namespace assay {

namespace {

using namespace detail;

template <class T>
struct Farthest : Chosen<T> {
  static constexpr bool steady = true;
  explicit Farthest(Run<T>& run_) : Chosen<T>(run_, run_.count), run(run_) {}
  double update(const T* x, std::int64_t i, std::int64_t k, double square) const {
    return this->nearer(x, i, k, square);
  }
  double score(std::int64_t i, double square, double) const {
    return run.weighted() ? (run.weight(i) == 0 ? 0 : run.weight(i) * square) : square;
  }
  const RunBase& run;
};

template <class T>
SelectedBatch k_center_batch(const SelectionProblem& problem) {
  Run<T> run(problem, "k_center");
  std::vector<std::int64_t> rows;
  std::vector<double> scores;
  Nearest<T> state(run, false);
  if (run.count > 0) state.add_known();
  Farthest<T> rule(run);
  LazyGreedy<T, Farthest<T>> greedy(run, state.best, rule);
  while (static_cast<std::int64_t>(rows.size()) < run.count) {
    const Winner winner = rows.empty() && state.centers == 0 ? largest_norm(run) : greedy.next();
    rows.push_back(winner.row());
    scores.push_back(std::sqrt(winner.score()));
    greedy.take(winner.row());
  }
  return run.finish(std::move(rows), std::move(scores));
}

}  // namespace

SelectedBatch k_center(const SelectionProblem& problem) {
  return problem.pool.dtype() == torch::kFloat64 ? k_center_batch<double>(problem) : k_center_batch<float>(problem);
}

Selection k_center(const torch::Tensor& candidates, const torch::Tensor& centers, std::int64_t max_samples,
                   std::span<const SampleId> ids) {
  if (candidates.size(0) == 0 || max_samples <= 0) return {};
  const auto dtype = candidates.scalar_type() == torch::kFloat32 && centers.scalar_type() == torch::kFloat32
                         ? torch::kFloat32
                         : torch::kFloat64;
  SelectedBatch batch = k_center({.pool = FeatureMatrix(candidates.to(dtype), "candidates"),
                                  .train = FeatureMatrix(centers.to(dtype), "centers"),
                                  .count = max_samples,
                                  .ids = {ids.begin(), ids.end()},
                                  .device = candidates.device()});
  return {.positions = std::move(batch.rows), .scores = std::move(batch.scores), .strategies = {}};
}

}  // namespace assay
