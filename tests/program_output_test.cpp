// SPDX-License-Identifier: Apache-2.0
// What programs leave as their results: files that are none, arrays without a shape, other types than the campaign's.
#include "../src/label/output_files.hpp"
#include "support/catch.hpp"
#include "support/jobs.hpp"
#include "support/toy.hpp"

#include <assay/data/npy.hpp>
#include <assay/error.hpp>
#include <assay/ledger.hpp>

#include <fstream>

using namespace assay;
using namespace jobs;
using Catch::Matchers::StartsWith;
namespace fs = std::filesystem;

namespace {

/// The bytes of a .npy file. \param version of the format, whose header is longer from 2 on.
std::string npy(const std::string& header, const std::string& data = "", int version = 1) {
  std::string bytes = "\x93NUMPY";
  bytes += static_cast<char>(version);
  bytes += '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) bytes += static_cast<char>(header.size() >> (8 * i) & 0xff);
  return bytes + header + data;
}

std::string doubles(const std::vector<double>& numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(double)};
}

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

/// Reads field `y` from a file with this text.
torch::Tensor read_json_output(const std::string& text) {
  const toy::Folder folder;
  std::ofstream(folder / "out.json") << text;
  return assay::detail::read_output_files(folder.path(), {{"y", "out.json#/y"}}, 1 << 20)["y"];
}

using AnyLabelCampaign = assay::Driver<Mlp, Random, AnyLabel>;

/// A campaign whose first labels decide what all others are.
AnyLabelCampaign any_label_campaign(const fs::path& dir, AnyLabel label) {
  DriverOptions how = toy::options(dir);
  how.max_rounds = 1;
  how.resume = Resume::if_present;
  return AnyLabelCampaign(
      std::move(how),
      {.labeled = assay::sobol(toy::space(), 8), .unlabeled = assay::sobol(toy::space(), 20, {.skip = 16})}, toy::mlp(),
      Random({.max_samples = 4}), std::move(label), NoMetrology(), toy::loop());
}

std::vector<std::string> reasons_of_failures(const toy::Folder& folder) {
  const Ledger ledger = Ledger::open_read_only(folder / "c/ledger.sqlite", folder / "c/labels/objects");
  std::vector<std::string> reasons;
  for (const SampleId id : ledger.in_state(SampleState::failed)) reasons.push_back(ledger.attempts(id).back().reason);
  return reasons;
}

}  // namespace

TEST_CASE("R5: a .npy header of any length and content is read or refused", "[label][hostile][r5]") {
  const std::string many(60'000, ' ');
  SECTION("as NumPy writes them") {
    const std::string shape = GENERATE("(2, 3)", "(2,3,)", "( 2 , 3 , )");
    const int version = GENERATE(1, 2, 3);
    for (const std::string& header :
         {"{'descr': '<f8', 'fortran_order': False, 'shape': " + shape + ", }\n",
          "{'shape':" + shape + ",'fortran_order':False,'descr':'<f8'}",
          "{\"descr\": \"<f8\", \"fortran_order\": False, \"shape\": " + shape + "}" + many,
          many + "{'descr': '<f8'," + std::string(1000, ' ') + "'fortran_order': False, 'shape': " + shape + "}"}) {
      const torch::Tensor read = from_npy(npy(header, doubles({1, 2, 3, 4, 5, 6}), version), "good.npy");
      CHECK(read.equal(torch::arange(1, 7, torch::kFloat64).reshape({2, 3})));
    }
  }
  SECTION("one number, and none") {
    CHECK(from_npy(npy("{'descr': '<f8', 'fortran_order': False, 'shape': ()}", doubles({4})), "x").item<double>() ==
          4);
    const torch::Tensor none = from_npy(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 3)}"), "x");
    CHECK(none.sizes() == torch::IntArrayRef{0, 3});
  }
  SECTION("refused") {
    const std::string begin = "{'descr': '<f8', 'fortran_order': False, 'shape': ";
    for (const std::string& header : {
             many,
             std::string(60'000, 'x'),
             "'descr':" + many,
             "{'descr': '<f8', 'fortran_order': " + many + "}",
             "{'descr': '" + std::string(60'000, '<') + "', 'fortran_order': False, 'shape': (1,)}",
             "{'descr': " + repeated("[", 30'000),
             begin + std::string(60'000, '('),
             begin + "(" + repeated("1,", 30'000) + ")}",
             begin + "(" + std::string(60'000, '9') + ",)}",
             begin + "(99999999999999999999,)}",
             begin + "(4611686018427387904, 4)}",
             begin + "(0, 9223372036854775807, 9223372036854775807)}",
             begin + "(-1,)}",
             begin + "(1.5,)}",
             begin + "(1",
             begin + "(1,)} and more",
             begin + "(1,), 'shape': (1,)}",
             begin + "(1,), 'other': 1}",
             std::string("{'descr': '<f8', 'shape': (1,)}"),
             std::string("{'fortran_order': False, 'shape': (1,)}"),
             std::string("{'descr': '<f8', 'fortran_order': True, 'shape': (1,)}"),
             std::string("{'descr': '>f8', 'fortran_order': False, 'shape': (1,)}"),
             std::string("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,)}"),
             std::string(""),
             std::string("{"),
             std::string("{'"),
         }) {
      INFO(header.substr(0, 100));
      try {
        from_npy(npy(header, doubles({1})), "bad.npy");
        FAIL("it was read");
      } catch (const DataError& error) {
        CHECK_THAT(error.what(), Contains("assay.npy") && Contains("bad.npy"));
        CHECK(std::string_view(error.what()).size() < 1000);
      }
    }
    CHECK_THROWS_AS(from_npy(npy(begin + "(1,)}", doubles({1}), 4), "x"), DataError);
  }
}

TEST_CASE("R5: a program that leaves such a file has failed", "[label][r5]") {
  const toy::Folder folder;
  std::ofstream(folder / "bad.npy") << npy(std::string(60'000, '('));
  Queue queue(folder / "runs", 1);
  ProcessLabelOptions options = guarded("cp ../../bad.npy u.npy");
  options.outputs = {{"y", "u.npy"}};
  run(ProcessLabel(options), queue);
  CHECK(queue.accepted.empty());
  CHECK_THAT(queue.failures.at(0).reason, StartsWith("output cannot be read: [assay.npy]"));
}

TEST_CASE("R7: arrays of another shape than their neighbors, or of anything but numbers, are refused", "[label][r7]") {
  SECTION("read") {
    CHECK(read_json_output(R"({"y": 5})").equal(torch::tensor(5.0, torch::kFloat64)));
    CHECK(read_json_output(R"({"y": [[1, 2], [3, 4], [5, 6]]})").sizes() == torch::IntArrayRef{3, 2});
    CHECK(read_json_output(R"({"y": [[[1]], [["nan"]]]})").sizes() == torch::IntArrayRef{2, 1, 1});
    CHECK(read_json_output(R"({"y": [[], []]})").sizes() == torch::IntArrayRef{2, 0});
  }
  SECTION("refused") {
    const std::string text = GENERATE("[[1, 2], [3], [4, 5, 6]]", "[[1, 2], [3, 4], [5]]", "[[1], [2, 3]]",
                                      "[[1, 2], 3]", "[1, [2]]", "[[], [1]]", "[[1], []]", "[[[1], [2]], [[3]]]",
                                      "[1, \"a\"]", "[1, null]", "[1, true]", "[1, {}]", "{\"a\": 1}", "null", "true",
                                      "\"text\"");
    CHECK_THROWS_AS(read_json_output("{\"y\": " + text + "}"), Error);
  }
  SECTION("nested without end") {
    const int levels = GENERATE(100, 100'000);
    CHECK_THROWS_WITH(read_json_output("{\"y\": " + std::string(levels, '[') + "1" + std::string(levels, ']') + "}"),
                      Contains("levels of nesting"));
  }
  SECTION("as deep as may be") {
    const torch::Tensor deep = read_json_output("{\"y\": " + std::string(60, '[') + "1" + std::string(60, ']') + "}");
    CHECK(deep.dim() == 60);
    CHECK(deep.item<double>() == 1);
  }
}

TEST_CASE("an output file may have as many bytes as may be read, and no more", "[label]") {
  const toy::Folder folder;
  const std::string text = R"({"y": 12})";
  std::ofstream(folder / "out.json") << text;
  const auto size = static_cast<std::int64_t>(text.size());
  const std::map<std::string, std::string> outputs{{"y", "out.json#/y"}};
  CHECK(assay::detail::read_output_files(folder.path(), outputs, size)["y"].item<double>() == 12);
  CHECK_THROWS_WITH(assay::detail::read_output_files(folder.path(), outputs, size - 1), Contains("'read_limit'"));
}

TEST_CASE("F7: whole numbers in a .npy file are labels like any others", "[label][f7]") {
  const toy::Folder folder;
  const torch::Dtype dtype = GENERATE(torch::kInt64, torch::kInt32, torch::kUInt8, torch::kBool);
  write_npy(folder / "u.npy", torch::tensor({1, 0, 1}).to(dtype));
  const torch::Tensor read = assay::detail::read_output_files(folder.path(), {{"y", "u.npy"}}, 1 << 20)["y"];
  CHECK(read.scalar_type() == torch::kFloat64);
  CHECK(read.equal(torch::tensor({1.0, 0.0, 1.0}, torch::kFloat64)));
}

TEST_CASE("F7: a campaign goes on with .npy files of whole numbers and of others", "[label][f7]") {
  const toy::Folder folder;
  write_npy(folder / "whole.npy", torch::tensor(3, torch::kInt64));
  write_npy(folder / "other.npy", torch::tensor(2.5, torch::kFloat64));
  ProcessLabelOptions options = guarded(
      "mkdir ../../first 2>/dev/null && cp ../../../whole.npy y.npy || "
      "cp ../../../other.npy y.npy");
  options.outputs = {{"y", "y.npy"}};
  AnyLabelCampaign driver = any_label_campaign(folder / "c", ProcessLabel(options));
  CHECK(driver.run() == RunStatus::finished);
  CHECK(reasons_of_failures(folder).empty());
}

TEST_CASE("F7: a run most of whose labels are refused ends with an error", "[label][f7]") {
  const toy::Folder folder;
  int calls = 0;
  AnyLabelCampaign driver = any_label_campaign(
      folder / "c", FunctionLabel({.provides = {"y"}}, [&](const Values&) {
        return Values{{"y", torch::ones({++calls == 1 ? 3 : 5}, torch::kFloat64)}};
      }));
  CHECK_THROWS_WITH(driver.run(), Contains("assay.label.refused") && Contains("7 of 8"));
  CHECK(driver.counts().failed == 7);
}

TEST_CASE("F7: programs most of whose labels are refused end a run with an error", "[label][f7]") {
  const toy::Folder folder;
  ProcessLabelOptions options = guarded("echo '{\"y\": \"nan\"}' > out.json");
  options.outputs = {{"y", "out.json#/y"}};
  Queue queue(folder.path(), 3);
  CHECK_THROWS_WITH(run(ProcessLabel(options), queue), Contains("assay.label.refused") && Contains("3 of 3"));
}

TEST_CASE("F7: a few refused labels are failures of their samples", "[label][f7]") {
  const toy::Folder folder;
  int calls = 0;
  AnyLabelCampaign driver = any_label_campaign(
      folder / "c", FunctionLabel({.provides = {"y"}}, [&](const Values&) {
        const int call = ++calls;
        return Values{{"y", torch::ones({call == 2 || call == 5 ? 5 : 3}, torch::kFloat64)}};
      }));
  CHECK(driver.run() == RunStatus::finished);
  CHECK(driver.counts().failed == 2);
}

TEST_CASE("R6: a label without a single number is refused when it comes, and a campaign goes on", "[label][r6]") {
  const toy::Folder folder;
  const std::vector<std::int64_t> none = GENERATE(std::vector<std::int64_t>{0}, std::vector<std::int64_t>{0, 3},
                                                  std::vector<std::int64_t>{2, 0});
  int calls = 0;
  const auto label = [&] {
    return FunctionLabel({.provides = {"y"}}, [&](const Values& x) {
      if (++calls <= 2) return Values{{"y", torch::zeros(none, torch::kFloat64)}};
      return Values{{"y", x.scalar("a")}};
    });
  };
  AnyLabelCampaign driver = any_label_campaign(folder / "c", label());
  CHECK(driver.run() == RunStatus::finished);
  const std::vector<std::string> reasons = reasons_of_failures(folder);
  REQUIRE(reasons.size() == 2);
  for (const std::string& reason : reasons) CHECK_THAT(reason, Contains("at least one number"));
}

TEST_CASE("R6: an empty array in a program's output is refused when it comes", "[label][r6]") {
  const toy::Folder folder;
  const char* empty = GENERATE("[]", "[[], []]");
  ProcessLabelOptions options = guarded("if mkdir ../../first 2>/dev/null; then echo '{\"y\": " + std::string(empty) +
                                        "}' > out.json; else echo '{\"y\": 2.5}' > out.json; fi");
  options.outputs = {{"y", "out.json#/y"}};
  {
    AnyLabelCampaign driver = any_label_campaign(folder / "c", ProcessLabel(options));
    CHECK(driver.run() == RunStatus::finished);
    CHECK(driver.counts().failed == 1);
  }
  AnyLabelCampaign resumed = any_label_campaign(folder / "c", ProcessLabel(options));
  CHECK(resumed.run() == RunStatus::finished);
}

TEST_CASE("R6: a pool whose targets hold no numbers is refused by what would learn it", "[label][r6]") {
  const toy::Folder folder;
  Values batch = assay::sobol(toy::space(), 8);
  batch.set("y", torch::zeros({8, 0}, torch::kFloat64));
  DriverOptions how = toy::options(folder / "c");
  const auto run_it = [&] {
    assay::Driver driver(std::move(how), {.labeled = batch, .unlabeled = assay::sobol(toy::space(), 20, {.skip = 16})},
                         toy::mlp(), Random({.max_samples = 4}), toy::label(), NoMetrology(), toy::loop());
    driver.run();
  };
  CHECK_THROWS_WITH(run_it(), Contains("at least one number"));
}

TEST_CASE("F8: a program's own files of the names that assay uses are its own", "[label][f8]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 1);
  ProcessLabelOptions options = guarded(
      "echo '{\"y\": 7}' > outcome.json; echo '{\"mark\": 1}' > simulation.json; echo mine > output.txt; "
      "echo printed; cat output.txt > check; test \"$(ls)\" = \"$(printf 'check\\noutcome.json\\noutput.txt\\n"
      "simulation.json')\"");
  options.outputs = {{"y", "outcome.json#/y"}};
  options.keep = KeepDirectories::all;
  run(ProcessLabel(options), queue);
  REQUIRE(queue.accepted.size() == 1);
  CHECK(queue.accepted[0].scalar("y") == 7);
  const auto text_of = [&](const std::string& file) {
    std::string text;
    std::getline(std::ifstream(folder / file), text);
    return text;
  };
  CHECK(text_of("0_1/output.txt") == "mine");
  CHECK(text_of("0_1/.assay/output.txt") == "printed");
}
