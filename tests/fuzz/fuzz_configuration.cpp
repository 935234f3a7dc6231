// SPDX-License-Identifier: Apache-2.0
// A campaign's configuration, up to where its directory would be made: that stands where nothing can be made.
#include "components.hpp"

namespace {

using namespace assay;

fuzz::Tally tally("fuzz_configuration");

constexpr const char* nowhere = "/proc/assay/nowhere";

/// Files that pools would be read from: none is there.
void forbid_files(Json& json) {
  if (!json.is_structured()) return;
  for (auto& [key, value] : json.items()) {
    if ((key == "dir" || key == "file" || key == "ledger_dir") && value.is_string()) value = nowhere;
    if (key == "fields" && value.is_object()) {
      for (Json& file : value) file = nowhere;
    }
    forbid_files(value);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tally.count("runs");
  Json configuration;
  if (!fuzz::accepts([&] { configuration = parse_json(fuzz::text_of(data, size), "input"); })) return 0;
  tally.count("JSON");
  fuzz::make_small(configuration);
  forbid_files(configuration);
  try {
    load_campaign(configuration, fuzz::registries());
  } catch (const CheckpointError& error) {
    if (error.parts().where.starts_with("/proc")) tally.count("accepted");
    return 0;
  } catch (const Error&) {
    return 0;
  }
  fuzz::require(false, "no campaign without a directory");
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  return fuzz::mutate_parts(data, size, most, seed, /*jsons=*/1, /*parts=*/1);
}
