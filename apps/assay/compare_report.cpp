// SPDX-License-Identifier: Apache-2.0
#include "compare.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <iomanip>
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

/// Labels at which a curve of mean log errors first is as low as `goal`, between rounds on a line over log labels;
/// infinite if it never is.
double labels_to_reach(const Json& curve, double goal) {
  for (std::size_t i = 0; i < curve.size(); ++i) {
    const double error = curve[i].at("log_rmse").at("mean").get<double>(), labels = curve[i].at("labels").get<double>();
    if (error > goal) continue;
    if (i == 0) return labels;
    const double before = curve[i - 1].at("log_rmse").at("mean").get<double>();
    const double from = std::log(curve[i - 1].at("labels").get<double>());
    return std::exp(from + (std::log(labels) - from) * (before - goal) / (before - error));
  }
  return INFINITY;
}

Json curve_of(const std::map<std::int64_t, Campaign>& seeds) {
  Json curve = Json::array();
  for (const auto& [round, first] : seeds.begin()->second) {
    std::vector<double> logs;
    for (const auto& [seed, campaign] : seeds) logs.push_back(std::log(campaign.at(round).at("rmse").get<double>()));
    curve.push_back({{"labels", first.at("labels")}, {"log_rmse", to_json(interval(logs))}});
  }
  return curve;
}

std::string figures(double number, int digits = 3) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << number;
  return text.str();
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '<' ? "&lt;" : c == '&' ? "&amp;" : std::string(1, c);
  return out;
}

}  // namespace

Json summarise(const Json& plan, const std::vector<Json>& rows) {
  const Campaigns all = complete(plan, rows);
  Json strategies = Json::object();
  const auto control = all.find("random");
  for (const auto& [strategy, seeds] : all) {
    Json one{{"seeds", seeds.size()}, {"curve", curve_of(seeds)}};
    std::vector<double> logs;
    for (const auto& [seed, campaign] : seeds) logs.push_back(over_rounds(campaign, "rmse", true));
    one["mean_log_rmse"] = to_json(interval(logs));
    for (const char* name : {"mae", "q95", "q99", "max"}) {
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
        pairs.push_back(over_rounds(campaign, "rmse", true) - over_rounds(paired->second, "rmse", true));
      }
      if (!pairs.empty()) one["against"][other] = to_json(interval(pairs));
    }
    if (one.contains("against") && one.at("against").contains("random")) {
      const Json goal = curve_of(control->second).back();
      const double labels = labels_to_reach(one["curve"], goal.at("log_rmse").at("mean").get<double>());
      const double saved = 1 - labels / goal.at("labels").get<double>();
      one["saved"] = std::isfinite(saved) ? Json(saved) : Json();
    }
    strategies[strategy] = one;
  }
  // Errors with heavy tails leave most to gain: what the ratio is where the choice has not begun.
  std::vector<double> ratios;
  for (const auto& [strategy, seeds] : all) {
    for (const auto& [seed, campaign] : seeds) {
      ratios.push_back(campaign.at(0).at("rmse").get<double>() / campaign.at(0).at("mae").get<double>());
    }
    break;
  }
  Json summary{{"strategies", strategies}};
  if (!ratios.empty()) summary["rmse_over_mae"] = to_json(interval(ratios));
  return summary;
}

Json judge(const std::map<std::string, Json>& summaries) {
  std::string learner, strategy;
  double best = INFINITY;
  for (const auto& [name, summary] : summaries) {
    for (const auto& item : summary.at("strategies").items()) {
      const double mean = item.value().at("mean_log_rmse").at("mean").get<double>();
      if (mean >= best) continue;
      best = mean;
      learner = name;
      strategy = item.key();
    }
  }
  const Json& found = summaries.at(learner).at("strategies").at(strategy);
  // Not told apart: the 95 % interval of the paired difference holds zero, or lies above it.
  const auto as_good = [&](const std::string& simple) {
    if (strategy == simple) return true;
    if (!found.contains("against") || !found.at("against").contains(simple)) return false;
    const Json& difference = found.at("against").at(simple);
    return difference.at("mean").get<double>() + difference.at("half_width").get<double>() >= 0;
  };
  Json advice = Json::array();
  std::string take = strategy;
  for (const std::string simple : {"random", "space_filling"}) {
    if (!as_good(simple)) continue;
    take = simple;
    advice.push_back((simple == "random" ? "random choice" : "space-filling") +
                     std::string(" is as good here: no strategy is better beyond the 95 % interval of its difference"));
    break;
  }
  advice.insert(advice.begin(), "learner " + learner + ", strategy " + take);
  if (take == strategy && found.contains("saved") && found.at("saved").is_number()) {
    advice.push_back("it reached the error of random choice with " + figures(100 * found.at("saved").get<double>(), 0) +
                     " % fewer labels");
  }
  return {{"learner", learner}, {"strategy", take}, {"lowest_error", strategy}, {"advice", advice}};
}

std::string summary_text(const Json& summary) {
  std::ostringstream out;
  out << std::left << std::setw(20) << "strategy" << std::right << std::setw(6) << "seeds" << std::setw(18)
      << "mean log RMSE" << std::setw(18) << "against random" << std::setw(8) << "saved" << std::setw(8) << "MAE"
      << std::setw(8) << "95 %" << std::setw(8) << "99 %" << std::setw(8) << "max" << '\n';
  const auto with_half = [](const Json& i) {
    return figures(i.at("mean").get<double>()) + " +- " + figures(i.at("half_width").get<double>());
  };
  for (const auto& item : summary.at("strategies").items()) {
    const Json& one = item.value();
    const bool has_control = one.contains("against") && one.at("against").contains("random");
    out << std::left << std::setw(20) << item.key() << std::right << std::setw(6) << one.at("seeds").get<int>()
        << std::setw(18) << with_half(one.at("mean_log_rmse")) << std::setw(18)
        << (has_control ? with_half(one.at("against").at("random")) : "") << std::setw(8)
        << (!one.contains("saved")      ? ""
            : one.at("saved").is_null() ? "none"
                                        : figures(100 * one.at("saved").get<double>(), 0) + " %");
    for (const char* name : {"mae", "q95", "q99", "max"}) {
      out << std::setw(8) << figures(one.at(name).at("mean").get<double>());
    }
    out << '\n';
  }
  out << "errors in units of the targets' deviation, means over rounds; +- half of the 95 % interval over seeds\n";
  if (summary.contains("rmse_over_mae")) {
    const double ratio = summary.at("rmse_over_mae").at("mean").get<double>();
    out << "RMSE/MAE of the first round " << figures(ratio, 2)
        << ": the larger, the more choosing gains (a normal distribution has 1.25)\n";
  }
  return out.str();
}

std::string summary_svg(const Json& summary) {
  constexpr double width = 720, height = 440, left = 70, right = 170, top = 20, bottom = 50;
  constexpr std::array colours{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999"};
  double low = INFINITY, high = -INFINITY, least = INFINITY, most = 0;
  for (const Json& one : summary.at("strategies")) {
    for (const Json& point : one.at("curve")) {
      const double mean = point.at("log_rmse").at("mean").get<double>(),
                   half = point.at("log_rmse").at("half_width").get<double>();
      low = std::min(low, mean - half);
      high = std::max(high, mean + half);
      least = std::min(least, point.at("labels").get<double>());
      most = std::max(most, point.at("labels").get<double>());
    }
  }
  if (!(high > low)) high = low + 1;
  if (!(most > least)) most = least + 1;
  const auto x = [&](double labels) {
    return left + (width - left - right) * (std::log(labels) - std::log(least)) / (std::log(most) - std::log(least));
  };
  const auto y = [&](double log) { return top + (height - top - bottom) * (high - log) / (high - low); };
  std::ostringstream out;
  out << std::fixed << std::setprecision(1) << "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " << width
      << ' ' << height
      << "\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
  for (int i = 0; i <= 4; ++i) {
    const double log = low + (high - low) * i / 4;
    out << "<line x1=\"" << left << "\" x2=\"" << width - right << "\" y1=\"" << y(log) << "\" y2=\"" << y(log)
        << "\" stroke=\"#ddd\"/><text x=\"" << left - 6 << "\" y=\"" << y(log) + 4 << "\" text-anchor=\"end\">"
        << figures(log, 2) << "</text>\n";
    const double labels = least * std::pow(most / least, i / 4.0);
    out << "<text x=\"" << x(labels) << "\" y=\"" << height - bottom + 18 << "\" text-anchor=\"middle\">"
        << figures(labels, 0) << "</text>\n";
  }
  out << "<text x=\"" << (left + width - right) / 2 << "\" y=\"" << height - 12
      << "\" text-anchor=\"middle\">labels</text>\n<text transform=\"translate(18," << (top + height - bottom) / 2
      << ") rotate(-90)\" text-anchor=\"middle\">log RMSE, mean over seeds with 95 % interval</text>\n";
  std::size_t number = 0;
  for (const auto& item : summary.at("strategies").items()) {
    const char* colour = colours[number % colours.size()];
    std::ostringstream line, band, back;
    line << std::fixed << std::setprecision(1);
    band << std::fixed << std::setprecision(1);
    const Json& curve = item.value().at("curve");
    for (const Json& point : curve) {
      const double labels = point.at("labels").get<double>(), mean = point.at("log_rmse").at("mean").get<double>();
      line << x(labels) << ',' << y(mean) << ' ';
      band << x(labels) << ',' << y(mean + point.at("log_rmse").at("half_width").get<double>()) << ' ';
    }
    for (auto point = curve.rbegin(); point != curve.rend(); ++point) {
      const double labels = point->at("labels").get<double>(), mean = point->at("log_rmse").at("mean").get<double>();
      band << x(labels) << ',' << y(mean - point->at("log_rmse").at("half_width").get<double>()) << ' ';
    }
    const double at = top + 16 + 18 * static_cast<double>(number);
    out << "<polygon points=\"" << band.str() << "\" fill=\"" << colour << "\" opacity=\"0.15\"/>\n<polyline points=\""
        << line.str() << "\" fill=\"none\" stroke=\"" << colour << "\" stroke-width=\"2\"/>\n<text x=\""
        << width - right + 12 << "\" y=\"" << at << "\" fill=\"" << colour << "\">" << escaped(item.key())
        << "</text>\n";
    ++number;
  }
  out << "</svg>\n";
  return out.str();
}

}  // namespace assay::app
