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

namespace {

/// w0 + … + w9 <= 1: one point of the cube in 3,628,800.
Space mixture() {
  std::vector<Variable> variables;
  Constraint sum{.at_most = 1.0};
  for (int i = 0; i < 10; ++i) {
    variables.push_back({.name = "w" + std::to_string(i), .low = 0, .high = 1});
    sum.terms["w" + std::to_string(i)] = 1;
  }
  return Space(variables, {sum});
}

torch::Tensor total(const Values& points) {
  torch::Tensor sum = torch::zeros({batch_size(points)}, torch::kFloat64);
  for (const auto& [name, column] : points) sum = sum + column;
  return sum;
}

}  // namespace

TEST_CASE("F22: a space of which one point in millions is feasible is filled evenly", "[data][f22]") {
  const Space space = mixture();
  const std::int64_t n = 3000;
  const auto even = [&](const Values& points) {
    REQUIRE(batch_size(points) == n);
    CHECK(space.feasible(points).all().item<bool>());
    // Uniform in a simplex: each coordinate has mean 1/11 and variance 10/(11² · 12); the sum's distribution is s^10.
    const double deviation = std::sqrt(10.0 / 12) / 11 / std::sqrt(static_cast<double>(n));
    for (const auto& [name, column] : points) CHECK(std::abs(column.mean().item<double>() - 1.0 / 11) < 5 * deviation);
    for (const double s : {0.7, 0.8, 0.9, 0.95}) {
      const double share = (total(points) < s).to(torch::kFloat64).mean().item<double>(), right = std::pow(s, 10);
      CHECK(std::abs(share - right) < 5 * std::sqrt(right * (1 - right) / static_cast<double>(n)));
    }
  };
  const Values points = sobol(space, n);
  even(points);
  even(uniform(space, n, RandomKey(1)));
  even(latin_hypercube(space, n, RandomKey(1)));
  // Sets with different `skip` complement each other here too.
  const Values tail = sobol(space, 100, {.skip = n - 100});
  CHECK(torch::equal(tail["w3"], points["w3"].narrow(0, n - 100, 100)));
  CHECK(torch::equal(sobol(space, 50)["w3"], points["w3"].narrow(0, 0, 50)));
  CHECK_FALSE(torch::equal(sobol(space, 50, {.scramble = 2})["w3"], points["w3"].narrow(0, 0, 50)));
}

TEST_CASE("F22: thin, mixed and predicated spaces are filled too", "[data][f22]") {
  // A band of a millionth of the square, along its diagonal.
  const Space band({{"a", 0, 1}, {"b", 0, 1}}, {{.terms = {{"a", 1}, {"b", -1}}, .at_least = -5e-7, .at_most = 5e-7}});
  const Values along = sobol(band, 2000);
  CHECK(band.feasible(along).all().item<bool>());
  for (const double quarter : {0.25, 0.5, 0.75})
    CHECK((along["a"] < quarter).to(torch::kFloat64).mean().item<double>() == Approx(quarter).margin(0.06));

  // Whole numbers, a logarithm, a category: ribs <= 3 of 1,000, the rate in a ten-thousandth of its decades.
  Space mixed({{.name = "ribs", .low = 1, .high = 1000, .kind = Kind::integer},
               {.name = "rate", .low = 1e-2, .high = 1e2, .scale = Scale::log},
               {.name = "alloy", .kind = Kind::category, .categories = {"x", "y"}}},
              {{.terms = {{"ribs", 1}}, .at_most = 3}, {.terms = {{"rate", 1}}, .at_least = 1, .at_most = 1.001}});
  mixed.require("of y", [](const Values& x) { return x["alloy"] == 1; });
  const Values some = uniform(mixed, 600, RandomKey(3));
  CHECK(mixed.feasible(some).all().item<bool>());
  for (const double ribs : {1, 2, 3})
    CHECK((some["ribs"] == ribs).to(torch::kFloat64).mean().item<double>() == Approx(1.0 / 3).margin(0.1));
}

TEST_CASE("F22: a space in which nothing is feasible is told by its cause", "[data][f22]") {
  const Space cube{{"a", 0, 1}, {"b", 0, 1}};
  const auto with = [&](std::vector<Constraint> constraints) {
    return Space(cube.variables(), std::move(constraints));
  };
  CHECK_THROWS_WITH(sobol(with({{.terms = {{"a", 1}, {"b", 1}}, .at_least = 2.5}}), 5),
                    Contains("assay.space.feasible") && Contains("from 0.0 to 2.0"));
  CHECK_THROWS_WITH(
      uniform(with({{.terms = {{"a", 1}}, .at_most = 0.2}, {.terms = {{"a", 1}}, .at_least = 0.4}}), 5, RandomKey(1)),
      Contains("assay.space.feasible") && Contains("none was found"));
  CHECK_THROWS_WITH(
      latin_hypercube(with({{.terms = {{"a", 1}, {"b", 1}}, .at_least = 1, .at_most = 1}}), 5, RandomKey(1)),
      Contains("assay.space.feasible"));
  CHECK_THROWS_WITH(grid(with({{.terms = {{"a", 1}, {"b", 1}}, .at_least = 0.1, .at_most = 0.2}}), 3),
                    Contains("assay.space.feasible") && Contains("none of 9"));
  // Predicates tell no direction, but may be met by chance.
  Space corner = cube;
  corner.require("corner", [](const Values& x) { return (x["a"] < 0.006).logical_and(x["b"] < 0.006); });
  CHECK(corner.feasible(sobol(corner, 100)).all().item<bool>());
}

TEST_CASE("ranges and sizes that overflow are refused by name", "[data][hostile]") {
  const auto refused = [](const Variable& variable, const std::string& word) {
    CHECK_THROWS_WITH(Space({variable}), Contains(word));
  };
  refused({.name = "a", .low = -1.7e308, .high = 1.7e308}, "their difference too");
  refused({.name = "a", .low = 0, .high = INFINITY}, "both finite");
  refused({.name = "a", .low = NAN, .high = 1}, "both finite");
  refused({.name = "n", .low = 0, .high = 1e300, .kind = Kind::integer}, "up to 2^53");
  refused({.name = "n", .low = -1e17, .high = 0, .kind = Kind::integer}, "up to 2^53");
  for (const double bound : std::vector<double>{INFINITY, -INFINITY, NAN}) {
    CHECK_THROWS_WITH(Space({{"a", 0, 1}}, {{.terms = {{"a", 1}}, .at_most = bound}}), Contains("finite bounds"));
    CHECK_THROWS_WITH(Space({{"a", 0, 1}}, {{.terms = {{"a", bound}}, .at_most = 1}}), Contains("a finite factor"));
  }
  const Space unit{{"a", 0, 1}};
  for (const std::int64_t count : {std::int64_t{1} << 31, (std::int64_t{1} << 31) + 1, INT64_MAX, std::int64_t{-1}}) {
    CHECK_THROWS_WITH(sobol(unit, count), Contains("/count"));
    CHECK_THROWS_WITH(uniform(unit, count + (count == std::int64_t{1} << 31 ? 1 : 0), RandomKey(1)),
                      Contains("/count"));
    CHECK_THROWS_WITH(latin_hypercube(unit, count + (count == std::int64_t{1} << 31 ? 1 : 0), RandomKey(1)),
                      Contains("/count"));
    CHECK_THROWS_WITH(maximin(unit, count, RandomKey(1)), Contains("/count"));
    CHECK_THROWS_WITH(grid(unit, count), Contains("levels"));
  }
}
