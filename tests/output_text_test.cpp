// SPDX-License-Identifier: Apache-2.0
#include "support/catch.hpp"
#include "support/toy.hpp"

#include "../src/label/input_files.hpp"
#include "../src/label/output_files.hpp"
#include "../src/label/output_place.hpp"

#include <assay/detail/files.hpp>
#include <assay/error.hpp>
#include <assay/label/process_label.hpp>

#include <filesystem>
#include <limits>

using namespace assay;
namespace fs = std::filesystem;

namespace {

constexpr std::int64_t limit = 1 << 20;

double read_output(const fs::path& folder, const std::string& place) {
  return assay::detail::read_output_files(folder, {{"y", place}}, limit).scalar("y");
}

std::string filled_in(const std::string& text, const Values& inputs, const assay::detail::CategoryNames& names = {}) {
  return assay::detail::InputTemplate(text, "deck.in").filled(inputs, names);
}

const Values& template_inputs() {
  static const Values values{
      {"x", 1.0 / 3}, {"n", 100000.0}, {"g", 1.0}, {"small", -1.5e-7}, {"u", std::vector<double>{1, 2, 3}}};
  return values;
}

}  // namespace

TEST_CASE("L5: fields are read from tables, keys and lines of text, where they stand last", "[label][l5]") {
  const toy::Folder folder;
  assay::detail::write_file(folder / "out.csv", "time [s],stress [MPa]\n0,1.5D0\n1,2.5\n2,4\n");
  assay::detail::write_file(folder / "log.txt",
                            "max stress = 1.0\n"
                            "Ux,  Initial residual = 0.5, Final residual = 1.0e-3, No Iterations 4\n"
                            "  max stress  :  7.25 MPa\n"
                            "Ux, Initial   residual = 0.25, Final residual = 2.0D-4, No Iterations 3\r\n"
                            "stress_max = 9\nloss = nan 5\nmesh8 has 12 cells\nbroken = 1,5x\n");
  const Values all = assay::detail::read_output_files(folder.path(), {{"s", "out.csv#stress"}}, limit);
  CHECK(all.numbers("s") == std::vector<double>{1.5, 2.5, 4});
  CHECK(read_output(folder.path(), "out.csv#stress@-1") == 4);
  CHECK(read_output(folder.path(), "out.csv#stress@0") == 1.5);
  CHECK(read_output(folder.path(), "log.txt#key=max stress") == 7.25);
  CHECK(read_output(folder.path(), "log.txt#after=Ux, Initial residual =") == 0.25);
  CHECK(read_output(folder.path(), "log.txt#after=Ux, Initial residual =@2") == 2e-4);
  CHECK(read_output(folder.path(), "log.txt#after=Ux, Initial residual =@3") == 3);
  CHECK(read_output(folder.path(), "log.txt#after=mesh8 has") == 12);
  CHECK(std::isnan(read_output(folder.path(), "log.txt#key=loss")));
  CHECK(std::isnan(read_output(folder.path(), "log.txt#after=loss =")));  // not 5: the campaign refuses it
  const auto refused = [&](const std::string& place, const std::string& word) {
    INFO(place);
    CHECK_THROWS_WITH(read_output(folder.path(), place), Contains(word));
  };
  refused("out.csv#stress@7", "3 rows");
  refused("out.csv#strain", "columns time, stress");
  refused("log.txt#key=stress", "a line 'stress = number'");
  refused("log.txt#key=broken", "'1,5x'");
  refused("log.txt#after=Uy", "a line with 'Uy'");
  refused("log.txt#after=Ux, Initial residual =@4", "4 numbers");
  refused("none.txt#key=a", "none.txt");
  assay::detail::write_file(folder / "bad.csv", "s\n1\nNA\n");
  refused("bad.csv#s@-1", "line 3: s");
}

TEST_CASE("L5: a place that is none is told before anything runs", "[label][l5]") {
  for (const char* text : {"", "#/y", "out.csv", "out.json", "out.txt#column",
                           "log.txt#key=", "log.txt#after=", "log.txt#after=a@0", "out.csv#@2", "out.json#/a~2"}) {
    INFO(text);
    ProcessLabelOptions options{.command = {"true"}, .provides = {"y"}, .outputs = {{"y", text}}};
    CHECK_THROWS_WITH(ProcessLabel(options), Contains("process/outputs/y"));
  }
  for (const char* target : {"/etc/x", "../x", "a/../../x", ".assay/x", ""}) {
    INFO(target);
    ProcessLabelOptions options{
        .command = {"true"}, .provides = {"y"}, .templates = {{target, "t"}}, .outputs = {{"y", "y.npy"}}};
    CHECK_THROWS_WITH(ProcessLabel(options), Contains("process/templates"));
  }
}

TEST_CASE("F9: templates write whole numbers as digits, and others in a format of C", "[label][f9]") {
  CHECK(filled_in("{{n}} {{x}}", template_inputs()) == "100000 0.3333333333333333");
  CHECK(filled_in("[{{x:12.5f}}]", template_inputs()) == "[     0.33333]");
  CHECK(filled_in("[{{ x:-12.5f}}]", template_inputs()) == "[0.33333     ]");
  CHECK(filled_in("{{n:08d}} {{n:+d}}", template_inputs()) == "00100000 +100000");
  CHECK(filled_in("{{small:15.8e}}", template_inputs()) == "-1.50000000e-07");
  CHECK(filled_in("{{small:15.8D}}", template_inputs()) == "-1.50000000D-07");
  CHECK(filled_in("{{small:E}} {{x:g}}", template_inputs()) == "-1.500000E-07 0.333333");
  CHECK(filled_in("{{small:012.2e}}", template_inputs()) == "-0001.50e-07");
  CHECK(filled_in("{{u[2]}}", template_inputs()) == "3");
  CHECK(filled_in("{{n}}", Values{{"n", 1e300}}) == "1e+300");
  CHECK_THROWS_WITH(filled_in("{{n:5.2f}}", template_inputs()),
                    Contains("at most 5 characters") && Contains("'100000.00'"));
  CHECK_THROWS_WITH(filled_in("{{x:4d}}", template_inputs()), Contains("a whole number"));
  CHECK_THROWS_WITH(filled_in("{{u}}", template_inputs()), Contains("which has more"));
  CHECK_THROWS_WITH(filled_in("{{u[3]}}", template_inputs()), Contains("from 0 on"));
  CHECK_THROWS_WITH(filled_in("{{y}}", template_inputs()), Contains("the name of an input"));
  for (const char* bad : {"{{x:}}", "{{x:5}}", "{{x:5.2q}}", "{{x:5.2ff}}", "{{x:%d}}", "{{x:999f}}", "{{x:.2d}}",
                          "{{x:05s}}", "{{x:.3s}}", "{{x"}) {
    INFO(bad);
    CHECK_THROWS_WITH(filled_in(bad, template_inputs()), Contains("assay.label.template") && Contains("deck.in"));
  }
}

TEST_CASE("F14: templates show categories by name", "[label][f14]") {
  const assay::detail::CategoryNames names{{"g", {"steel", "alu"}}};
  CHECK(filled_in("{{g}} {{g:d}} [{{g:-6s}}]", template_inputs(), names) == "alu 1 [alu   ]");
  CHECK_THROWS_WITH(filled_in("{{g}}", Values{{"g", 2.0}}, names), Contains("2 categories"));
  CHECK_THROWS_WITH(filled_in("{{g:2s}}", template_inputs(), names), Contains("at most 2 characters"));
}

TEST_CASE("L5: templates make folders, and a folder of templates is copied and filled in", "[label][l5]") {
  const toy::Folder folder;
  fs::create_directories(folder / "case/0/deep");
  fs::create_directories(folder / "case/empty");
  assay::detail::write_file(folder / "case/0/deep/U", "value {{x:.3f}};\n");
  assay::detail::write_file(folder / "case/run", "#!/bin/sh\necho {{n}}\n");
  fs::permissions(folder / "case/run", fs::perms::owner_all);
  assay::detail::write_file(folder / "case/mesh", std::string("\0{{not}}", 8));
  assay::detail::write_file(folder / "case/plain", "no fields\n");
  fs::create_symlink("plain", folder / "case/link");
  fs::create_symlink("../run", folder / "case/0/filled");
  fs::create_directory_symlink("0/deep", folder / "case/deep");
  fs::create_symlink("../one", folder / "case/out");
  assay::detail::write_file(folder / "one", "{{n}}");
  const assay::detail::InputFiles files({{".", folder / "case"}, {"sub/folder/n.txt", folder / "one"}});
  const fs::path out = folder / "out";
  fs::create_directories(out);
  files.write(out, template_inputs(), {});
  CHECK(assay::detail::read_file(out / "0/deep/U") == "value 0.333;\n");
  CHECK(assay::detail::read_file(out / "run") == "#!/bin/sh\necho 100000\n");
  CHECK((fs::status(out / "run").permissions() & fs::perms::owner_exec) != fs::perms::none);
  CHECK(assay::detail::read_file(out / "mesh").size() == 8);
  CHECK(assay::detail::read_file(out / "plain") == "no fields\n");
  CHECK(assay::detail::read_file(out / "link") == "no fields\n");
  // What a link leads to inside the folder is what was made of that; what it leads to outside stays.
  CHECK(assay::detail::read_file(out / "0/filled") == "#!/bin/sh\necho 100000\n");
  CHECK(assay::detail::read_file(out / "deep/U") == "value 0.333;\n");
  CHECK(assay::detail::read_file(out / "out") == "{{n}}");
  CHECK(fs::is_directory(out / "empty"));
  CHECK(assay::detail::read_file(out / "sub/folder/n.txt") == "100000");
  CHECK_THROWS_WITH(assay::detail::InputFiles({{".", folder / "nowhere"}}), Contains("assay.label.template"));
  fs::create_directories(folder / "case/.assay");
  CHECK_THROWS_WITH(assay::detail::InputFiles({{".", folder / "case"}}), Contains("assay's own"));
}

TEST_CASE("F15: paths of a configuration are those beside its file", "[config][label][f15]") {
  const toy::Folder folder;
  fs::create_directories(folder / "study");
  assay::detail::write_file(folder / "study/deck.in", "{{x}} {{g}}\n");
  assay::detail::write_file(folder / "study/labeled.csv", "x,g,y\n0.5,0,1\n");
  assay::detail::write_file(folder / "study/solve.sh",
                            "#!/bin/sh\nread x g <deck\nprintf 'y = %s\\ng = %s\\n' \"$x\" \"$1\" >log\n");
  fs::permissions(folder / "study/solve.sh", fs::perms::owner_all);
  const Json variables = Json::parse(
      R"([{"name": "x", "low": 0, "high": 1}, {"name": "g", "kind": "category", "categories": ["steel", "alu"]}])");
  const Json configuration{{"driver", {{"dir", (folder / "c").string()}, {"max_rounds", 1}}},
                           {"pools",
                            {{"labeled", {{"type", "csv"}, {"file", "labeled.csv"}}},
                             {"unlabeled", {{"type", "sobol"}, {"count", 8}, {"space", variables}}}}},
                           {"learner", {{"type", "mlp"}, {"inputs", {"x", "g"}}, {"targets", {"y"}}, {"hidden", {2}}}},
                           {"query", {{"type", "random"}, {"max_samples", 2}}},
                           {"loop", {{"type", "default"}, {"epochs", 1}}},
                           {"label",
                            {{"type", "process"},
                             {"command", {"./solve.sh", "{{folder}}/deck.in"}},
                             {"provides", {"y"}},
                             {"templates", {{"deck", "deck.in"}}},
                             {"outputs", {{"y", "log#key=y"}}},
                             {"keep", "all"}}}};
  assay::detail::write_file(folder / "study/config.json", configuration.dump());
  AnyDriver driver = load_campaign(folder / "study/config.json", Registries());
  driver.run();
  CHECK(driver.counts().labels == 2);
  const Json kept = Json::parse(assay::detail::read_file(folder / "c/campaign.json"));
  CHECK(kept["label"]["command"] == Json{(folder / "study/solve.sh").string(), (folder / "study/deck.in").string()});
  CHECK(kept["label"]["categories"]["g"] == Json{"steel", "alu"});
  int decks = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder / "c")) {
    if (entry.path().filename() != "deck") continue;
    const std::string text = assay::detail::read_file(entry.path());
    CHECK((text.ends_with(" steel\n") || text.ends_with(" alu\n")));
    ++decks;
  }
  CHECK(decks == 2);
}
