// SPDX-License-Identifier: Apache-2.0
// The files between library and runner in a simulation's directory: order and outcome, between a NUL byte, whose mark
// is "m". What is accepted comes back the same from its own encoding.
#include "../support/folder.hpp"
#include "fuzz.hpp"

#include "../../src/label/simulation_files.hpp"

#include <assay/detail/files.hpp>

#include <filesystem>

namespace {

using namespace assay;
namespace fs = std::filesystem;

fuzz::Tally tally("fuzz_outcome");

/// A simulation's directory in memory that goes away.
struct Folder : temporary::MemoryFolder {
  Folder() { fs::create_directories(path() / ".assay"); }
};

void put(const fs::path& directory, const char* name, std::string_view text) {
  for (const fs::path& place : {directory, directory / ".assay"}) assay::detail::write_file(place / name, text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tally.count("runs");
  static const Folder folder;
  const std::vector<std::string_view> parts = fuzz::split(fuzz::text_of(data, size), 2);
  put(folder.path(), assay::detail::order_file, parts[0]);
  put(folder.path(), assay::detail::outcome_file, parts[1]);
  fuzz::accepts([&] {
    const assay::detail::SimulationOrder order = assay::detail::read_order(folder.path());
    tally.count("orders");
    assay::detail::write_order(folder.path(), order);
    const assay::detail::SimulationOrder back = assay::detail::read_order(folder.path());
    fuzz::require(back.mark == order.mark && back.program == order.program && back.arguments == order.arguments &&
                      back.cores == order.cores && back.environment == order.environment &&
                      back.time_limit == order.time_limit && back.output_limit == order.output_limit,
                  "an order comes back as it was");
  });
  const std::optional<assay::detail::SimulationOutcome> outcome = assay::detail::read_outcome(folder.path(), "m");
  if (!outcome) return 0;
  tally.count("outcomes");
  assay::detail::write_outcome(folder.path(), *outcome, "m");
  const std::optional<assay::detail::SimulationOutcome> back = assay::detail::read_outcome(folder.path(), "m");
  fuzz::require(back && back->kind == outcome->kind && back->status == outcome->status && back->tail == outcome->tail &&
                    back->problem == outcome->problem && back->seconds == outcome->seconds,
                "an outcome comes back as it was");
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  return fuzz::mutate_parts(data, size, most, seed, /*jsons=*/2, /*parts=*/2);
}
