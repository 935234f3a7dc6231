// SPDX-License-Identifier: Apache-2.0
#include "lcmd.hpp"

#include <assay/select/lcmd.hpp>

namespace assay {

namespace {

template <class T>
SelectedBatch lcmd_batch(const SelectionProblem& problem) {
  detail::Run<T> run(problem, "lcmd");
  detail::Lcmd<T> lcmd(run);
  return lcmd.choose();
}

}  // namespace

SelectedBatch lcmd(const SelectionProblem& problem) {
  return problem.pool.dtype() == torch::kFloat64 ? lcmd_batch<double>(problem) : lcmd_batch<float>(problem);
}

}  // namespace assay
