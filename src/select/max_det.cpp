// SPDX-License-Identifier: Apache-2.0
#include "greedy.hpp"
#include "posterior.hpp"

#include <assay/select/max_det.hpp>

#include <ATen/ops/dot.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/mv.h>

#include <cmath>

namespace assay {

namespace {

using namespace detail;

/// Variances given the chosen rows: k(x, x | p_1 … p_k) = k(x, x) - Σ (x·q_k)², q_k the k-th step of a pivoted
/// Cholesky decomposition, written as a vector of features.
template <class T>
struct Variance {
  static constexpr bool steady = true;

  Variance(Run<T>& run_, double sigma) : run(run_), noise(sigma * sigma), steps(run_.meter, run_.count * run_.d()) {
    root = posterior_root(run, sigma);
  }
  /// Variances given the known rows alone.
  Array<double> start() {
    Array<double> values(run.meter, run.n());
    in_pieces(run, run.pool, [&](const torch::Tensor& rows, std::int64_t first) {
      const torch::Tensor squares = (root.defined() ? at::mm(rows, root) : rows).square().sum(1);
      const double* square = squares.template const_data_ptr<double>();
      for (std::int64_t i = 0; i < rows.size(0); ++i) values[first + i] = square[i] + noise;
    });
    run.touch(run.n());
    return values;
  }
  double update(const T* x, std::int64_t, std::int64_t k, double value) const {
    const double step = run.kernel.dot(x, steps.data() + k * run.d(), run.d());
    return std::max(0.0, value - step * step);
  }
  double score(std::int64_t i, double value, double) const { return run.weight(i) * value; }
  /// \param variance of the row at the time of choosing.
  void take(std::int64_t row) {
    Array<T> copy(run.meter, run.d());
    run.copy_row(row, copy.data());
    torch::Tensor q = to_double(copy.data(), 1, run.d()).squeeze(0);
    if (root.defined()) q = at::mv(root, at::mv(root.t(), q));
    torch::Tensor step = at::empty({run.d()}, torch::kFloat64);
    double* out = step.template mutable_data_ptr<double>();
    std::copy_n(q.template const_data_ptr<double>(), run.d(), out);
    for (std::int64_t k = 0; k < taken; ++k) {
      const double* before = steps.data() + k * run.d();
      const double along = run.kernel.dot(copy.data(), before, run.d());
      for (std::int64_t j = 0; j < run.d(); ++j) out[j] -= along * before[j];
    }
    for (std::int64_t j = 0; j < run.d(); ++j) steps[taken * run.d() + j] = out[j] / std::sqrt(variance);
    ++taken;
  }

  Run<T>& run;
  double noise, variance = 1;
  torch::Tensor root;
  Array<double> steps;
  std::int64_t taken = 0;
};

template <class T>
SelectedBatch max_det_batch(const SelectionProblem& problem, const MaxDetOptions& options) {
  Run<T> run(problem, "max_det");
  std::vector<std::int64_t> rows;
  std::vector<double> scores;
  if (run.count == 0) return run.finish(rows, scores);
  Variance<T> rule(run, options.sigma);
  Array<double> values = rule.start();
  double largest = 0;
  for (std::int64_t i = 0; i < run.n(); ++i) largest = std::max(largest, values[i]);
  LazyGreedy<T, Variance<T>> greedy(run, values, rule);
  bool exhausted = false;
  while (static_cast<std::int64_t>(rows.size()) < run.count) {
    Winner winner(run);
    if (!exhausted) {
      winner = greedy.next();
      rule.variance = values[winner.row()];
      exhausted = winner.score() <= 0 || rule.variance <= 1e-12 * largest;
    }
    if (exhausted) {
      winner = Winner(run);
      for (std::int64_t i = 0; i < run.n(); ++i) {
        if (values[i] >= 0) winner.offer(0, i);
      }
      values[winner.row()] = -1;
    } else {
      greedy.take(winner.row());
    }
    rows.push_back(winner.row());
    scores.push_back(winner.score());
  }
  return run.finish(std::move(rows), std::move(scores));
}

}  // namespace

SelectedBatch max_det(const SelectionProblem& problem, const MaxDetOptions& options) {
  require_valid(options, "max_det");
  return problem.pool.dtype() == torch::kFloat64 ? max_det_batch<double>(problem, options)
                                                 : max_det_batch<float>(problem, options);
}

}  // namespace assay
