// SPDX-License-Identifier: Apache-2.0
#include <assay/select/bait.hpp>
#include <assay/select/frank_wolfe.hpp>
#include <assay/select/k_center.hpp>
#include <assay/select/kmeans_pp.hpp>
#include <assay/select/lcmd.hpp>
#include <assay/select/max_det.hpp>
#include <assay/select/methods.hpp>
#include <assay/select/prob_cover.hpp>
#include <assay/select/stochastic.hpp>
#include <assay/select/top_k.hpp>
#include <assay/select/typiclust.hpp>

#include "run.hpp"

#include <ATen/ops/empty.h>

#include <functional>

namespace assay {

namespace {

struct NoOptions {};

struct Entry {
  SelectionMethod method;
  std::function<SelectedBatch(const SelectionProblem&, const ConfigReader&, const std::vector<ErrorParts>&)> run;
};

void refuse(const std::vector<ErrorParts>& problems) {
  if (!problems.empty()) throw ConfigError(problems);
}

template <class Options>
Entry entry(std::string key, std::string summary, SelectedBatch (*run)(const SelectionProblem&, const Options&)) {
  return {{std::move(key), std::move(summary), false, option_rows<Options>()},
          [run](const SelectionProblem& problem, const ConfigReader& reader, const std::vector<ErrorParts>& problems) {
            const auto options = options_from_json<Options>(reader);
            refuse(problems);
            return run(problem, options);
          }};
}

Entry entry(std::string key, std::string summary, SelectedBatch (*run)(const SelectionProblem&)) {
  return {{std::move(key), std::move(summary), false, {}},
          [run](const SelectionProblem& problem, const ConfigReader& reader, const std::vector<ErrorParts>& problems) {
            reader.reject_unknown({});
            refuse(problems);
            return run(problem);
          }};
}

/// A method on scores: the pool is one column of them, weighted like any other score.
template <class Options, class Choose>
Entry on_scores(std::string key, std::string summary, std::vector<OptionRow> rows, Choose choose) {
  return {
      {std::move(key), std::move(summary), true, std::move(rows)},
      [choose](const SelectionProblem& problem, const ConfigReader& reader, const std::vector<ErrorParts>& problems) {
        Options options{};
        if constexpr (std::is_same_v<Options, NoOptions>) {
          reader.reject_unknown({});
        } else {
          options = options_from_json<Options>(reader);
        }
        refuse(problems);
        detail::RunBase run(problem, "top_k");
        if (run.d() != 1) {
          throw ShapeError({"assay.select.shape", run.pool.name(), "one score a candidate, [n] or [n, 1]",
                            std::to_string(run.d()) + " columns", ""});
        }
        torch::Tensor scores = at::empty({run.n()}, run.pool.dtype());
        run.pool.read(0, run.n(), scores.mutable_data_ptr());
        scores = scores.to(torch::kFloat64);
        double* score = scores.mutable_data_ptr<double>();
        for (std::int64_t i = 0; i < run.n(); ++i) score[i] *= run.weight(i);
        run.touch(run.n());
        Selection selection = choose(scores, run.count, options, problem);
        return run.finish(std::move(selection.positions), std::move(selection.scores));
      }};
}

const std::vector<Entry>& entries() {
  static const std::vector<Entry> all{
      entry("k_center", "greedy k-center: the farthest from all centers",
            static_cast<SelectedBatch (*)(const SelectionProblem&)>(k_center)),
      entry("kmeans_pp", "k-means++: drawn by squared distance", kmeans_pp),
      entry("lcmd", "the farthest in the largest cluster", lcmd),
      entry("max_det", "greedy log-determinant", max_det),
      entry("bait", "BAIT, forward", bait),
      entry("frank_wolfe", "ACS-FW: a sparse approximation of the pool", frank_wolfe),
      on_scores<NoOptions>("top_k", "the highest scores", {},
                           [](const torch::Tensor& scores, std::int64_t count, const NoOptions&,
                              const SelectionProblem& problem) { return top_k(scores, count, problem.ids); }),
      on_scores<StochasticOptions>("power", "drawn by score^beta", option_rows<StochasticOptions>(),
                                   [](const torch::Tensor& scores, std::int64_t count, const StochasticOptions& options,
                                      const SelectionProblem& problem) {
                                     return power_top_k(scores, count, RandomKey(problem.seed).with("power"), options,
                                                        problem.ids);
                                   }),
      on_scores<StochasticOptions>("softmax", "drawn by exp(beta score)", option_rows<StochasticOptions>(),
                                   [](const torch::Tensor& scores, std::int64_t count, const StochasticOptions& options,
                                      const SelectionProblem& problem) {
                                     return softmax_top_k(scores, count, RandomKey(problem.seed).with("softmax"),
                                                          options, problem.ids);
                                   }),
      entry("typiclust", "the most typical of the largest clusters without labels", typiclust),
      entry("prob_cover", "the ball that covers most", prob_cover)};
  return all;
}

}  // namespace

const std::vector<SelectionMethod>& selection_methods() {
  static const std::vector<SelectionMethod> all = [] {
    std::vector<SelectionMethod> methods;
    for (const Entry& row : entries()) methods.push_back(row.method);
    return methods;
  }();
  return all;
}

SelectedBatch select_batch(std::string_view method, const SelectionProblem& problem, const Json& options) {
  std::vector<std::string> known;
  for (const Entry& row : entries()) {
    known.push_back(row.method.key);
    if (row.method.key != method) continue;
    std::vector<ErrorParts> problems;
    return row.run(problem, ConfigReader(options, "options", problems, nullptr), problems);
  }
  throw ConfigError({"assay.select.method", "method", "one of the selection methods", "'" + std::string(method) + "'",
                     detail::suggest(method, known)});
}

}  // namespace assay
