// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "design.hpp"

#include <assay/data/values.hpp>

#include <filesystem>

namespace plate {

/// How fine the mesh is: elements around the hole, and across.
struct Density {
  int around = 32;  ///< a multiple of 8; the rim has twice as many nodes
  int ring = 3;     ///< layers of the ring around the hole
  int outer = 6;    ///< layers between ring and edges
};

/// Writes `plate.inp` for CalculiX: quadratic plane-stress elements of the same topology for every design, consistent
/// nodal forces of a uniform tension on all four edges, and supports that only hold the rigid motions.
///
/// A ring of concentric layers, 0.15 radii wide, surrounds the hole. In the thinnest ligaments it does not fit:
/// elements turn inside out there, and CalculiX ends with an error.
void write_input_deck(const std::filesystem::path& directory, const Design& design, const Density& density = {});

/// Reads `plate.frd`: `rim_stress` [64], the von Mises stress at equal angles on the hole's rim (MPa), `max_stress`,
/// the largest of them, and `opening`, how much longer the tension makes the plate along y (mm).
assay::Values read_results(const std::filesystem::path& directory);

}  // namespace plate
