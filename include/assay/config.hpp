// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/any/any_label.hpp>
#include <assay/any/any_learner.hpp>
#include <assay/any/any_metrology.hpp>
#include <assay/any/any_query.hpp>
#include <assay/any/any_training_loop.hpp>
#include <assay/driver.hpp>
#include <assay/registries.hpp>

#include <concepts>
#include <filesystem>

namespace assay {

/// A driver whose learner and strategies are chosen at run time.
using AnyDriver = Driver<AnyLearner, AnyQuery, AnyLabel, AnyMetrology, AnyTrainingLoop>;
extern template class Driver<AnyLearner, AnyQuery, AnyLabel, AnyMetrology, AnyTrainingLoop>;

namespace detail {
/// \param looks_around also report what the campaign would fail on later: missing programs, metrics of no name.
AnyDriver load_campaign(const Json& configuration, const Registries& registries, bool looks_around = false);
/// The `campaign.json` in a directory; null where there is none.
Json kept_configuration(const std::filesystem::path& directory);
/// What `open_campaign` continues the campaign in a directory by, if nothing is changed. Errors: as `open_campaign`.
Json own_configuration(const std::filesystem::path& directory);
}  // namespace detail

/// A whole campaign from JSON:
///
///     {"driver": {"dir": "campaigns/airfoil", "max_rounds": 20},
///      "pools": {"labeled": {"type": "sobol", ...}, "unlabeled": {"type": "sobol", ...}},
///      "learner": {"type": "ensemble", ...}, "query": {"type": "core_set"}, "label": {"type": "process", ...},
///      "metrology": {"type": "rmse"}, "loop": {"type": "default", "epochs": 200}}
///
/// "metrology" and "loop" may be left out. A "space" beside "pools" is that of every pool that names none. Relative
/// paths of pools, and of the program and its templates in "label", are taken from the folder of the file (of JSON in
/// memory: from the working directory), which `{{folder}}` stands for in the words of a command; folders of the driver
/// are taken from the working directory. The campaign directory keeps the whole as `campaign.json`, with absolute
/// paths, from which `open_campaign` continues it. Errors: `ConfigError` with every problem in the file and its JSON
/// path; then as `Driver`'s constructor.
AnyDriver load_campaign(const std::filesystem::path& file, const Registries& registries);
template <class J>
  requires std::same_as<J, Json>  // a file's name would otherwise convert to it
AnyDriver load_campaign(const J& configuration, const Registries& registries) {
  return detail::load_campaign(configuration, registries);
}

/// Continues the campaign in a directory by its own `campaign.json`, as `load_campaign` left it there.
/// \param changes driver options to change, as `{"max_rounds": 40}`.
/// Errors: `CheckpointError` for a directory without a campaign; `ConfigError` for one that was started with pools from
/// C++, and as `load_campaign`. The label strategy that the file names is run: look at it before you go on with a
/// campaign of somebody else's.
AnyDriver open_campaign(const std::filesystem::path& directory, const Registries& registries,
                        const Json& changes = Json::object());

/// The campaign in a directory, with its learner, strategies and options rebuilt from the newest checkpoint.
/// \param pools the pools it was started with. \param changes driver options to change, as `{"max_rounds": 40}`.
/// Errors: `CheckpointError` for a directory without a campaign or an intact checkpoint; `ConfigError` naming every
/// slot that cannot be rebuilt because its type or callable is not registered, and for a checkpoint that names a
/// `ledger_dir` or a `scratch` folder where `changes` names none: a file alone never makes assay write outside the
/// campaign directory. A label strategy that runs a program is rebuilt with the program that the checkpoint names: look
/// at it before you resume a campaign that came from somebody else.
AnyDriver rebuild_campaign(const std::filesystem::path& directory, Pools pools, const Registries& registries,
                           const Json& changes = Json::object());

/// The learner that `export_learner` wrote. Errors: `ConfigError` for one whose type is not registered.
AnyLearner load_learner(const std::filesystem::path& directory, const Registries& registries);

}  // namespace assay
