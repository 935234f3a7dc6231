// SPDX-License-Identifier: Apache-2.0
// ngspice on the example's netlist against the circuit's equations, and against the textbook where the amplifier is
// good.
#include "solver.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <numbers>
#include <string>
#include <vector>

namespace {

using Complex = std::complex<double>;

assay::Values simulated(const circuit::Design& design) {
  std::string name = (std::filesystem::temp_directory_path() / "assay_theory_XXXXXX").string();
  const std::filesystem::path folder = ::mkdtemp(name.data());
  circuit::write_netlist(folder, design);
  const int status = std::system(("cd " + folder.string() + " && ngspice -b filter.cir > log.txt 2>&1").c_str());
  const assay::Values result = status == 0 ? circuit::read_response(folder) : assay::Values();
  std::filesystem::remove_all(folder);
  return result;
}

/// The gain in dB from Kirchhoff's law at the middle node, the amplifier's input and its output.
double solved(const circuit::Design& d, double frequency) {
  const Complex s(0, 2 * std::numbers::pi * frequency);
  const Complex a = 1.0 / (1 / circuit::open_loop_gain + s / (2 * std::numbers::pi * d.bandwidth));
  // Middle m, input p, output o: p = m / (1 + s R2 C2); (o - a (p - o)) / RO = s C1 (m - o).
  const Complex p = 1.0 / (1.0 + s * d.r2 * d.c2);
  const Complex o = (s * d.c1 * d.output + a * p) / (1.0 + a + s * d.c1 * d.output);
  // (1 - m) / R1 = (m - p) / R2 + s C1 (m - o), all over m.
  const Complex m = 1.0 / (1.0 + d.r1 * ((1.0 - p) / d.r2 + s * d.c1 * (1.0 - o)));
  return 20 * std::log10(std::abs(m * o));
}

}  // namespace

int main() {
  bool good = true;
  const circuit::Design butterworth{.r1 = 10e3, .r2 = 10e3, .c1 = 2e-9, .c2 = 1e-9, .bandwidth = 1e9, .output = 1e-3};
  for (const circuit::Design& design :
       {butterworth, circuit::Design{.r1 = 3e3, .r2 = 40e3, .c1 = 30e-9, .c2 = 0.3e-9, .bandwidth = 1e6, .output = 200},
        circuit::Design{.r1 = 20e3, .r2 = 5e3, .c1 = 1e-9, .c2 = 20e-9, .bandwidth = 5e6, .output = 50}}) {
    const assay::Values result = simulated(design);
    if (result.empty()) return 1;
    const std::vector<double> gain = result.numbers("gain");
    double worst = 0;
    for (std::size_t i = 0; i < gain.size(); ++i) {
      const double decade = static_cast<double>(i) * circuit::decades / (circuit::gain_points - 1);
      worst = std::max(worst, std::abs(gain[i] - solved(design, circuit::lowest * std::pow(10, decade))));
    }
    std::printf("cutoff %.1f Hz, peak %.3f dB, against the equations within %.1e dB\n", result.scalar("cutoff"),
                result.scalar("peak"), worst);
    good = good && worst < 1e-4;
  }
  // Sallen and Key 1955: an ideal amplifier and Q = 1/sqrt(2) give the cutoff 1 / (2 pi sqrt(R1 R2 C1 C2)).
  const double ideal = 1 / (2 * std::numbers::pi * 10e3 * std::sqrt(2e-18));
  good = good && std::abs(simulated(butterworth).scalar("cutoff") / ideal - 1) < 0.005;
  return good ? 0 : 1;
}
