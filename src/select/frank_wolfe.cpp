// SPDX-License-Identifier: Apache-2.0
#include "greedy.hpp"
#include "posterior.hpp"

#include <assay/select/frank_wolfe.hpp>

#include <ATen/ops/dot.h>
#include <ATen/ops/zeros.h>

#include <cmath>

namespace assay {

namespace {

using namespace detail;

template <class T>
SelectedBatch frank_wolfe_batch(const SelectionProblem& problem) {
  Run<T> run(problem, "frank_wolfe");
  std::vector<std::int64_t> rows;
  std::vector<double> scores;
  if (run.count == 0) return run.finish(rows, scores);
  const std::int64_t n = run.n(), d = run.d();
  torch::Tensor sum = at::zeros({d}, torch::kFloat64), embedding = at::zeros({d}, torch::kFloat64);
  Array<double> norms(run.meter, n);
  double radius = 0;
  in_pieces(run, run.pool, [&](const torch::Tensor& x, std::int64_t first) {
    const torch::Tensor norm = x.square().sum(1).sqrt();
    std::copy_n(norm.template const_data_ptr<double>(), x.size(0), norms.data() + first);
    radius += norm.sum().template item<double>();
    sum += x.sum(0);
  });
  run.touch(n);
  for (const FeatureMatrix& matrix : run.known) {
    in_pieces(run, matrix, [&](const torch::Tensor& x, std::int64_t) {
      radius += x.square().sum(1).sqrt().sum().template item<double>();
      sum += x.sum(0);
    });
  }
  const auto step = [&](const torch::Tensor& x, double norm) {
    const torch::Tensor vertex = x * (radius / (norm + 1e-30)), towards = vertex - embedding;
    const double length = at::dot(towards, towards).template item<double>();
    if (length > 0) embedding += towards * (at::dot(towards, sum - embedding).template item<double>() / length);
  };
  for (const FeatureMatrix& matrix : run.known) {
    in_pieces(run, matrix, [&](const torch::Tensor& x, std::int64_t) {
      for (std::int64_t i = 0; i < x.size(0); ++i) step(x[i], x[i].norm().template item<double>());
    });
  }
  std::vector<bool> taken(static_cast<std::size_t>(n));
  Array<T> copy(run.meter, d);
  while (static_cast<std::int64_t>(rows.size()) < run.count) {
    const torch::Tensor residual = sum - embedding;
    const double* r = residual.template const_data_ptr<double>();
    // Scores may be negative here: shifted to stay above what marks "none yet".
    std::mutex mutex;
    std::int64_t best = -1;
    double best_score = 0;
    run.blocks([&] {
      return [&](RowReader<T>& reader, std::int64_t first, std::int64_t count) {
        const T* block = reader.block(first, count);
        std::int64_t mine = -1;
        double mine_score = 0;
        for (std::int64_t i = 0; i < count; ++i) {
          const std::int64_t row = first + i;
          if (taken[static_cast<std::size_t>(row)]) continue;
          const double score = run.weight(row) * run.kernel.dot(block + i * d, r, d) / (norms[row] + 1e-30);
          if (mine < 0 || score > mine_score || (score == mine_score && run.before(row, mine)))
            mine = row, mine_score = score;
        }
        const std::lock_guard lock(mutex);
        if (mine < 0) return;
        if (best < 0 || mine_score > best_score || (mine_score == best_score && run.before(mine, best))) {
          best = mine;
          best_score = mine_score;
        }
      };
    });
    run.touch(n);
    rows.push_back(best);
    scores.push_back(best_score);
    taken[static_cast<std::size_t>(best)] = true;
    run.copy_row(best, copy.data());
    step(to_double(copy.data(), 1, d).squeeze(0), norms[best]);
  }
  return run.finish(std::move(rows), std::move(scores));
}

}  // namespace

SelectedBatch frank_wolfe(const SelectionProblem& problem) {
  return problem.pool.dtype() == torch::kFloat64 ? frank_wolfe_batch<double>(problem)
                                                 : frank_wolfe_batch<float>(problem);
}

}  // namespace assay
