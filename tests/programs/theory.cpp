// SPDX-License-Identifier: Apache-2.0
// CalculiX on the example's mesh against theory: the stress at a centred hole in a strip of finite width.
#include "solver.hpp"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace {

double peak(const plate::Design& design, const plate::Density& density) {
  std::string name = (std::filesystem::temp_directory_path() / "assay_theory_XXXXXX").string();
  const std::filesystem::path folder = ::mkdtemp(name.data());
  plate::write_input_deck(folder, design, density);
  const int status = std::system(("cd " + folder.string() + " && ccx plate > log.txt 2>&1").c_str());
  const double stress = status == 0 ? plate::read_results(folder).scalar("max_stress") : NAN;
  std::filesystem::remove_all(folder);
  return stress;
}

}  // namespace

int main() {
  bool good = true;
  for (const double ratio : {0.2, 0.3, 0.4}) {
    const plate::Design design{
        .width = 100, .height = 250, .radius = 50 * ratio, .offset_x = 0, .offset_y = 0, .angle = 0};
    const double coarse = peak(design, {}), fine = peak(design, {.around = 64, .ring = 6, .outer = 12});
    // Heywood 1952, "Designing by Photoelasticity": net-section factor 2 + (1 - d/W)^3, here on the gross section.
    const double theory = plate::remote_stress * (2 + std::pow(1 - ratio, 3)) / (1 - ratio);
    const double error = coarse / theory - 1, noise = coarse / fine - 1;
    std::printf("d/W %.1f  CalculiX %.2f MPa  Heywood %.2f MPa  difference %+.2f %%  against the finer mesh %+.2f %%\n",
                ratio, coarse, theory, 100 * error, 100 * noise);
    good = good && std::abs(error) < 0.03 && std::abs(noise) < 0.02;
  }
  return good ? 0 : 1;
}
