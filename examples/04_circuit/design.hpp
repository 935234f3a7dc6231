// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/space.hpp>

#include <cmath>

namespace circuit {

/// A Sallen-Key low-pass filter around an operational amplifier wired as a follower. Ohms, farads, hertz.
struct Design {
  double r1;         ///< from the source to the middle node
  double r2;         ///< from the middle node to the amplifier's input
  double c1;         ///< from the middle node to the amplifier's output
  double c2;         ///< from the amplifier's input to ground
  double bandwidth;  ///< gain-bandwidth product of the amplifier
  double output;     ///< its output resistance
};

/// Components span decades, and what they do goes by their ratios: the variables are logarithms to base 10, which a
/// network learns from, evenly filled.
inline const assay::Space& space() {
  static const assay::Space space{{.name = "lg_r1", .low = 3.3, .high = 4.7, .unit = "lg ohm"},
                                  {.name = "lg_r2", .low = 3.3, .high = 4.7, .unit = "lg ohm"},
                                  {.name = "lg_c1", .low = -9.7, .high = -7.3, .unit = "lg F"},
                                  {.name = "lg_c2", .low = -9.7, .high = -7.3, .unit = "lg F"},
                                  {.name = "lg_bandwidth", .low = 5.5, .high = 7, .unit = "lg Hz"},
                                  {.name = "lg_output", .low = 1.3, .high = 2.5, .unit = "lg ohm"}};
  return space;
}

inline Design design_of(const assay::Values& values) {
  const auto number = [&](const char* name) { return std::pow(10.0, values.scalar(name)); };
  return {.r1 = number("lg_r1"),
          .r2 = number("lg_r2"),
          .c1 = number("lg_c1"),
          .c2 = number("lg_c2"),
          .bandwidth = number("lg_bandwidth"),
          .output = number("lg_output")};
}

constexpr double open_loop_gain = 1e5;
constexpr double lowest = 10;  // Hz
constexpr int decades = 6, points_per_decade = 50;
constexpr int gain_points = 31;  // of the response, five a decade

}  // namespace circuit
