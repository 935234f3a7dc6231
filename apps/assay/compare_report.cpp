// SPDX-License-Identifier: Apache-2.0
#include "compare.hpp"

#include <assay/data/random.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <iomanip>
#include <numeric>
#include <set>
#include <sstream>

namespace assay::app {

namespace {

/// The 97.5 % point of Student's t with `freedom` degrees: exact tables to ten, then Cornish and Fisher's expansion.
double t_point(std::int64_t freedom) {
  constexpr std::array exact{12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281};
  if (freedom <= 10) return exact.at(static_cast<std::size_t>(std::max<std::int64_t>(1, freedom) - 1));
  const double z = 1.959964, f = static_cast<double>(freedom);
  return z + (z * z * z + z) / (4 * f) + (5 * std::pow(z, 5) + 16 * z * z * z + 3 * z) / (96 * f * f);
}

struct Interval {
  double mean = 0;
  double half = 0;  ///< of the 95 % interval; 0 for a single number
};

Interval interval(const std::vector<double>& numbers) {
  const auto n = static_cast<double>(numbers.size());
  double mean = 0, squares = 0;
  for (const double number : numbers) mean += number / n;
  for (const double number : numbers) squares += (number - mean) * (number - mean);
  if (numbers.size() < 2) return {mean, 0};
  return {mean, t_point(static_cast<std::int64_t>(numbers.size()) - 1) * std::sqrt(squares / (n - 1) / n)};
}

Json to_json(const Interval& i) { return {{"mean", i.mean}, {"half_width", i.half}}; }

/// One campaign's rounds, by round.
using Campaign = std::map<std::int64_t, Json>;
using Campaigns = std::map<std::string, std::map<std::int64_t, Campaign>>;  // by strategy and seed

Campaigns complete(const Json& plan, const std::vector<Json>& rows) {
  Campaigns all;
  for (const Json& row : rows) {
    all[row.at("strategy").get<std::string>()][row.at("seed").get<std::int64_t>()]
       [row.at("round").get<std::int64_t>()] = row;
  }
  const auto rounds = plan.at("rounds").get<std::size_t>();
  for (auto& [strategy, seeds] : all) {
    std::erase_if(seeds, [&](const auto& item) { return item.second.size() != rounds + 1; });
  }
  std::erase_if(all, [](const auto& item) { return item.second.empty(); });
  return all;
}

/// Mean over the rounds after a choice was made.
double over_rounds(const Campaign& campaign, const std::string& name, bool log) {
  double sum = 0;
  int count = 0;
  for (const auto& [round, row] : campaign) {
    if (round == 0 && campaign.size() > 1) continue;
    const double value = row.at(name).get<double>();
    sum += log ? std::log(value) : value;
    ++count;
  }
  return sum / count;
}

/// What is measured first and foremost: the logarithm of the RMSE, or the accuracy of a classification.
struct Measure {
  explicit Measure(bool classify)
      : classify(classify), field(classify ? "accuracy" : "rmse"), name(classify ? "accuracy" : "log_rmse") {}

  double of(const Json& row) const {
    const double value = row.at(field).get<double>();
    return classify ? value : std::log(value);
  }
  double over(const Campaign& campaign) const { return over_rounds(campaign, field, !classify); }

  bool classify;
  std::string field, name;
};

/// Errors by round, to be compared: the lower the better. One row a seed.
struct Curves {
  std::vector<double> labels;
  std::vector<std::vector<double>> errors;

  Curves(const std::map<std::int64_t, Campaign>& seeds, const std::map<std::int64_t, Campaign>& paired,
         const Measure& measure) {
    for (const auto& [seed, campaign] : seeds) {
      if (!paired.contains(seed)) continue;
      labels.clear();
      std::vector<double>& row = errors.emplace_back();
      for (const auto& [round, line] : campaign) {
        labels.push_back(line.at("labels").get<double>());
        row.push_back(measure.classify ? 1 - measure.of(line) : measure.of(line));
      }
    }
  }
  /// Mean over the seeds that `drawn` names.
  std::vector<double> mean(const std::vector<std::size_t>& drawn) const {
    std::vector<double> sum(labels.size());
    for (const std::size_t seed : drawn) {
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += errors[seed][i];
    }
    for (double& error : sum) error /= static_cast<double>(drawn.size());
    return sum;
  }
  /// Labels at which the mean error first is as low as `goal`, between rounds on a line over log labels; infinite if
  /// it never is.
  double labels_to_reach(const std::vector<double>& error, double goal) const {
    for (std::size_t i = 0; i < error.size(); ++i) {
      if (error[i] > goal) continue;
      if (i == 0) return labels[0];
      const double from = std::log(labels[i - 1]);
      return std::exp(from + (std::log(labels[i]) - from) * (error[i - 1] - goal) / (error[i - 1] - error[i]));
    }
    return INFINITY;
  }
};

/// A number, and the 95 % interval of the percentile bootstrap over seeds.
/// \param value of the seeds drawn, by their positions.
/// Source: Efron and Tibshirani 1993, "An introduction to the bootstrap", section 13.3.
Json bootstrap(std::size_t seeds, const std::function<double(const std::vector<std::size_t>&)>& value) {
  constexpr std::size_t draws = 2000;
  std::vector<std::size_t> drawn(seeds);
  std::iota(drawn.begin(), drawn.end(), std::size_t{0});
  const auto number = [](double x) { return std::isfinite(x) ? Json(x) : Json(); };
  Json result{{"value", number(value(drawn))}};
  if (seeds < 2) return result;
  std::vector<double> values;
  for (std::size_t draw = 0; draw < draws; ++draw) {
    const RandomKey key = RandomKey(0).with("bootstrap").with(static_cast<std::int64_t>(draw));
    for (std::size_t i = 0; i < seeds; ++i) {
      drawn[i] = static_cast<std::size_t>(key.with(static_cast<std::int64_t>(i)).bits() % seeds);
    }
    values.push_back(value(drawn));
  }
  std::sort(values.begin(), values.end());
  result["low"] = number(values[draws / 40]);
  result["high"] = number(values[draws - 1 - draws / 40]);
  return result;
}

/// The share of labels that a strategy saves against the control: up to the accuracy `goal` of a classification, else
/// up to the error that the control ends with.
Json saved_against(const Curves& one, const Curves& control, bool classify, double goal) {
  return bootstrap(one.errors.size(), [&](const std::vector<std::size_t>& drawn) {
    const std::vector<double> ours = one.mean(drawn), theirs = control.mean(drawn);
    if (!classify) return 1 - one.labels_to_reach(ours, theirs.back()) / control.labels.back();
    const double needed = control.labels_to_reach(theirs, 1 - goal);
    // A control that never gets there needs at least all its labels.
    return 1 - one.labels_to_reach(ours, 1 - goal) / std::min(needed, control.labels.back());
  });
}

Json curve_of(const std::map<std::int64_t, Campaign>& seeds, const Measure& measure) {
  Json curve = Json::array();
  for (const auto& [round, first] : seeds.begin()->second) {
    std::vector<double> values;
    for (const auto& [seed, campaign] : seeds) values.push_back(measure.of(campaign.at(round)));
    curve.push_back({{"labels", first.at("labels")}, {measure.name, to_json(interval(values))}});
  }
  return curve;
}

}  // namespace

std::string figures(double number, int digits) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << number;
  return text.str();
}

Json summarise(const Json& plan, const std::vector<Json>& rows, double goal) {
  const Measure measure(plan.contains("classes"));
  const Campaigns all = complete(plan, rows);
  Json strategies = Json::object();
  const auto control = all.find("random");
  for (const auto& [strategy, seeds] : all) {
    Json one{{"seeds", seeds.size()}, {"curve", curve_of(seeds, measure)}};
    std::vector<double> means;
    for (const auto& [seed, campaign] : seeds) means.push_back(measure.over(campaign));
    one["mean_" + measure.name] = to_json(interval(means));
    for (const char* name : {"mae", "q95", "q99", "max"}) {
      if (measure.classify) break;
      std::vector<double> values;
      for (const auto& [seed, campaign] : seeds) values.push_back(over_rounds(campaign, name, false));
      one[name] = to_json(interval(values));
    }
    // Seed by seed against each other strategy: what `judge` needs beside the control.
    for (const auto& [other, others] : all) {
      std::vector<double> pairs;
      for (const auto& [seed, campaign] : seeds) {
        const auto paired = others.find(seed);
        if (other == strategy || paired == others.end()) continue;
        pairs.push_back(measure.over(campaign) - measure.over(paired->second));
      }
      if (!pairs.empty()) one["against"][other] = to_json(interval(pairs));
    }
    if (one.contains("against") && one.at("against").contains("random")) {
      one["saved"] = saved_against(Curves(seeds, control->second, measure), Curves(control->second, seeds, measure),
                                   measure.classify, goal);
    }
    if (measure.classify) {
      const Curves curves(seeds, seeds, measure);
      one["labels_to_goal"] = bootstrap(seeds.size(), [&](const std::vector<std::size_t>& drawn) {
        return curves.labels_to_reach(curves.mean(drawn), 1 - goal);
      });
    }
    strategies[strategy] = one;
  }
  // Errors with heavy tails leave most to gain: what the ratio is where the choice has not begun.
  std::vector<double> ratios;
  for (const auto& [strategy, seeds] : all) {
    if (measure.classify) break;
    for (const auto& [seed, campaign] : seeds) {
      ratios.push_back(campaign.at(0).at("rmse").get<double>() / campaign.at(0).at("mae").get<double>());
    }
    break;
  }
  Json summary{{"strategies", strategies}};
  if (measure.classify) summary["goal"] = goal;
  if (!ratios.empty()) summary["rmse_over_mae"] = to_json(interval(ratios));
  return summary;
}

Json judge(const std::map<std::string, Json>& summaries,
           const std::vector<std::pair<std::string, std::string>>& simple) {
  const Measure measure(summaries.begin()->second.contains("goal"));
  const double sign = measure.classify ? -1 : 1;  // of what is the lower the better
  std::string learner, strategy;
  double best = INFINITY;
  for (const auto& [name, summary] : summaries) {
    for (const auto& item : summary.at("strategies").items()) {
      const double mean = sign * item.value().at("mean_" + measure.name).at("mean").get<double>();
      if (mean >= best) continue;
      best = mean;
      learner = name;
      strategy = item.key();
    }
  }
  const Json& found = summaries.at(learner).at("strategies").at(strategy);
  // Not told apart: the 95 % interval of the paired difference holds zero, or lies on the simple one's side.
  const auto as_good = [&](const std::string& other) {
    if (strategy == other) return true;
    if (!found.contains("against") || !found.at("against").contains(other)) return false;
    const Json& difference = found.at("against").at(other);
    return sign * difference.at("mean").get<double>() + difference.at("half_width").get<double>() >= 0;
  };
  Json advice = Json::array();
  std::string take = strategy;
  for (const auto& [key, called] : simple) {
    if (!as_good(key)) continue;
    take = key;
    advice.push_back(called + " is as good here: no strategy is better beyond the 95 % interval of its difference");
    break;
  }
  advice.insert(advice.begin(), "learner " + learner + ", strategy " + take);
  if (take == strategy && found.contains("saved") && found.at("saved").at("value").is_number()) {
    advice.push_back(
        "it reached " +
        (measure.classify
             ? "an accuracy of " + figures(100 * summaries.at(learner).at("goal").get<double>(), 0) + " % with "
             : std::string("the error of random choice with ")) +
        figures(100 * found.at("saved").at("value").get<double>(), 0) + " % fewer labels");
  }
  return {{"learner", learner}, {"strategy", take}, {"lowest_error", strategy}, {"advice", advice}};
}

namespace {

std::string with_half(const Json& i) {
  return figures(i.at("mean").get<double>()) + " +- " + figures(i.at("half_width").get<double>());
}

/// A number with its interval; "none" and "-" where it is infinite.
std::string with_bounds(const Json& i, double factor, const std::string& unit) {
  if (i.at("value").is_null()) return "none";
  const auto number = [&](const Json& x) { return x.is_null() ? "-" : figures(factor * x.get<double>(), 0); };
  std::string text = number(i.at("value"));
  if (i.contains("low")) text += " [" + number(i.at("low")) + ", " + number(i.at("high")) + "]";
  return text + unit;
}

}  // namespace

std::string summary_text(const Json& summary) {
  const bool classify = summary.contains("goal");
  std::ostringstream out;
  out << std::left << std::setw(20) << "strategy" << std::right << std::setw(6) << "seeds" << std::setw(18)
      << (classify ? "mean accuracy" : "mean log RMSE") << std::setw(18) << "against random" << std::setw(18)
      << "saved";
  if (classify) {
    out << std::setw(20) << "labels to " + figures(100 * summary.at("goal").get<double>(), 1) + " %";
  } else {
    out << std::setw(8) << "MAE" << std::setw(8) << "95 %" << std::setw(8) << "99 %" << std::setw(8) << "max";
  }
  out << '\n';
  for (const auto& item : summary.at("strategies").items()) {
    const Json& one = item.value();
    const bool has_control = one.contains("against") && one.at("against").contains("random");
    out << std::left << std::setw(20) << item.key() << std::right << std::setw(6) << one.at("seeds").get<int>()
        << std::setw(18) << with_half(one.at(classify ? "mean_accuracy" : "mean_log_rmse")) << std::setw(18)
        << (has_control ? with_half(one.at("against").at("random")) : "") << std::setw(18)
        << (one.contains("saved") ? with_bounds(one.at("saved"), 100, " %") : "");
    if (classify) {
      out << std::setw(20) << with_bounds(one.at("labels_to_goal"), 1, "");
    } else {
      for (const char* name : {"mae", "q95", "q99", "max"}) {
        out << std::setw(8) << figures(one.at(name).at("mean").get<double>());
      }
    }
    out << '\n';
  }
  out << (classify ? "means over rounds" : "errors in units of the targets' deviation, means over rounds")
      << "; +- half of the 95 % interval over seeds; [] 95 % interval of the bootstrap over seeds\n";
  if (summary.contains("rmse_over_mae")) {
    const double ratio = summary.at("rmse_over_mae").at("mean").get<double>();
    out << "RMSE/MAE of the first round " << figures(ratio, 2)
        << ": the larger, the more choosing gains (a normal distribution has 1.25)\n";
  }
  return out.str();
}

}  // namespace assay::app
