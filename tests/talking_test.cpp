// SPDX-License-Identifier: Apache-2.0
// What is said before it costs anything: pools that contradict their space or have changed, tests that nobody measures,
// and failures by their reasons.
#include "support/catch.hpp"
#include "support/toy.hpp"
#include "support/warnings.hpp"

#include <assay/config.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>
#include <assay/observer/console_log.hpp>
#include <assay/tools/status.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

using namespace assay;

namespace {

const Json variable{{"name", "x"}, {"low", 0}, {"high", 1}, {"unit", "mm"}};

Json external_configuration(const toy::Folder& folder, const Json& space, const Json& pools) {
  return {{"driver", {{"dir", (folder / "c").string()}, {"resume", "if_present"}}},
          {"space", space},
          {"pools", pools},
          {"learner", {{"type", "ensemble"}, {"inputs", {"x"}}, {"targets", {"f"}}}},
          {"query", {{"type", "random"}}},
          {"label", {{"type", "external"}, {"provides", {"f"}}}}};
}

std::vector<ErrorParts> loading_problems(const Json& configuration) {
  try {
    load_campaign(configuration, Registries());
  } catch (const ConfigError& error) {
    return error.problems();
  }
  return {};
}

std::string only_problem(const Json& configuration) {
  const std::vector<ErrorParts> problems = loading_problems(configuration);
  REQUIRE(problems.size() == 1);
  return describe(problems.front());
}

/// What is written to standard error meanwhile.
std::string said_on_standard_error(const std::filesystem::path& file, const std::function<void()>& work) {
  std::fflush(stderr);
  const int kept = ::dup(STDERR_FILENO), to = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  REQUIRE(::dup2(to, STDERR_FILENO) == STDERR_FILENO);
  work();
  std::fflush(stderr);
  ::dup2(kept, STDERR_FILENO);
  ::close(to);
  ::close(kept);
  return assay::detail::read_file(file);
}

}  // namespace

TEST_CASE("pools without a space have that of the configuration, with its constraints", "[config][19_8]") {
  const toy::Folder folder;
  const Json whole{{"variables", Json::array({variable})},
                   {"constraints", {{{"terms", {{"x", 1}}}, {"at_most", 0.5}}}}};
  const Json pools{{"labeled", {{"type", "sobol"}, {"count", 4}}},
                   {"unlabeled", {{"type", "uniform"}, {"count", 50}}},
                   {"validation", {{"type", "grid"}, {"levels", 5}}}};
  {
    const AnyDriver driver = load_campaign(external_configuration(folder, whole, pools), Registries());
    const Values candidates = driver.unlabeled().values();
    CHECK(candidates["x"].size(0) == 50);
    CHECK(candidates["x"].max().item<double>() <= 0.5);
  }
  // The campaign's own file has it too.
  const Json own = parse_json(assay::detail::read_file(folder / "c/campaign.json"), "");
  CHECK(own.at("space") == whole);
  CHECK(own.at("pools").at("labeled").at("space").at(0).at("unit") == "mm");
  CHECK_NOTHROW(open_campaign(folder / "c", Registries()));
  const Json maximin{{"labeled", {{"type", "maximin"}, {"count", 4}}}};
  CHECK_THAT(only_problem(external_configuration(folder, whole, maximin)),
             Contains("/pools/labeled:") && Contains("constraints"));
}

TEST_CASE("a pool that contradicts the space is refused with its place", "[config][19_8]") {
  const toy::Folder folder;
  const auto refusal = [&](const Json& change) {
    Json own = variable;
    own.update(change);
    const Json pools{{"labeled", {{"type", "sobol"}, {"count", 4}}},
                     {"test", {{"type", "sobol"}, {"count", 4}, {"space", Json::array({own})}}}};
    return only_problem(external_configuration(folder, Json::array({variable}), pools));
  };
  CHECK_THAT(refusal({{"high", 2}}),
             Contains("[assay.config.space] /pools/test/space/0/low") && Contains("0.0 to 1.0"));
  CHECK_THAT(refusal({{"low", -0.1}}), Contains("/pools/test/space/0/low"));
  CHECK_THAT(refusal({{"unit", "m"}}), Contains("/pools/test/space/0/unit") && Contains("'mm'"));
  CHECK_THAT(refusal({{"kind", "integer"}}), Contains("/pools/test/space/0/kind"));
  CHECK_THAT(refusal({{"name", "X"}}), Contains("/pools/test/space/0/name") && Contains("did you mean 'x'"));
  CHECK_THAT(only_problem(external_configuration(folder, Json::array({{{"name", "x"}, {"low", 2}, {"high", 1}}}),
                                                 Json{{"labeled", {{"type", "sobol"}, {"count", 4}}}})),
             Contains("/space/x"));
  CHECK(!std::filesystem::exists(folder / "c"));
}

TEST_CASE("samples of a file that lie outside the space are named", "[config][19_8]") {
  const toy::Folder folder;
  const auto with = [&](const std::string& rows) {
    assay::detail::write_file(folder / "data.csv", "x,f\n" + rows);
    return loading_problems(external_configuration(
        folder, Json::array({variable}), {{"labeled", {{"type", "csv"}, {"file", (folder / "data.csv").string()}}}}));
  };
  const std::vector<ErrorParts> far = with("0.5,1\n0.25,1\n500,1\n-3,1\n");
  REQUIRE(far.size() == 1);
  CHECK_THAT(describe(far.front()), Contains("/pools/labeled") && Contains("500.0 in sample 3"));
  CHECK(with("0.5,1\n-0.01,1\n").size() == 1);
  // Written with few digits, an end of the range may lie a little beyond it.
  CHECK(with("0,1\n1.0000000000001,1\n").empty());
}

TEST_CASE("a driver whose pools have changed names them, and what they hold", "[driver][resuming][19_8]") {
  const toy::Folder folder;
  const auto open = [&](Pools pools) {
    DriverOptions options = toy::options(folder / "c");
    options.resume = Resume::if_present;
    return toy::Driver(std::move(options), std::move(pools), toy::ensemble(), MaxVariance(), toy::label(),
                       Metrics(Rmse(), R2()), toy::loop());
  };
  const auto refusal = [&](Pools pools) {
    try {
      open(std::move(pools));
    } catch (const ConfigError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  open(toy::pools());
  CHECK(refusal(toy::pools()).empty());
  Pools more = toy::pools();
  more.test = toy::labeled(21, 200);
  CHECK_THAT(refusal(std::move(more)), Contains("/pools/test") && Contains("20 samples") && Contains("21 samples"));
  Pools other = toy::pools();
  other.unlabeled = sobol(toy::space(), 60, {.skip = 17});
  CHECK_THAT(refusal(std::move(other)),
             Contains("/pools/unlabeled") && Contains("60 samples") && Contains("other values"));
  Pools none = toy::pools();
  none.test = {};
  none.labeled = toy::labeled(15);
  CHECK_THAT(refusal(std::move(none)), Contains("/pools/test") && Contains("/pools/labeled"));
}

TEST_CASE("a test pool that is paid for and never measured is a warning; JSON measures it", "[driver][config][19_8]") {
  const toy::Folder folder;
  const auto warnings = [&](const std::string& name, auto metrology, Values test) {
    std::vector<std::string> texts;
    DriverOptions options = toy::options(folder / name);
    options.observers = {Warnings{&texts}};
    Pools pools = toy::pools();
    pools.test = std::move(test);
    const Driver driver(std::move(options), std::move(pools), toy::ensemble(), Random(), toy::label(), metrology);
    return texts;
  };
  const std::vector<std::string> paid = warnings("paid", NoMetrology(), sobol(toy::space(), 5));
  REQUIRE(paid.size() == 1);
  CHECK_THAT(paid.front(), Contains("5 samples of the test pool") && Contains("rmse"));
  CHECK(warnings("measured", Rmse(), sobol(toy::space(), 5)).empty());
  CHECK(warnings("given", NoMetrology(), toy::labeled(5)).empty());
  Json json = external_configuration(
      folder, Json::array({variable}),
      {{"labeled", {{"type", "sobol"}, {"count", 4}}}, {"test", {{"type", "sobol"}, {"count", 4}, {"skip", 4}}}});
  const auto measured_by = [&] {
    std::filesystem::remove_all(folder / "c");
    load_campaign(json, Registries());
    return parse_json(assay::detail::read_file(folder / "c/campaign.json"), "").at("metrology").at("type");
  };
  CHECK(measured_by() == "rmse");
  json["learner"]["classes"] = 2;
  CHECK(measured_by() == "accuracy");
  json["metrology"] = {{"type", "none"}};
  CHECK(measured_by() == "none");
  json.erase("metrology");
  json["pools"].erase("test");
  CHECK(measured_by() == "none");
}

TEST_CASE("failures of one reason are one group, whatever the numbers in their paths", "[tools][19_8]") {
  const toy::Folder folder;
  int calls = 0;
  toy::driver(toy::options(folder / "c"),
              FunctionLabel({.provides = {"y"}, .function = "solve"},
                            [&](const Values& x) {
                              const int call = calls++;
                              if (call % 3 == 0)
                                throw std::runtime_error("no licence\nsecond line " + std::to_string(call));
                              if (call % 3 == 1)
                                throw std::runtime_error("/scratch/run_" + std::to_string(call) + "/7/out: no file");
                              return toy::solve(x);
                            }))
      .run();
  const Json groups = campaign_status(folder / "c").at("failure_groups");
  REQUIRE(groups.size() == 2);
  std::int64_t all = 0;
  for (const Json& group : groups) {
    CHECK_THAT(group.at("reason").get<std::string>(),
               Contains("no licence") || Contains("/scratch/run_*/*/out: no file"));
    CHECK_THAT(group.at("reason").get<std::string>(), !Contains("\n"));
    all += group.at("count").get<std::int64_t>();
  }
  CHECK(all == campaign_status(folder / "c").at("counts").at("failed").get<std::int64_t>());
  CHECK(groups[0].at("count").get<std::int64_t>() >= groups[1].at("count").get<std::int64_t>());
}

TEST_CASE("failures of one reason have one line on the console, and every one with every_failure", "[tools][19_8]") {
  const toy::Folder folder;
  const auto said = [&](ConsoleLog log) {
    return said_on_standard_error(folder / "said", [&] {
      for (const char* text : {"sample 3: exit code 1", "sample 4: exit code 1", "sample 9: exit code 1"})
        log.observe({.kind = Event::Kind::simulation_failed, .phase = Phase::labeling, .text = text, .total = 9});
      log.observe({.kind = Event::Kind::phase_finished, .phase = Phase::labeling, .seconds = 2});
    });
  };
  const std::string in_short = said(ConsoleLog()), whole = said(ConsoleLog({.every_failure = true}));
  CHECK_THAT(in_short, Contains("failed: sample 3") && !Contains("sample 4") && Contains("2 more: exit code"));
  CHECK_THAT(whole, Contains("sample 3") && Contains("sample 4") && Contains("sample 9") && !Contains("more"));
}
