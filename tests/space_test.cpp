// SPDX-License-Identifier: Apache-2.0
#include "support/catch.hpp"

#include <assay/data/space.hpp>
#include <assay/error.hpp>

#include <cmath>
#include <set>

using namespace assay;

namespace {

Space everything() {
  return Space({{.name = "width", .low = 1, .high = 3, .unit = "mm"},
                {.name = "rate", .low = 0.01, .high = 100, .scale = Scale::log},
                {.name = "ribs", .low = 1, .high = 4, .kind = Kind::integer},
                {.name = "alloy", .kind = Kind::category, .categories = {"a", "b", "c"}}});
}

/// Number of points in each of `strata` equal parts of [0, 1).
std::vector<std::int64_t> counts(const torch::Tensor& unit, std::int64_t strata) {
  const torch::Tensor drawn = (unit * strata).floor().to(torch::kInt64).bincount({}, strata);
  return {drawn.const_data_ptr<std::int64_t>(), drawn.const_data_ptr<std::int64_t>() + drawn.numel()};
}

double smallest_distance(const Values& points) {
  const torch::Tensor x = torch::stack({points["a"], points["b"]}, 1);
  const torch::Tensor far = torch::cdist(x, x) + torch::eye(x.size(0), torch::kFloat64) * 10;
  return far.min().item<double>();
}

}  // namespace

TEST_CASE("variables are scaled by their kind", "[data]") {
  const Values points = everything().scale(
      torch::tensor({{0.0, 0.0, 0.0, 0.0}, {0.5, 0.5, 0.5, 0.5}, {0.999, 0.75, 0.999, 0.999}}, torch::kFloat64));
  CHECK(points["width"][1].item<double>() == 2);
  CHECK(points["rate"][0].item<double>() == Approx(0.01));
  CHECK(points["rate"][1].item<double>() == Approx(1));
  CHECK(points["rate"][2].item<double>() == Approx(10));
  CHECK(points.numbers("ribs") == std::vector<double>{1, 3, 4});
  CHECK(points.numbers("alloy") == std::vector<double>{0, 1, 2});
  // Each whole number is as likely as the others.
  const Values many = sobol(everything(), 4096);
  for (const double ribs : {1, 2, 3, 4}) CHECK((many["ribs"] == ribs).sum().item<std::int64_t>() == 1024);
}

TEST_CASE("all that is wrong with a space is said at once", "[data]") {
  try {
    Space({{.name = "a", .low = 2, .high = 1},
           {.name = "b", .low = 0, .high = 1, .scale = Scale::log},
           {.name = "c", .low = 0.2, .high = 0.8, .kind = Kind::integer},
           {.name = "d", .kind = Kind::category},
           {.name = "e", .kind = Kind::category, .categories = {"x", "x"}},
           {.name = "a", .low = 0, .high = 1}},
          {{.terms = {{"a", 1}}}, {.terms = {{"z", 1}}, .at_most = 1}});
    FAIL("nothing was thrown");
  } catch (const ConfigError& error) {
    CHECK(error.problems().size() == 8);
  }
}

TEST_CASE("infeasible designs are never made", "[data]") {
  Space space({{"a", 0, 1}, {"b", 0, 1}}, {{.terms = {{"a", 1}, {"b", 1}}, .at_most = 1}});
  space.require("left half", [](const Values& x) { return x["a"] < 0.5; });
  const auto good = [](const Values& points) {
    return ((points["a"] + points["b"] <= 1).logical_and(points["a"] < 0.5)).all().item<bool>();
  };
  const Values points = sobol(space, 500);
  CHECK(batch_size(points) == 500);
  CHECK(good(points));
  // Sets with different `skip` complement each other here too.
  CHECK(torch::equal(sobol(space, 200, {.skip = 300})["a"], points["a"].narrow(0, 300, 200)));
  CHECK(good(latin_hypercube(space, 300, RandomKey(1))));
  CHECK(batch_size(latin_hypercube(space, 300, RandomKey(1))) == 300);
  CHECK(good(uniform(space, 300, RandomKey(1))));
  CHECK(torch::equal(uniform(space, 10, RandomKey(1))["b"], uniform(space, 300, RandomKey(1))["b"].narrow(0, 0, 10)));
  CHECK(batch_size(grid(space, 3)) == 3);  // of nine
  CHECK_THROWS_AS(maximin(space, 10, RandomKey(1)), ConfigError);

  CHECK_FALSE(space.outside({{"a", 0.2}, {"b", 0.3}}));
  CHECK_THAT(*space.outside({{"a", 0.2}, {"b", 0.9}}), Contains("a + 1.0 b <= 1.0"));
  CHECK_THAT(*space.outside({{"a", 0.7}, {"b", 0.1}}), Contains("left half"));
  CHECK_THAT(*space.outside({{"a", 1.7}, {"b", 0.1}}), Contains("a = 1.7"));
  CHECK_THAT(*space.outside({{"a", 0.7}}), Contains("'b'"));
  CHECK_THAT(*everything().outside({{"width", 2.0}, {"rate", 1.0}, {"ribs", 1.5}, {"alloy", 0.0}}), Contains("whole"));

  Space nothing({{"a", 0, 1}}, {{.terms = {{"a", 1}}, .at_least = 2}});
  CHECK_THROWS_WITH(sobol(nothing, 5), Contains("assay.space.feasible"));
  CHECK_THROWS_WITH(latin_hypercube(nothing, 5, RandomKey(1)), Contains("assay.space.feasible"));
  Space wrong{{"a", 0, 1}};
  wrong.require("all at once", [](const Values&) { return torch::ones({1}, torch::kBool); });
  CHECK_THROWS_WITH(sobol(wrong, 5), Contains("all at once"));
}

TEST_CASE("a scrambled Sobol sequence is as even, and another one for each seed", "[data]") {
  const Space unit{{"a", 0, 1}, {"b", 0, 1}, {"c", 0, 1}};
  const Values plain = sobol(unit, 256), one = sobol(unit, 256, {.scramble = 1}),
               two = sobol(unit, 256, {.scramble = 2});
  for (const char* name : {"a", "b", "c"}) {
    CHECK(counts(one[name], 256) == std::vector<std::int64_t>(256, 1));
    CHECK_FALSE(one[name].equal(plain[name]));
    CHECK_FALSE(one[name].equal(two[name]));
  }
  // Two dimensions: 16 × 16 boxes with one point each, as for the plain sequence (a (0, 8, 2)-net in base 2).
  CHECK(counts(((one["a"] * 16).floor() * 16 + (one["b"] * 16).floor()) / 256, 256) ==
        std::vector<std::int64_t>(256, 1));
  CHECK(torch::equal(sobol(unit, 56, {.skip = 200, .scramble = 1})["c"], one["c"].narrow(0, 200, 56)));
  CHECK(one["a"][0].item<double>() > 0);
}

TEST_CASE("a maximin Latin hypercube keeps its points apart", "[data]") {
  const Space unit{{"a", 0, 1}, {"b", 0, 1}};
  for (const int seed : {1, 2, 3}) {
    const Values start = maximin(unit, 40, RandomKey(seed), 0), end = maximin(unit, 40, RandomKey(seed), 50);
    for (const char* name : {"a", "b"}) CHECK(counts(end[name], 40) == std::vector<std::int64_t>(40, 1));
    CHECK(smallest_distance(end) > 1.5 * smallest_distance(start));
  }
  CHECK(batch_size(maximin(unit, 1, RandomKey(1))) == 1);
}

TEST_CASE("a grid has every combination once", "[data]") {
  const Values points = grid(everything(), 3);
  REQUIRE(batch_size(points) == 3 * 3 * 3 * 3);
  CHECK(points.numbers("width")[0] == 1);
  CHECK(points["width"].max().item<double>() == 3);
  const std::vector<double> rate = points.numbers("rate"), ribs = points.numbers("ribs"),
                            alloy = points.numbers("alloy");
  std::set<double> rates, many_ribs;
  for (std::size_t i = 0; i < rate.size(); ++i) {
    rates.insert(std::round(rate[i] * 1e6) / 1e6);
    many_ribs.insert(ribs[i]);
  }
  CHECK(rates == std::set<double>{0.01, 1, 100});
  CHECK(many_ribs == std::set<double>{1, 3, 4});
  CHECK(std::vector<double>(alloy.begin(), alloy.begin() + 3) == std::vector<double>{0, 1, 2});
  CHECK(batch_size(grid(everything(), 10)) == 10 * 10 * 4 * 3);
  CHECK_THROWS_AS(grid(everything(), 1 << 20), ConfigError);
}

TEST_CASE("a space goes to JSON and back", "[data]") {
  Space space({{.name = "a", .low = 0.5, .high = 2, .scale = Scale::log, .unit = "m", .description = "arm"},
               {.name = "n", .low = 1, .high = 3, .kind = Kind::integer}},
              {{.terms = {{"a", 2}, {"n", -1}}, .at_least = -2, .at_most = 3}});
  space.require("odd", [](const Values& x) { return x["n"].remainder(2) == 1; });
  const Json json = space_to_json(space);
  const Space back = space_from_json(Json::parse(json.dump()), {{"odd", space.predicates()[0].second}});
  CHECK(space_to_json(back) == json);
  CHECK(torch::equal(sobol(back, 50)["a"], sobol(space, 50)["a"]));
  CHECK_THROWS_WITH(space_from_json(json), Contains("/predicates/0") && Contains("odd"));
  CHECK(space_from_json(Json::parse(R"([{"name": "x", "low": 0, "high": 1}])")).names() ==
        std::vector<std::string>{"x"});
  CHECK_THROWS_WITH(
      space_from_json(Json::parse(R"({"variables": [{"name": "x", "hihg": 1, "scale": "lin"}], "more": 1})")),
      Contains("/variables/0/hihg") && Contains("/variables/0/scale") && Contains("/more"));
}
