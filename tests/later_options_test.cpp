// SPDX-License-Identifier: Apache-2.0
// Options that came with a later version than a campaign was begun with: it goes on as if it had had their defaults.
#include "support/catch.hpp"
#include "support/toy.hpp"

#include <assay/campaign_hash.hpp>
#include <assay/checkpoint.hpp>
#include <assay/config.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>
#include <assay/label/external_label.hpp>
#include <assay/learner/module_learner.hpp>
#include <assay/learner/recorded_linear.hpp>
#include <assay/learner/transformed.hpp>
#include <assay/ledger.hpp>
#include <assay/training/k_fold.hpp>
#include <assay/transform/log_transform.hpp>

#include <map>
#include <set>
#include <string>

using namespace assay;

namespace {

/// Takes every option away that is not in `kept`, at any depth: what an older version would not have written.
/// Components keep their types, and objects and lists stay, empty where nothing is left.
void forget_options(Json& value, const std::set<std::string>& kept) {
  if (value.is_array()) {
    for (Json& one : value) forget_options(one, kept);
  }
  if (!value.is_object()) return;
  Json left = Json::object();
  for (auto& [name, inner] : value.items()) {
    const bool holds_more = inner.is_object() || (inner.is_array() && !inner.empty() && inner.front().is_object());
    if (holds_more) forget_options(inner, kept);
    if (holds_more || name == "type" || kept.contains(name)) left[name] = inner;
  }
  value = left;
}

std::set<std::string> option_names_in(const Json& value) {
  std::set<std::string> names;
  if (value.is_object()) {
    for (const auto& [name, inner] : value.items()) {
      names.insert(name);
      names.merge(option_names_in(inner));
    }
  }
  if (value.is_array()) {
    for (const Json& inner : value) names.merge(option_names_in(inner));
  }
  return names;
}

template <class Any>
void check_all(const Registry<Any>& registry, const Registries& registries, const std::map<std::string, Json>& given) {
  for (const RegistryRow& row : registry.rows()) {
    const auto found = given.find(row.key);
    Json configuration = found == given.end() ? Json::object() : found->second;
    configuration["type"] = row.key;
    const Any component = registry.make(configuration, registries);
    Json saved = component.spec();
    INFO(registry.role() << " " << row.key);
    // The default optimizer of a loop is given its rate: what a component is given was always written.
    std::set<std::string> given_names = option_names_in(configuration);
    given_names.insert("lr");
    forget_options(saved, given_names);
    component.fill_spec(saved);
    CHECK(saved == component.spec());
    // What was saved of another type is not touched.
    Json other{{"type", "another"}};
    component.fill_spec(other);
    CHECK(other == Json{{"type", "another"}});
  }
}

/// Everything that nests: structs in components, components in components, lists and tables of them.
Json nested_configuration(const std::filesystem::path& dir) {
  const Json space = {{{"name", "a"}, {"low", 0.5}, {"high", 1}}, {{"name", "b"}, {"low", 0.5}, {"high", 2}}};
  const Json lcmd{{"type", "lcmd"}, {"max_samples", 2}, {"features", {{"outputs", 4}}}};
  const Json start{{"type", "cold_start"}, {"start", {{"type", "random"}}}, {"strategy", lcmd}, {"labels", 4}};
  return {{"driver", {{"dir", dir.string()}, {"max_rounds", 2}, {"seed", 5}, {"resume", "if_present"}}},
          {"pools",
           {{"labeled", {{"type", "sobol"}, {"count", 12}, {"space", space}}},
            {"unlabeled", {{"type", "sobol"}, {"count", 40}, {"skip", 12}, {"space", space}}}}},
          {"learner",
           {{"type", "transformed"},
            {"learner",
             {{"type", "ensemble"}, {"members", 2}, {"inputs", {"a", "b"}}, {"targets", {"y"}}, {"hidden", {8}}}},
            {"targets", {{"y", {{"type", "log"}}}}}}},
          {"query",
           {{"type", "random_share"},
            {"share", 0.5},
            {"strategy",
             {{"type", "mix"},
              {"max_samples", 4},
              {"strategies", {{{"type", "subsample"}, {"strategy", lcmd}, {"candidates", 30}}, start}}}}}},
          {"loop",
           {{"type", "k_fold"},
            {"folds", 2},
            {"training",
             {{"epochs", 3},
              {"warm_start", "reset"},
              {"scheduler", {{"type", "warmup"}, {"then", {{"type", "cosine"}}}}}}}}},
          {"label", {{"type", "external"}, {"provides", {"y"}}}},
          {"metrology", {{"type", "rmse"}}}};
}

const std::set<std::string> kept{"lr",    "inputs",   "targets",    "learner",     "members",    "hidden",
                                 "share", "strategy", "strategies", "start",       "labels",     "outputs",
                                 "folds", "epochs",   "warm_start", "max_samples", "candidates", "then"};

Json without_new_options(Json saved) {
  forget_options(saved, kept);
  return saved;
}

/// What the campaign in `newer` would have been begun with by an older version, in a folder of its own.
void begin_as_older_version(const std::filesystem::path& newer, const std::filesystem::path& older) {
  Json fixed = parse_json(Ledger::open_read_only(newer / "ledger.sqlite", newer / "labels/objects").configuration(),
                          "");
  for (const char* slot : {"learner", "query"}) fixed[slot] = without_new_options(fixed[slot]);
  std::filesystem::create_directories(older);
  Ledger::create(older / "ledger.sqlite", "0123456789abcdef", older / "labels/objects", fixed.dump());
  Json file = parse_json(assay::detail::read_file(newer / "campaign.json"), "");
  for (const char* slot : {"learner", "query", "loop"}) file[slot] = without_new_options(file[slot]);
  file["driver"]["dir"] = older.string();
  assay::detail::write_file(older / "campaign.json", file.dump());
}

/// Changes what the newest checkpoint says of the slots.
void rewrite_slots(const std::filesystem::path& campaign, const std::function<void(Json& slots)>& change) {
  std::vector<std::string> damaged;
  Checkpoint checkpoint = *newest_checkpoint(campaign, damaged);
  for (const char* own : {"format", "files", "sha256"}) checkpoint.json.erase(own);
  ++checkpoint.number;
  change(checkpoint.json.at("slots"));
  write_checkpoint(campaign, encode(checkpoint), 10);
}

void forget_slots(Json& slots) {
  for (const char* slot : {"learner", "query", "loop"}) slots[slot] = without_new_options(slots.at(slot));
}

template <class Driver>
void simulate(Driver& driver, int batches) {
  for (int i = 0; i < batches && driver.advance() == RunStatus::waiting; ++i) {
    for (const Sample& sample : driver.ask(100)) driver.tell(sample.id, done(toy::solve(sample.values)));
  }
}

/// A campaign of an older version stopped in its middle, gone on with, ends as one that was never interrupted.
/// \param open a driver of the campaign in a folder, in the types under test.
template <class Open>
void check_that_an_older_campaign_goes_on(const Open& open) {
  const toy::Folder folder;
  {
    auto driver = open(folder / "whole");
    simulate(driver, 100);
    REQUIRE(driver.finished());
  }
  begin_as_older_version(folder / "whole", folder / "older");
  {
    auto driver = open(folder / "older");
    simulate(driver, 2);
    REQUIRE(driver.round() == 1);
  }
  rewrite_slots(folder / "older", forget_slots);
  {
    auto driver = open(folder / "older");
    simulate(driver, 100);
    CHECK(driver.finished());
  }
  CHECK(campaign_hash(folder / "older") == campaign_hash(folder / "whole"));
}

/// The same campaign with its types written out: strategies and learners are built from the same options.
auto static_driver(const std::filesystem::path& dir) {
  static const Registries registries;
  const Json json = nested_configuration(dir);
  DriverOptions options{.dir = dir, .max_rounds = 2, .seed = 5, .resume = Resume::if_present};
  const Space space{{"a", 0.5, 1}, {"b", 0.5, 2}};
  Pools pools{.labeled = sobol(space, 12), .unlabeled = sobol(space, 40, {.skip = 12})};
  Transformed learner(registries.learner.make(json.at("learner").at("learner"), registries), {{"y", LogTransform()}});
  RandomShare query({.strategy = registries.query.make(json.at("query").at("strategy"), registries), .share = 0.5});
  KFold loop(
      {.folds = 2,
       .training = {
           .epochs = 3, .warm_start = WarmStart::reset, .scheduler = WarmupSchedule({.then = CosineSchedule()})}});
  return Driver(std::move(options), std::move(pools), std::move(learner), std::move(query),
                ExternalLabel({.provides = {"y"}}), Rmse(), std::move(loop));
}

}  // namespace

TEST_CASE("options that a saved component lacks are filled with their defaults, whatever it is", "[config][a1]") {
  Registries registries;
  registries.predicates.add("any", [](const Values& x) { return torch::ones({batch_size(x)}, torch::kBool); });
  registries.functions.add("solve", toy::solve);
  registries.modules.add(
      "net", [] { return AnyModule{RecordedLinear(2, 1).ptr(), [](const torch::Tensor& x) { return x; }, mse_loss}; });
  const Json learner{{"inputs", {"a", "b"}}, {"targets", {"y"}}};
  const Json nested{{"type", "lcmd"}, {"max_samples", 7}, {"features", {{"of", "embeddings"}}}};
  Json net = learner, ensemble = learner;
  net["module"] = "net";
  ensemble["type"] = "ensemble";
  check_all(registries.query, registries,
            {{"chain", {{"strategies", {nested, {{"type", "badge"}}}}}},
             {"mix", {{"strategies", {nested, {{"type", "subsample"}, {"strategy", nested}}}}}},
             {"subsample", {{"strategy", nested}}},
             {"cold_start", {{"strategy", nested}, {"start", {{"type", "typiclust"}}}}},
             {"random_share", {{"strategy", {{"type", "mix"}, {"strategies", {nested}}}}}},
             {"expected_value", {{"strategy", nested}}},
             {"filter", {{"strategy", nested}, {"predicate", "any"}}}});
  check_all(registries.learner, registries,
            {{"mlp", learner},
             {"ensemble", learner},
             {"mc_dropout", learner},
             {"gaussian_process", learner},
             {"module", net},
             {"transformed", {{"learner", ensemble}, {"targets", {{"y", {{"type", "log"}}}}}}}});
  check_all(registries.loop, registries,
            {{"default", {{"optimizer", {{"type", "adagrad"}}}, {"scheduler", {{"type", "warmup"}}}}},
             {"k_fold", {{"training", {{"epochs", 7}, {"early_stopping", {{"patience", 3}}}}}}}});
  check_all(registries.optimizer, registries, {});
  check_all(registries.scheduler, registries, {{"warmup", {{"then", {{"type", "on_plateau"}}}}}});
  check_all(registries.stop, registries,
            {{"target_metric", {{"metric", "rmse"}, {"below", 1}}}, {"plateau", {{"metric", "rmse"}}}});
  check_all(registries.transform, registries, {});
  check_all(registries.metrology, registries, {{"metrics", {{"metrics", {{{"type", "rmse"}}}}}}});
}

TEST_CASE("a campaign whose saved options lack nested ones goes on: a driver with its types",
          "[driver][resuming][a1]") {
  check_that_an_older_campaign_goes_on(static_driver);
}

TEST_CASE("a campaign whose saved options lack nested ones goes on: from JSON", "[driver][resuming][a1]") {
  const Registries registries;
  check_that_an_older_campaign_goes_on([&](const std::filesystem::path& dir) {
    return std::filesystem::exists(dir / "campaign.json") ? open_campaign(dir, registries)
                                                          : load_campaign(nested_configuration(dir), registries);
  });
}

TEST_CASE("a nested option that is unknown, or was another, is refused with its path", "[driver][resuming][a1]") {
  const toy::Folder folder;
  {
    auto driver = static_driver(folder / "c");
    simulate(driver, 2);
  }
  const auto refused = [&](const char* pointer, const Json& value, const std::string& path) {
    Json before;
    rewrite_slots(folder / "c", [&](Json& slots) {
      before = slots;
      slots[Json::json_pointer(pointer)] = value;
    });
    INFO(path);
    CHECK_THROWS_WITH(static_driver(folder / "c"), Contains("assay.resume.changed") && Contains(path + ":"));
    rewrite_slots(folder / "c", [&](Json& slots) { slots = before; });
  };
  const std::string lcmd = "/query/strategy/strategies/1/strategy";
  refused((lcmd + "/features/width").c_str(), 3, lcmd + "/features/width");
  refused((lcmd + "/features/outputs").c_str(), 5, lcmd + "/features/outputs");
  refused((lcmd + "/type").c_str(), "badge", lcmd + "/type");
  refused("/query/strategy/strategies/0/strategy/features/sigma", 0.2,
          "/query/strategy/strategies/0/strategy/features/sigma");
  refused("/learner/learner/width", 3, "/learner/learner/width");
  refused("/learner/targets/y/base", 10, "/learner/targets/y/base");
  refused("/learner/targets/z", Json{{"type", "log"}}, "/learner/targets/z");
  CHECK_NOTHROW(static_driver(folder / "c"));
}
