// SPDX-License-Identifier: Apache-2.0
#include "run.hpp"

#include <cmath>
#include <string>
#include <utility>

namespace assay {

const char* name_of(Execution execution) {
  switch (execution) {
    case Execution::automatic: return "automatic";
    case Execution::resident: return "resident";
    case Execution::blocked: return "blocked";
    case Execution::streamed: return "streamed";
  }
  return "";
}

namespace detail {

namespace {

void require_like_pool(const FeatureMatrix& pool, const FeatureMatrix& other) {
  if (other.dims() != pool.dims()) {
    throw ShapeError({"assay.select.shape", other.name(), std::to_string(pool.dims()) + " features, as in the pool",
                      std::to_string(other.dims()), ""});
  }
  if (other.dtype() != pool.dtype()) {
    throw ShapeError({"assay.select.dtype", other.name(), std::string("the pool's ") + c10::toString(pool.dtype()),
                      c10::toString(other.dtype()), "convert one of the two"});
  }
}

/// weight / cost for each candidate, checked; empty where neither is given.
Array<double> weights_of(const SelectionProblem& problem, Meter& meter) {
  if (!problem.weight.defined() && !problem.cost.defined()) return {};
  const std::int64_t n = problem.pool.rows();
  Array<double> weights(meter, n, 1.0);
  for (const auto& [tensor, name] : {std::pair{problem.weight, "weight"}, std::pair{problem.cost, "cost"}}) {
    if (!tensor.defined()) continue;
    const bool cost = name == std::string_view("cost");
    const torch::Tensor values = tensor.detach().to(torch::kCPU, torch::kFloat64).contiguous().flatten();
    if (values.numel() != n) {
      throw ShapeError({"assay.select.shape", name, "one number a candidate, " + std::to_string(n),
                        std::to_string(values.numel()), ""});
    }
    const double* value = values.const_data_ptr<double>();
    for (std::int64_t i = 0; i < n; ++i) {
      if (!std::isfinite(value[i]) || value[i] < 0 || (cost && value[i] == 0)) {
        throw DataError({"assay.select.weight", std::string(name) + " of row " + std::to_string(i),
                         cost ? "a finite number > 0" : "a finite number >= 0", std::to_string(value[i]), ""});
      }
      weights[i] = cost ? weights[i] / value[i] : weights[i] * value[i];
    }
  }
  return weights;
}

}  // namespace

RunBase::RunBase(const SelectionProblem& problem_, std::string_view method)
    : problem(problem_), pool(problem_.pool), began_(std::chrono::steady_clock::now()) {
  if (pool.empty()) throw DataError({"assay.select.pool", pool.name(), "at least one candidate", "none", ""});
  if (problem.count < 0) {
    throw ConfigError({"assay.select.count", "count", "an integer >= 0", std::to_string(problem.count), ""});
  }
  if (!problem.ids.empty() && static_cast<std::int64_t>(problem.ids.size()) != n()) {
    throw ShapeError({"assay.select.shape", "ids", "one id a candidate, " + std::to_string(n()),
                      std::to_string(problem.ids.size()), ""});
  }
  for (const FeatureMatrix* matrix : {&problem.train, &problem.pending}) {
    if (matrix->empty()) continue;
    require_like_pool(pool, *matrix);
    known.push_back(*matrix);
    known_rows += matrix->rows();
  }
  count = std::min(problem.count, n());
  plan = plan_selection(method, problem, false);
  if (plan.execution != Execution::streamed) pool.map();
  if (plan.map_train) {
    for (FeatureMatrix& matrix : known) matrix.map();
  }
  meter.add(pool.data() != nullptr ? pool.bytes() : 0);
  for (const FeatureMatrix& matrix : known) meter.add(matrix.data() != nullptr ? matrix.bytes() : 0);
  meter.add(plan.threads * library_bytes);
  weight_ = weights_of(problem, meter);
  if (plan.threads != at::get_num_threads()) at::set_num_threads(plan.threads);
}

SelectedBatch RunBase::finish(std::vector<std::int64_t> rows, std::vector<double> scores) const {
  SelectedBatch batch;
  batch.rows = std::move(rows);
  batch.scores = std::move(scores);
  batch.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  batch.passes = static_cast<double>(touched_.load()) / static_cast<double>(n());
  batch.peak_bytes = meter.peak();
  batch.execution = plan.execution;
  return batch;
}

}  // namespace detail

}  // namespace assay
