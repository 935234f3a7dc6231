// SPDX-License-Identifier: Apache-2.0
#include "solver.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <iomanip>
#include <map>
#include <numbers>
#include <stdexcept>
#include <string>
#include <vector>

namespace plate {

namespace {

struct Point {
  double x, y;
};

/// The structured mesh in parameters: `u` around the hole, in half elements, and `v` across, in half elements.
class Mesh {
 public:
  Mesh(const Design& design, const Density& density) : d_(design), n_(density) {}

  int around() const { return 2 * n_.around; }
  int across() const { return 2 * (n_.ring + n_.outer); }
  bool is_node(int u, int v) const { return u % 2 == 0 || v % 2 == 0; }
  int node(int u, int v) const { return 1 + v * around() + u % around(); }

  Point at(int u, int v) const {
    const double ring_end = d_.radius * (1 + ring_width);
    if (v <= 2 * n_.ring) {
      const double s = static_cast<double>(v) / (2 * n_.ring);
      return on_circle(u, d_.radius + s * (ring_end - d_.radius));
    }
    // From the ring to the edge, with layers that grow.
    const double t = static_cast<double>(v - 2 * n_.ring) / (2 * n_.outer);
    const double s = (std::pow(growth, t) - 1) / (growth - 1);
    const Point inner = on_circle(u, ring_end), outer = on_edge(u);
    return {inner.x + s * (outer.x - inner.x), inner.y + s * (outer.y - inner.y)};
  }

  Point on_edge(int u) const {
    // Corners lie at the odd multiples of 45 degrees of the parameter; sides are divided evenly.
    const int side_length = around() / 4;
    const int shifted = (u + side_length / 2) % around();
    const int side = shifted / side_length;
    const double t = 2.0 * (shifted % side_length) / side_length - 1;
    const double w = d_.width / 2, h = d_.height / 2;
    switch (side) {
      case 0: return {w, t * h};
      case 1: return {-t * w, h};
      case 2: return {-w, -t * h};
      default: return {t * w, -h};
    }
  }

 private:
  static constexpr double ring_width = 0.15, growth = 6;

  Point on_circle(int u, double radius) const {
    const double angle = 2 * std::numbers::pi * u / around();
    return {d_.offset_x + radius * std::cos(angle), d_.offset_y + radius * std::sin(angle)};
  }

  Design d_;
  Density n_;
};

void write_nodes(std::ostream& out, const Mesh& mesh) {
  out << "*NODE, NSET=ALL\n";
  for (int v = 0; v <= mesh.across(); ++v) {
    for (int u = 0; u < mesh.around(); ++u) {
      if (!mesh.is_node(u, v)) continue;
      const Point p = mesh.at(u, v);
      out << mesh.node(u, v) << ", " << p.x << ", " << p.y << ", 0\n";
    }
  }
}

void write_elements(std::ostream& out, const Mesh& mesh) {
  out << "*ELEMENT, TYPE=CPS8, ELSET=PLATE\n";
  int number = 0;
  for (int v = 0; v < mesh.across(); v += 2) {
    for (int u = 0; u < mesh.around(); u += 2) {
      // Counter-clockwise, corners first: outward is v, around is u.
      out << ++number;
      for (const auto& [du, dv] : {std::pair{0, 0}, {0, 2}, {2, 2}, {2, 0}, {0, 1}, {1, 2}, {2, 1}, {1, 0}}) {
        out << ", " << mesh.node(u + du, v + dv);
      }
      out << '\n';
    }
  }
}

/// Nodal forces of the traction that a uniform uniaxial stress leaves on the edges: 1/6, 4/6, 1/6 of each element's
/// side.
std::map<int, Point> edge_forces(const Mesh& mesh, const Design& design) {
  const double angle = design.angle * std::numbers::pi / 180;
  const Point along{std::sin(angle), std::cos(angle)};
  std::map<int, Point> forces;
  const int v = mesh.across();
  for (int u = 0; u < mesh.around(); u += 2) {
    const Point a = mesh.on_edge(u), b = mesh.on_edge((u + 2) % mesh.around());
    const Point normal{b.y - a.y, a.x - b.x};  // outward, times the side's length
    const double pull = remote_stress * thickness * (along.x * normal.x + along.y * normal.y);
    const std::array weights{1.0 / 6, 4.0 / 6, 1.0 / 6};
    for (int i = 0; i < 3; ++i) {
      Point& force = forces[mesh.node(u + i, v)];
      force.x += weights[static_cast<std::size_t>(i)] * pull * along.x;
      force.y += weights[static_cast<std::size_t>(i)] * pull * along.y;
    }
  }
  return forces;
}

/// One block of a CalculiX result file: node -> components.
using Block = std::map<int, std::vector<double>>;

Block read_block(const std::filesystem::path& file, const std::string& name) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error("there is no " + file.string());
  Block block;
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    if (line.compare(0, 3, " -4") == 0) inside = line.find(name) != std::string::npos;
    if (!inside || line.compare(0, 3, " -1") != 0) continue;
    std::vector<double>& values = block[std::stoi(line.substr(3, 10))];
    for (std::size_t at = 13; at + 12 <= line.size(); at += 12) values.push_back(std::stod(line.substr(at, 12)));
  }
  if (block.empty()) throw std::runtime_error(file.string() + " has no block " + name);
  return block;
}

double von_mises(const std::vector<double>& s) {
  return std::sqrt(0.5 *
                       ((s[0] - s[1]) * (s[0] - s[1]) + (s[1] - s[2]) * (s[1] - s[2]) + (s[2] - s[0]) * (s[2] - s[0])) +
                   3 * (s[3] * s[3] + s[4] * s[4] + s[5] * s[5]));
}

}  // namespace

void write_input_deck(const std::filesystem::path& directory, const Design& design, const Density& density) {
  const Mesh mesh(design, density);
  std::ofstream out(directory / "plate.inp");
  out << std::setprecision(12);
  write_nodes(out, mesh);
  write_elements(out, mesh);
  // Nodes whose results are read: on the rim, and the middles of the two edges across y.
  const int v = mesh.across(), quarter = mesh.around() / 4;
  const int top = mesh.node(quarter, v), bottom = mesh.node(3 * quarter, v);
  out << "*NSET, NSET=ENDS\n" << bottom << ", " << top << "\n";
  out << "*MATERIAL, NAME=STEEL\n*ELASTIC\n" << youngs_modulus << ", " << poisson_ratio << "\n";
  out << "*SOLID SECTION, ELSET=PLATE, MATERIAL=STEEL\n" << thickness << "\n";
  // The forces balance each other: three held components take no load, and leave no mark in the stresses.
  out << "*BOUNDARY\n" << bottom << ", 1, 2\n" << top << ", 1, 1\n";
  out << "*STEP\n*STATIC\n*CLOAD\n";
  for (const auto& [node, force] : edge_forces(mesh, design)) {
    out << node << ", 1, " << force.x << '\n' << node << ", 2, " << force.y << '\n';
  }
  out << "*NODE FILE, OUTPUT=2D\nU\n*EL FILE, OUTPUT=2D\nS\n*END STEP\n";
  out.close();
  if (!out) throw std::runtime_error("plate.inp cannot be written");
  std::ofstream(directory / "nodes.txt") << mesh.around() << ' ' << bottom << ' ' << top << '\n';
}

assay::Values read_results(const std::filesystem::path& directory) {
  int around = 0, bottom = 0, top = 0;
  if (!(std::ifstream(directory / "nodes.txt") >> around >> bottom >> top))
    throw std::runtime_error("there is no nodes.txt");
  const Block stress = read_block(directory / "plate.frd", "STRESS");
  const Block displacement = read_block(directory / "plate.frd", "DISP");
  std::vector<double> rim;
  for (int i = 0; i < rim_points; ++i) rim.push_back(von_mises(stress.at(1 + i * around / rim_points)));
  const double opening = displacement.at(top).at(1) - displacement.at(bottom).at(1);
  return {{"rim_stress", rim}, {"max_stress", *std::max_element(rim.begin(), rim.end())}, {"opening", opening}};
}

}  // namespace plate
