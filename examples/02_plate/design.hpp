// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/space.hpp>

#include <cmath>

namespace plate {

/// A rectangular plate with a circular hole under remote tension. Lengths in millimetres, the angle in degrees.
struct Design {
  double width;     ///< along x
  double height;    ///< along y
  double radius;    ///< of the hole
  double offset_x;  ///< of the hole's centre from the plate's
  double offset_y;
  double angle;  ///< of the tension from the y axis
};

inline const assay::Space& space() {
  static const assay::Space space{{"width", 80, 140},    {"height", 80, 140},   {"radius", 8, 24},
                                  {"offset_x", -24, 24}, {"offset_y", -24, 24}, {"angle", -45, 45}};
  return space;
}

inline Design design_of(const assay::Values& values) {
  return {values.scalar("width"),    values.scalar("height"),   values.scalar("radius"),
          values.scalar("offset_x"), values.scalar("offset_y"), values.scalar("angle")};
}

/// The thinnest strip of material between the hole and an edge.
inline double ligament(const Design& d) {
  return std::min(d.width / 2 - std::abs(d.offset_x), d.height / 2 - std::abs(d.offset_y)) - d.radius;
}

/// Whether the plate can be made at all: the hole lies inside, with at least 0.14 radii to the edge.
inline bool possible(const Design& d) { return ligament(d) >= 0.14 * d.radius; }

constexpr double remote_stress = 100;     // MPa
constexpr double youngs_modulus = 210e3;  // MPa
constexpr double poisson_ratio = 0.3;
constexpr double thickness = 1;  // mm
constexpr int rim_points = 64;

}  // namespace plate
