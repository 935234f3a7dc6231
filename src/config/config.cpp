// SPDX-License-Identifier: Apache-2.0
#include "../detail/bytes_tag.hpp"
#include "../driver/checks.hpp"
#include "common_space.hpp"
#include "completed.hpp"
#include "learner_json.hpp"

#include <assay/checkpoint.hpp>
#include <assay/config.hpp>
#include <assay/data/safetensors.hpp>
#include <assay/detail/files.hpp>
#include <assay/detail/guest.hpp>
#include <assay/detail/restoring.hpp>
#include <assay/error.hpp>
#include <assay/metrology/accuracy.hpp>
#include <assay/metrology/rmse.hpp>

#include <map>

namespace assay {

template class Driver<AnyLearner, AnyQuery, AnyLabel, AnyMetrology, AnyTrainingLoop>;

namespace {

/// The parts of a driver as a configuration describes them, as far as they could be built.
struct Parts {
  DriverOptions options;
  std::optional<AnyLearner> learner;
  std::optional<AnyQuery> query;
  std::optional<AnyLabel> label;
  std::optional<AnyMetrology> metrology = AnyMetrology(NoMetrology());
  std::optional<AnyTrainingLoop> loop;

  explicit Parts(const ConfigReader& reader) {
    const Registries& registries = *reader.registries();
    options = options_from_json<DriverOptions>(reader.child("driver"));
    learner = registries.learner.make(reader.child("learner"));
    query = registries.query.make(reader.child("query"));
    label = registries.label.make(reader.child("label"));
    if (const ConfigReader child = reader.child("metrology"); child.present())
      metrology = registries.metrology.make(child);
    if (const ConfigReader child = reader.child("loop"); child.present()) {
      loop = registries.loop.make(child);
    } else if (learner) {
      loop = detail::begun_loop(learner->loop_maker(), options.dir);
    }
  }

  /// What the parts lack of each other, as far as they are there: a driver would report it one by one.
  void report_mismatches(const ConfigReader& reader) const {
    const auto report = [&](std::vector<ErrorParts> found) {
      for (ErrorParts& problem : found) reader.problem(std::move(problem));
    };
    if (!learner) return;
    const CapabilitySet provided = learner->capabilities();
    if (query) report(detail::capability_problems("/query", query->requirements(), provided));
    if (metrology) report(detail::capability_problems("/metrology", metrology->requirements(), provided));
    if (label && !options.skip_labeling)
      report(detail::provides_problems("/label/provides", learner->targets(), label->provides()));
  }

  /// What the campaign would fail on later: a label strategy here and now, a stop criterion after its first round.
  void report_obstacles(const ConfigReader& reader, const Pools& pools) const {
    if (!learner) return;
    if (label) {
      for (ErrorParts problem : label->obstacles(learner->inputs())) {
        problem.where = "/label" + problem.where;
        reader.problem(std::move(problem));
      }
    }
    if (!metrology) return;
    for (ErrorParts& problem : detail::metric_problems(options, *metrology, learner->targets(), pools))
      reader.problem(std::move(problem));
  }

  AnyDriver driver(Pools pools) {
    return AnyDriver(std::move(options), std::move(pools), std::move(*learner), std::move(*query), std::move(*label),
                     std::move(*metrology), std::move(*loop));
  }
};

Pools pools_from(const ConfigReader& reader) {
  Pools pools;
  if (!reader.expect(reader.json().is_object(), "an object with 'unlabeled' and the other pools")) return pools;
  reader.reject_unknown({"labeled", "unlabeled", "validation", "test"});
  const auto read = [&](const char* name, AnyPool& pool) {
    const ConfigReader child = reader.child(name);
    if (!child.present()) return;
    if (std::optional<AnyPool> made = reader.registries()->pool.make(child)) pool = std::move(*made);
  };
  read("labeled", pools.labeled);
  read("unlabeled", pools.unlabeled);
  read("validation", pools.validation);
  read("test", pools.test);
  return pools;
}

/// The plainest measure of a learner.
AnyMetrology error_of(const AnyLearner& learner) {
  if (learner.capabilities().has(Capability::class_probabilities)) return Accuracy();
  return Rmse();
}

}  // namespace

AnyDriver detail::load_campaign(const Json& given, const Registries& registries, bool looks_around) {
  const GuestScope guest;
  const Json configuration = with_learner_resolved(with_absolute_paths(given, std::filesystem::current_path()),
                                                   registries);
  std::vector<ErrorParts> problems;
  const ConfigReader reader(configuration, "", problems, &registries);
  if (!reader.expect_object()) throw ConfigError(std::move(problems));
  reader.reject_unknown({"driver", "space", "pools", "learner", "query", "label", "metrology", "loop"});
  Parts parts(reader);
  const std::optional<Json> given_pools = pools_with_space(reader);
  Pools pools;
  if (given_pools) {
    pools = pools_from(given_pools->is_object() ? ConfigReader(*given_pools, "/pools", problems, &registries)
                                                : reader.child("pools"));
    report_outside(reader, pools);
  }
  // Who pays for a test pool wants to know what it says.
  if (!reader.child("metrology").present() && pools.test.size() > 0 && parts.learner)
    parts.metrology = error_of(*parts.learner);
  parts.report_mismatches(reader);
  if (looks_around) parts.report_obstacles(reader, pools);
  if (!problems.empty()) throw ConfigError(std::move(problems));
  const std::filesystem::path dir = parts.options.dir;
  AnyDriver driver = parts.driver(std::move(pools));
  // The driver knows its pools' contents alone; where they come from makes the file one to start from.
  Json whole = kept_configuration(dir);
  if (whole.is_object() && !whole.contains("pools")) {
    whole["pools"] = *given_pools;
    if (configuration.contains("space")) whole["space"] = configuration.at("space");
    detail::replace_file_durably(dir / "campaign.json", whole.dump(2) + "\n");
  }
  return driver;
}

AnyDriver load_campaign(const std::filesystem::path& file, const Registries& registries) {
  Json configuration = detail::with_absolute_paths(parse_json(detail::read_file(file, longest_json), file.string()),
                                                   file.parent_path());
  const Json::json_pointer place("/driver/dir");
  const bool has_place = configuration.contains(place) && configuration.at(place).is_string();
  // A campaign that is there goes on filling its templates as it began.
  if (!has_place ||
      !std::filesystem::exists(std::filesystem::path(configuration.at(place).get<std::string>()) / "campaign.json"))
    configuration = detail::with_category_names(std::move(configuration));
  return detail::load_campaign(configuration, registries);
}

Json detail::kept_configuration(const std::filesystem::path& directory) {
  const std::filesystem::path file = directory / "campaign.json";
  return std::filesystem::exists(file) ? parse_json(read_own_file(file, longest_json), file.string()) : Json();
}

Json detail::own_configuration(const std::filesystem::path& directory) {
  const std::filesystem::path file = directory / "campaign.json";
  if (!std::filesystem::exists(file)) {
    throw CheckpointError({"assay.campaign.missing", directory.string(), "a directory that holds a campaign",
                           "none (there is no campaign.json)", "'assay new' starts one"});
  }
  Json configuration = kept_configuration(directory);
  if (!configuration.is_object() || !configuration.contains("pools")) {
    throw ConfigError({"assay.config.required", file.string() + ", /pools", "where the samples come from", "nothing",
                       "a program with pools of its own started it: go on with that program; or its start was cut off: "
                       "start it again, with 'assay new' or assay_new and its configuration"});
  }
  Json& driver = configuration["driver"];
  if (!driver.is_object()) driver = Json::object();
  driver["dir"] = directory.string();
  driver["resume"] = "required";
  driver["wall_time"] = nullptr;  // it was that session's
  return configuration;
}

AnyDriver open_campaign(const std::filesystem::path& directory, const Registries& registries, const Json& changes) {
  Json configuration = detail::own_configuration(directory);
  configuration.at("driver").update(changes);
  return detail::load_campaign(configuration, registries);
}

AnyDriver rebuild_campaign(const std::filesystem::path& directory, Pools pools, const Registries& registries,
                           const Json& changes) {
  const detail::GuestScope guest;
  std::vector<std::string> damaged;
  const std::optional<Checkpoint> checkpoint = newest_checkpoint(directory, damaged);
  if (!checkpoint) {
    throw CheckpointError({"assay.checkpoint.missing", directory.string(), "a campaign with an intact checkpoint",
                           damaged.empty() ? "none" : damaged.front(), ""});
  }
  Json configuration;
  std::map<std::string, std::string> elsewhere;
  detail::restoring(directory.string() + ", newest checkpoint", [&] {
    configuration = checkpoint->json.at("slots");
    configuration["driver"] = checkpoint->json.at("driver");
    configuration["driver"]["dir"] = directory.string();
    for (const char* folder : {"ledger_dir", "scratch"}) elsewhere[folder] = configuration["driver"].value(folder, "");
  });
  configuration["driver"]["resume"] = "required";
  configuration["driver"]["wall_time"] = nullptr;  // it was that session's
  // A path out of a file: only who resumes the campaign says where else assay may write.
  for (const auto& [option, folder] : elsewhere) {
    if (folder.empty() || changes.contains(option)) continue;
    throw ConfigError({"assay.campaign." + option, "/" + option, "this folder from the program that resumes",
                       "'" + folder + "', from the checkpoint",
                       "give \"" + option + "\" among the changes: this folder, or \"\" for the campaign directory"});
  }
  configuration["driver"].update(changes);
  std::vector<ErrorParts> problems;
  Parts parts(ConfigReader(configuration, "", problems, &registries));
  if (!problems.empty()) throw ConfigError(std::move(problems));
  return parts.driver(std::move(pools));
}

AnyLearner load_learner(const std::filesystem::path& directory, const Registries& registries) {
  const detail::GuestScope guest;
  const std::filesystem::path file = directory / "learner.json";
  const Json json = parse_json(detail::read_file(file, longest_json), file.string());
  if (!json.is_object() || !json.contains("learner") || !json.contains("state")) {
    throw CheckpointError({"assay.learner.file", file.string(), "an exported learner", "something else", ""});
  }
  AnyLearner learner = registries.learner.make(json.at("learner"), registries);
  const std::filesystem::path tensors = directory / "learner.safetensors";
  const std::string bytes = detail::read_file(tensors);
  if (json.contains("tensors") && json.at("tensors") != detail::bytes_tag(bytes)) {
    throw CheckpointError({"assay.learner.file", tensors.string(), "the file that learner.json was written with",
                           "another", "export the learner again"});
  }
  learner.load(
      {.json = json.at("state"), .tensors = from_safetensors(std::as_bytes(std::span(bytes)), tensors.string())});
  return learner;
}

}  // namespace assay
