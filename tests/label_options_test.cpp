// SPDX-License-Identifier: Apache-2.0
// The part of the law of options that needs programs and threads.
#include "support/catch.hpp"
#include "support/toy.hpp"

#include <assay/detail/files.hpp>
#include <assay/driver.hpp>

#include <fstream>
#include <set>

using namespace assay;

TEST_CASE("every option of a label strategy or an observer is set by some test that runs it", "[laws]") {
  // They start programs and threads: their options are moved where that is done.
  std::string tests;
  for (const auto& file : std::filesystem::directory_iterator(std::filesystem::path(ASSAY_FIXTURES).parent_path())) {
    const std::string name = file.path().filename().string();
    if (!name.ends_with("_test.cpp") || name == "options_law_test.cpp" || name == "laws_test.cpp") continue;
    tests += assay::detail::read_file(file.path());
  }
  const std::set<std::string> below{"process/writer", "process/reader", "function/function"};
  const Registries registries;
  for (const std::vector<RegistryRow>& rows : {registries.label.rows(), registries.observer.rows()}) {
    for (const RegistryRow& row : rows) {
      for (const OptionRow& option : row.options) {
        if (below.count(row.key + "/" + option.name) == 1) continue;
        INFO(row.key << ": no test sets its option " << option.name);
        CHECK(tests.find("." + option.name + " = ") != std::string::npos);
      }
    }
  }
}

TEST_CASE("a label strategy built from JSON calls the function, the writer and the reader that it names", "[laws]") {
  Registries registries;
  registries.functions.add("solve", toy::solve);
  registries.functions.add("negated", [](const Values& x) { return Values{{"y", -toy::solve(x)["y"]}}; });
  registries.writers.add("write", [](const std::filesystem::path& dir, const Values& x) {
    std::ofstream(dir / "in.txt") << toy::solve(x).scalar("y");
  });
  registries.writers.add("write_one",
                         [](const std::filesystem::path& dir, const Values&) { std::ofstream(dir / "in.txt") << 1; });
  const auto read = [](double factor) {
    return [factor](const std::filesystem::path& dir) {
      double y = 0;
      std::ifstream(dir / "out.txt") >> y;
      return Values{{"y", y * factor}};
    };
  };
  registries.readers.add("read", read(1));
  registries.readers.add("read_twice", read(2));
  const auto first_label = [&](const Json& spec) {
    const toy::Folder folder;
    Pools pools = toy::pools();
    pools.labeled = sobol(toy::space(), 3);
    DriverOptions options = toy::options(folder / "c");
    options.max_rounds = 1;
    assay::Driver driver(options, std::move(pools), toy::mlp(), Random({.max_samples = 1}),
                         registries.label.make(spec, registries), NoMetrology(), toy::loop(1));
    driver.run();
    return driver.labeled().all()["y"][0].item<double>();
  };
  const double y = toy::solve(row(sobol(toy::space(), 1), 0)).scalar("y");
  const auto function = [](const char* name) {
    return Json{{"type", "function"}, {"provides", {"y"}}, {"function", name}};
  };
  CHECK(first_label(function("solve")) == Approx(y));
  CHECK(first_label(function("negated")) == Approx(-y));
  const auto process = [](const char* writer, const char* reader) {
    return Json{{"type", "process"},
                {"provides", {"y"}},
                {"command", {"/bin/cp", "in.txt", "out.txt"}},
                {"writer", writer},
                {"reader", reader}};
  };
  CHECK(first_label(process("write", "read")) == Approx(y).epsilon(1e-4));
  CHECK(first_label(process("write_one", "read")) == Approx(1));
  CHECK(first_label(process("write_one", "read_twice")) == Approx(2));
}
