// SPDX-License-Identifier: Apache-2.0
#include "greedy.hpp"
#include "posterior.hpp"

#include <assay/select/bait.hpp>

#include <ATen/ops/eye.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/zeros.h>

#include <cmath>

namespace assay {

namespace {

using namespace detail;

template <class T>
SelectedBatch bait_batch(const SelectionProblem& problem, const BaitOptions& options) {
  Run<T> run(problem, "bait");
  std::vector<std::int64_t> rows;
  std::vector<double> scores;
  if (run.count == 0) return run.finish(rows, scores);
  const std::int64_t n = run.n(), d = run.d();
  const double noise = options.sigma * options.sigma;

  const torch::Tensor root = posterior_root(run, options.sigma);
  torch::Tensor covariance = root.defined() ? at::mm(root, root.t()) : at::eye(d, torch::kFloat64);  // P
  torch::Tensor target = at::zeros({d, d}, torch::kFloat64);                                         // P F P
  const auto add = [&](const torch::Tensor& x, std::int64_t) { target.addmm_(x.t(), x); };
  in_pieces(run, run.pool, add);
  for (const FeatureMatrix& matrix : run.known) in_pieces(run, matrix, add);
  if (root.defined()) target = at::mm(at::mm(covariance, target), covariance);

  Array<double> variance(run.meter, n), gain(run.meter, n);
  std::vector<bool> taken(static_cast<std::size_t>(n));
  in_pieces(run, run.pool, [&](const torch::Tensor& x, std::int64_t first) {
    const torch::Tensor v = (root.defined() ? at::mm(x, root) : x).square().sum(1);
    const torch::Tensor g = at::mm(x, target).mul_(x).sum(1);
    std::copy_n(v.template const_data_ptr<double>(), x.size(0), variance.data() + first);
    std::copy_n(g.template const_data_ptr<double>(), x.size(0), gain.data() + first);
  });
  run.touch(2 * n);

  Array<T> copy(run.meter, d);
  for (bool exhausted = false; static_cast<std::int64_t>(rows.size()) < run.count;) {
    Winner winner(run);
    for (std::int64_t i = 0; i < n && !exhausted; ++i) {
      const double score = run.weight(i) * gain[i] / (variance[i] + noise + 1e-8);
      if (!taken[static_cast<std::size_t>(i)]) winner.offer(score, i);
    }
    if (!(winner.score() > 0)) {
      exhausted = true;
      winner = Winner(run);
      for (std::int64_t i = 0; i < n; ++i) {
        if (!taken[static_cast<std::size_t>(i)]) winner.offer(0, i);
      }
    }
    const std::int64_t row = winner.row();
    rows.push_back(row);
    scores.push_back(winner.score());
    taken[static_cast<std::size_t>(row)] = true;
    const double s = variance[row] + noise, own = gain[row];
    if (exhausted || s <= 0 || static_cast<std::int64_t>(rows.size()) == run.count) continue;

    run.copy_row(row, copy.data());
    const torch::Tensor x = to_double(copy.data(), 1, d).squeeze(0);
    const torch::Tensor v = at::mv(covariance, x), w = at::mv(target, x);
    covariance.addr_(v, v, 1, -1 / s);
    target.addr_(v, w, 1, -1 / s).addr_(w, v, 1, -1 / s).addr_(v, v, 1, own / (s * s));
    const double* along = v.template const_data_ptr<double>();
    const double* towards = w.template const_data_ptr<double>();
    run.blocks([&] {
      return [&](RowReader<T>& reader, std::int64_t first, std::int64_t count) {
        const T* block = reader.block(first, count);
        for (std::int64_t i = 0; i < count; ++i) {
          const double a = run.kernel.dot(block + i * d, along, d), b = run.kernel.dot(block + i * d, towards, d);
          gain[first + i] += a * (own * a / s - 2 * b) / s;
          variance[first + i] -= a * a / s;
        }
      };
    });
    run.touch(n);
  }
  return run.finish(std::move(rows), std::move(scores));
}

}  // namespace

SelectedBatch bait(const SelectionProblem& problem, const BaitOptions& options) {
  require_valid(options, "bait");
  return problem.pool.dtype() == torch::kFloat64 ? bait_batch<double>(problem, options)
                                                 : bait_batch<float>(problem, options);
}

}  // namespace assay
