// SPDX-License-Identifier: Apache-2.0
#include "../detail/bytes_tag.hpp"

#include <assay/data/safetensors.hpp>
#include <assay/detail/files.hpp>
#include <assay/detail/learner_spec.hpp>
#include <assay/learner/export.hpp>

namespace assay::detail {

void write_learner(const std::filesystem::path& directory, const Json& spec, const State& state, const Json& about) {
  make_directories_durably(directory);
  Json json{{"format", 1}, {"learner", spec}, {"state", without_device(state.json)}};
  json.update(about);
  const std::string tensors = to_safetensors(state.tensors);
  json["tensors"] = bytes_tag(tensors);
  write_file(directory / "learner.safetensors", tensors);
  write_file(directory / "learner.json", json.dump(2) + "\n");
}

}  // namespace assay::detail
