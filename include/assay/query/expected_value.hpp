// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/any/any_query.hpp>
#include <assay/options.hpp>
#include <assay/query/random.hpp>

#include <array>
#include <cstdint>
#include <string_view>

namespace assay {

struct ExpectedValueOptions {
  AnyQuery strategy = Random();
  std::int64_t max_samples = 16;
  double min_success = 0;
  bool per_second = false;
  std::int64_t min_failures = 3;

  static constexpr std::array describe{
      OptionInfo{.name = "strategy",
                 .help = "gives a longer list, by its own max_samples, of which the best are taken"},
      OptionInfo{.name = "max_samples", .help = "samples a round", .min = 1},
      OptionInfo{.name = "min_success",
                 .help = "the strategy is not asked about candidates that are less likely than this to give labels",
                 .min = 0,
                 .max = 1},
      OptionInfo{.name = "per_second", .help = "divide by the run time that is expected"},
      OptionInfo{.name = "min_failures",
                 .help = "failed or infeasible samples before a probability is learnt from them",
                 .min = 1},
  };
};

/// Another strategy whose scores are multiplied with the probability that a simulation gives labels and, if you like,
/// divided by the seconds it is expected to take:
///
///     value = score · P(success | x) / E[seconds | x]
///
/// The strategy gives a list longer than `max_samples`; the best of it by value are taken. Scores that go below zero
/// are counted from the lowest of the list; without scores the first of n counts as 1, the last as 1/n. With
/// `min_success` the strategy is asked only about candidates that are likely enough to succeed (about the `max_samples`
/// likeliest where there are fewer): for strategies that choose a batch as a whole and give no scores.
///
/// Both are learnt anew each round from the ledger: what failed or was infeasible against what gave labels, by a
/// Gaussian process with a logistic likelihood; the logarithm of the run times, by one with normal noise. Each has a
/// length scale for every input, chosen by its evidence. Far from all simulations the probability is the share of
/// successes so far. Until `min_failures` samples have failed every candidate counts as equally likely, until ten have
/// been timed as equally fast.
/// Cost: for the newest n <= 400 simulations some 30 + 4 d factorisations of an n × n matrix, seconds; for each
/// candidate O(n²) (only those of the list without `min_success`). Source: Rasmussen and Williams 2006, "Gaussian
/// processes for machine learning", algorithms 2.1, 3.1 and 3.2; Snoek, Larochelle and Adams 2012, "Practical Bayesian
/// optimization", section 3.2, for value per second; Gelbart, Snoek and Adams 2014, "Bayesian optimization with unknown
/// constraints", for the product with the probability.
class ExpectedValue {
 public:
  static constexpr std::string_view key = "expected_value";
  static constexpr std::string_view summary =
      "another strategy's scores times the probability that a simulation succeeds, per second if you like";

  explicit ExpectedValue(ExpectedValueOptions options_);
  Selection select(const QueryContext& context);
  CapabilitySet requirements() const;
  State save() const;
  void load(const State& state);

  ExpectedValueOptions options;
};

}  // namespace assay
