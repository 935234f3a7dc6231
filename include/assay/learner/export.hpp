// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/spec.hpp>
#include <assay/state.hpp>

#include <filesystem>

namespace assay {

namespace detail {
/// \param about what else `learner.json` is to say, as `provenance` and `units`.
void write_learner(const std::filesystem::path& directory, const Json& spec, const State& state,
                   const Json& about = Json::object());
}  // namespace detail

/// Writes a learner as `learner.json` (its specification) and `learner.safetensors` (its parameters) into a directory.
/// `load_learner` (config.hpp) rebuilds it; other programs can read both files.
template <class Learner>
void export_learner(const Learner& learner, const std::filesystem::path& directory) {
  detail::write_learner(directory, spec_of(learner), learner.save());
}

}  // namespace assay
