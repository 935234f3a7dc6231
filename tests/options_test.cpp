// SPDX-License-Identifier: Apache-2.0
#include "support/catch.hpp"
#include "support/toy.hpp"

#include <assay/stop/stop.hpp>

#include <assay/error.hpp>
#include <assay/registries.hpp>

#include <chrono>

using namespace assay;

namespace {

enum class Colour { red, green };
struct Inner {
  double x = 1;
  int y = 2;
};
struct Everything {
  bool flag = false;
  std::int64_t count = 3;
  double number = 0.5;
  std::string text = "t";
  std::vector<double> list = {1, 2};
  std::optional<std::int64_t> maybe = std::nullopt;
  std::filesystem::path path = "p";
  std::chrono::duration<double> time{1.5};
  Colour colour = Colour::green;
  std::map<std::string, std::string> table = {{"k", "v"}};
  Inner inner = {};
  std::optional<Inner> maybe_inner = std::nullopt;
  std::vector<AnyStop> stops = {};

  static constexpr std::array describe{OptionInfo{.name = "count", .help = "how many", .min = 1, .max = 9},
                                       OptionInfo{.name = "text", .required = true}};
};

std::vector<ErrorParts> reading_problems(const Json& json) {
  std::vector<ErrorParts> problems;
  const Registries registries;
  options_from_json<Everything>(ConfigReader(json, "", problems, &registries));
  return problems;
}

struct NearStallOptions {
  std::int64_t max_samples = 8;
  double angle = 10.0;
};
struct NearStall {
  static constexpr std::string_view key = "near_stall";
  NearStallOptions options;
  Selection select(const QueryContext&) const { return {}; }
};

}  // namespace

TEST_CASE("the names of fields and enumerators are read from the types", "[options]") {
  CHECK(assay::detail::field_count<Everything> == 13);
  CHECK(assay::detail::field_names<Inner>[0] == "x");
  CHECK(assay::detail::field_names<Inner>[1] == "y");
  CHECK(assay::detail::enumerator_names<Colour>.size() == 2);
  CHECK(assay::detail::enumerator_names<Colour>[1] == "green");
}

TEST_CASE("every describe table names existing fields in order", "[options]") {
  const Registries registries;
  for (const RegistryRow& row : registries.loop.rows()) {
    for (const OptionRow& option : row.options) CHECK_FALSE(option.help.empty());
  }
}

TEST_CASE("options go to JSON and back unchanged", "[options]") {
  Everything options;
  options.maybe = 4;
  options.maybe_inner = Inner{3, 4};
  options.colour = Colour::red;
  options.stops.push_back(Plateau({.patience = 7}));
  const Json json = options_to_json(options);
  CHECK(json["time"] == 1.5);
  CHECK(json["colour"] == "red");
  CHECK(json["stops"][0]["type"] == "plateau");
  std::vector<ErrorParts> problems;
  const Registries registries;
  const Everything back = options_from_json<Everything>(ConfigReader(json, "", problems, &registries));
  CHECK(problems.empty());
  CHECK(options_to_json(back) == json);
}

TEST_CASE("all problems of a configuration are reported at once with their paths", "[options]") {
  const auto problems = reading_problems(Json::parse(R"({"flag": 1, "count": 10, "colour": "blue", "inner": {"z": 1},
                                                    "list": [1, "x"], "stops": [{"type": "platau"}], "cuont": 1})"));
  std::vector<std::string> where;
  for (const ErrorParts& problem : problems) where.push_back(problem.where);
  CHECK(where == std::vector<std::string>{"/flag", "/count", "/text", "/list/1", "/colour", "/inner/z", "/stops/0/type",
                                          "/cuont"});
  CHECK(problems[1].id == "assay.config.range");
  CHECK(problems[1].expected == "integer in [1, 9]");
  CHECK(problems[2].id == "assay.config.required");
  CHECK_THAT(problems[6].advice, Contains("did you mean 'plateau'"));
  CHECK_THAT(problems[7].advice, Contains("did you mean 'count'"));
}

TEST_CASE("JSON with a key twice, too deep or torn is refused", "[options]") {
  CHECK_THROWS_WITH(parse_json(R"({"a": 1, "a": 2})", "f.json"), Contains("f.json") && Contains("'a' twice"));
  CHECK_THROWS_AS(parse_json(std::string(100, '['), "f"), ConfigError);
  CHECK_THROWS_AS(parse_json("{", "f"), ConfigError);
  CHECK(std::isnan(number_from_json(json_number(std::nan("")))));
  CHECK(number_from_json(json_number(-INFINITY)) == -INFINITY);
}

TEST_CASE("a user's struct is registered and rebuilt by key", "[options]") {
  Registries registries;
  registries.query.add<NearStall>();
  const AnyQuery made = registries.query.make({{"type", "near_stall"}, {"angle", 12}}, registries);
  CHECK(made.spec() == Json{{"type", "near_stall"}, {"angle", 12.0}, {"max_samples", 8}});
  CHECK_THROWS_WITH(registries.query.add<NearStall>(), Contains("near_stall") && Contains("assay.registry.duplicate"));
  CHECK_THROWS_WITH(registries.query.make({{"type", "nearstall"}}, registries), Contains("did you mean 'near_stall'"));
  CHECK_THROWS_WITH(
      registries.label.make({{"type", "function"}, {"provides", {"y"}}, {"function", "drag"}}, registries),
      Contains("/function") && Contains("'drag'") && Contains("register it"));
}

TEST_CASE("options out of range are refused in C++ too", "[options]") {
  CHECK_THROWS_WITH(Random({.max_samples = 0}), Contains("random/max_samples") && Contains(">= 1"));
  CHECK_THROWS_AS(DefaultTrainingLoop({.batch_size = 0}), ConfigError);
  CHECK_THROWS_AS(DefaultTrainingLoop({.dtype = "float16"}), ConfigError);
}
