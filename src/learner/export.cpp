// SPDX-License-Identifier: Apache-2.0
#include <assay/data/safetensors.hpp>
#include <assay/detail/files.hpp>
#include <assay/learner/export.hpp>

namespace assay::detail {

void write_learner(const std::filesystem::path& directory, const Json& spec, const State& state) {
  make_directories_durably(directory);
  Json own = state.json;
  // A surrogate is loaded by other programs: it does not take their GPU unasked.
  for (Json* inside = &own; inside; inside = inside->contains("learner") ? &inside->at("learner") : nullptr)
    inside->erase("device");
  const Json json{{"format", 1}, {"learner", spec}, {"state", std::move(own)}};
  write_file(directory / "learner.safetensors", to_safetensors(state.tensors));
  write_file(directory / "learner.json", json.dump(2) + "\n");
}

}  // namespace assay::detail
