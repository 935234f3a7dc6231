// SPDX-License-Identifier: Apache-2.0
#include "compare.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <iomanip>
#include <sstream>

namespace assay::app {

namespace {

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '<' ? "&lt;" : c == '&' ? "&amp;" : std::string(1, c);
  return out;
}

}  // namespace

std::string summary_svg(const Json& summary) {
  const bool classify = summary.contains("goal");
  const std::string measure = classify ? "accuracy" : "log_rmse";
  constexpr double width = 720, height = 440, left = 70, right = 170, top = 20, bottom = 50;
  constexpr std::array colours{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999"};
  double low = INFINITY, high = -INFINITY, least = INFINITY, most = 0;
  for (const Json& one : summary.at("strategies")) {
    for (const Json& point : one.at("curve")) {
      const double mean = point.at(measure).at("mean").get<double>(),
                   half = point.at(measure).at("half_width").get<double>();
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
      << ") rotate(-90)\" text-anchor=\"middle\">" << (classify ? "accuracy" : "log RMSE")
      << ", mean over seeds with 95 % interval</text>\n";
  std::size_t number = 0;
  for (const auto& item : summary.at("strategies").items()) {
    const char* colour = colours[number % colours.size()];
    std::ostringstream line, band, back;
    line << std::fixed << std::setprecision(1);
    band << std::fixed << std::setprecision(1);
    const Json& curve = item.value().at("curve");
    for (const Json& point : curve) {
      const double labels = point.at("labels").get<double>(), mean = point.at(measure).at("mean").get<double>();
      line << x(labels) << ',' << y(mean) << ' ';
      band << x(labels) << ',' << y(mean + point.at(measure).at("half_width").get<double>()) << ' ';
    }
    for (auto point = curve.rbegin(); point != curve.rend(); ++point) {
      const double labels = point->at("labels").get<double>(), mean = point->at(measure).at("mean").get<double>();
      band << x(labels) << ',' << y(mean - point->at(measure).at("half_width").get<double>()) << ' ';
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
