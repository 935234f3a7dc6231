// SPDX-License-Identifier: Apache-2.0
#include "simulation.hpp"
#include "solver.hpp"

#include <assay/label/process_label.hpp>

namespace plate {

assay::AnyLabel simulations(std::int64_t parallel) {
  return assay::ProcessLabel(
      {.command = {"ccx", "plate"}, .provides = outputs, .parallel = parallel, .time_limit = std::chrono::seconds(60)},
      [](const std::filesystem::path& directory, const assay::Values& inputs) {
        write_input_deck(directory, design_of(inputs));
      },
      read_results);
}

}  // namespace plate
