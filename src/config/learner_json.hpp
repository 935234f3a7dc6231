// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/registries.hpp>

namespace assay::detail {

/// A campaign's configuration with its learner as it is built and saved: inputs that are plain names take the form that
/// the space of the pools gives them (a logarithm, a column for each value of a category), and targets that hold a
/// "transform" become those of a `transformed` learner.
///
/// A campaign that has begun keeps the forms that its own configuration says: plain names there are the numbers as they
/// are. What is no configuration at all is left as it is; who builds the parts reports it.
Json with_learner_resolved(Json configuration, const Registries& registries);

}  // namespace assay::detail
