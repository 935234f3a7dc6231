// SPDX-License-Identifier: Apache-2.0
// A campaign's configuration in a file, up to where its directory would be made: that stands where nothing can be made.
// Also as a campaign's own file, which is read to go on.
#include "../support/folder.hpp"
#include "components.hpp"

#include <assay/config.hpp>
#include <assay/detail/asked_campaign.hpp>
#include <assay/detail/files.hpp>

#include <filesystem>

namespace {

using namespace assay;
namespace fs = std::filesystem;

fuzz::Tally tally("fuzz_configuration");

constexpr const char* nowhere = "/proc/assay/nowhere";

constexpr const char* table_name = "table.csv";

/// A folder in memory, with a table for a pool to read.
const fs::path& folder() {
  static const temporary::MemoryFolder made;
  static const bool filled = [] {
    assay::detail::write_file(made / table_name, "x,y\n0.5,1\n0.75,2\n2,3\n");
    return true;
  }();
  fuzz::require(filled, "a table in memory");
  return made.path();
}

/// Of the files that pools would be read from, only the table is there.
void forbid_files(Json& json) {
  if (!json.is_structured()) return;
  for (auto& [key, value] : json.items()) {
    if ((key == "dir" || key == "file" || key == "ledger_dir") && value.is_string() && value != table_name)
      value = nowhere;
    if (key == "fields" && value.is_object()) {
      for (Json& file : value) file = nowhere;
    }
    forbid_files(value);
  }
}

/// \param looks_around as `assay new` does, for what a campaign would fail on later.
void load(const Json& configuration, bool looks_around) {
  assay::detail::write_file(folder() / "config.json", configuration.dump());
  try {
    if (looks_around) {
      assay::detail::start_configured(nowhere, configuration, folder(), fuzz::registries());
    } else {
      load_campaign(folder() / "config.json", fuzz::registries());
    }
  } catch (const CheckpointError& error) {
    if (error.parts().where.starts_with("/proc")) tally.count("accepted");
    return;
  } catch (const Error&) {
    return;
  }
  fuzz::require(false, "no campaign without a directory");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tally.count("runs");
  Json configuration;
  if (!fuzz::accepts([&] { configuration = parse_json(fuzz::text_of(data, size), "input"); })) return 0;
  tally.count("JSON");
  fuzz::make_small(configuration);
  forbid_files(configuration);
  if (configuration.is_object() && configuration.contains("driver") && configuration["driver"].is_object())
    configuration["driver"]["dir"] = nowhere;  // not where the program runs
  load(configuration, size % 2 == 0);
  assay::detail::write_file(folder() / "campaign.json", configuration.dump());
  if (fuzz::accepts([&] { assay::detail::own_configuration(folder()); })) tally.count("campaigns");
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  return fuzz::mutate_parts(data, size, most, seed, /*jsons=*/1, /*parts=*/1);
}
