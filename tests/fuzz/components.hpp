// SPDX-License-Identifier: Apache-2.0
// What the targets that build components share.
#pragma once

#include "fuzz.hpp"

#include <assay/config.hpp>
#include <assay/learner/module_learner.hpp>

namespace fuzz {

/// All that assay brings, and one of each callable that a configuration can name.
const assay::Registries& registries();

/// What a configuration may ask for in threads, points and epochs, made small.
void make_small(assay::Json& spec);

/// Whether the network that a learner's specification describes would be small, or one that must be refused.
bool small_or_absurd(const assay::Json& spec);

/// Two samples with two numbers in every field called one of `names`.
assay::Values samples(const std::vector<std::string>& names);

}  // namespace fuzz
