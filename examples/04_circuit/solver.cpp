// SPDX-License-Identifier: Apache-2.0
#include "solver.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iomanip>
#include <numbers>
#include <stdexcept>

namespace circuit {

void write_netlist(const std::filesystem::path& directory, const Design& design) {
  // One pole: a current of `transconductance` times the input into resistance and capacitance of an inner node.
  constexpr double transconductance = 1e-3;
  const double resistance = open_loop_gain / transconductance;
  const double capacitance = transconductance / (2 * std::numbers::pi * design.bandwidth);
  std::ofstream out(directory / "filter.cir");
  out << std::setprecision(12) << "Sallen-Key low-pass\n"
      << "V1 source 0 DC 0 AC 1\n"
      << "R1 source middle " << design.r1 << "\nR2 middle plus " << design.r2 << "\nC1 middle out " << design.c1
      << "\nC2 plus 0 " << design.c2 << "\nG1 0 pole plus out " << transconductance << "\nRP pole 0 " << resistance
      << "\nCP pole 0 " << capacitance << "\nE1 inside 0 pole 0 1\nRO inside out " << design.output
      << "\n.control\nset numdgt=10\nset wr_singlescale\nac dec " << points_per_decade << ' ' << lowest << ' '
      << lowest * std::pow(10, decades) << "\nwrdata response.txt vdb(out)\nquit\n.endc\n.end\n";
  out.close();
  if (!out) throw std::runtime_error("filter.cir cannot be written");
}

assay::Values read_response(const std::filesystem::path& directory) {
  constexpr std::size_t rows = decades * points_per_decade + 1, step = (rows - 1) / (gain_points - 1);
  std::vector<double> frequency, response;
  std::ifstream in(directory / "response.txt");
  for (double f = 0, db = 0; in >> f >> db;) {
    frequency.push_back(f);
    response.push_back(db);
  }
  if (response.size() != rows) {
    throw std::runtime_error("response.txt has " + std::to_string(response.size()) + " rows instead of " +
                             std::to_string(rows));
  }
  std::vector<double> gain;
  for (std::size_t i = 0; i < rows; i += step) gain.push_back(response[i]);
  const double threshold = response[0] - 10 * std::log10(2.0);
  const auto below = std::find_if(response.begin(), response.end(), [&](double db) { return db < threshold; });
  if (below == response.end()) throw std::runtime_error("the gain never falls by 3 dB");
  const auto i = static_cast<std::size_t>(below - response.begin());
  const double part = (response[i - 1] - threshold) / (response[i - 1] - response[i]);
  const double cutoff = frequency[i - 1] * std::pow(frequency[i] / frequency[i - 1], part);
  return {{"gain", gain}, {"peak", *std::max_element(response.begin(), response.end())}, {"cutoff", cutoff}};
}

}  // namespace circuit
