// SPDX-License-Identifier: Apache-2.0
// Simulations that an earlier version of assay began.
#include "../src/detail/lease.hpp"
#include "../src/label/simulation.hpp"
#include "support/catch.hpp"
#include "support/format_1.hpp"
#include "support/jobs.hpp"
#include "support/killed_campaign.hpp"
#include "support/toy.hpp"

#include <assay/detail/files.hpp>

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

using namespace assay;
using namespace jobs;
using namespace killed;
using assay::detail::Simulation;
namespace fs = std::filesystem;

TEST_CASE("F8: a simulation that the version before began is taken up", "[simulation][f8]") {
  const toy::Folder folder;
  const fs::path directory = folder / "0_1";
  fs::create_directory(directory);
  const std::string mark = assay::detail::ProcessMarker::new_mark();
  format_1::write_order(directory, mark, assay::detail::host_name());
  std::ofstream(directory / "y.txt") << 5;
  Queue queue(folder.path(), 0);
  queue.left = {left_job(directory)};
  pid_t runner = -1;
  SECTION("that has ended") { std::ofstream(directory / "outcome.json") << format_1::outcome(mark); }
  SECTION("that still runs") {
    // Its runner works elsewhere, its program in the directory.
    std::ofstream(folder / "outcome") << format_1::outcome(mark);
    std::ofstream(folder / "assay_simulation")
        << "#!/bin/sh\ncd /\n(cd " << directory.string() << "; echo $$ > ../running; exec sleep 1000) &\n"
        << "until test -e " << (folder / "go").string() << "; do sleep 0.01; done\n"
        << "mv " << (folder / "outcome").string() << ' ' << (directory / "outcome.json").string() << "; kill $!\n";
    fs::permissions(folder / "assay_simulation", fs::perms::owner_all);
    const std::string program = folder / "assay_simulation";
    runner = ::fork();
    REQUIRE(runner >= 0);
    if (runner == 0) {
      ::setenv("ASSAY_SIMULATION", mark.c_str(), 1);
      ::execl(program.c_str(), program.c_str(), nullptr);
      ::_exit(127);
    }
    wait_for(folder / "running");
    CHECK(Simulation::left_behind(directory, assay::detail::read_order(directory)).runs());
    std::ofstream(folder / "go") << "go";
  }
  run(ProcessLabel(guarded("true"), {}, read_y), queue);
  if (runner > 0) ::waitpid(runner, nullptr, 0);
  REQUIRE(queue.accepted.size() == 1);
  CHECK(queue.accepted[0].scalar("y") == 5);
  CHECK(queue.given_back.empty());
}

TEST_CASE("F8: a simulation of the version before whose files are another's is queued again", "[simulation][f8]") {
  const toy::Folder folder;
  const fs::path directory = folder / "0_1";
  fs::create_directory(directory);
  const std::string mark = assay::detail::ProcessMarker::new_mark();
  format_1::write_order(directory, mark, assay::detail::host_name());
  std::ofstream(directory / "outcome.json") << format_1::outcome("another");
  Queue queue(folder.path(), 0);
  queue.left = {left_job(directory)};
  queue.stop = true;
  run(ProcessLabel(guarded("true"), {}, read_y), queue);
  CHECK(queue.accepted.empty());
  CHECK(queue.given_back.size() == 1);
}

TEST_CASE("F8: a simulation of the version before on another host runs until its limits and a heartbeat's are over",
          "[simulation][f8]") {
  using namespace std::chrono_literals;
  const toy::Folder folder;
  const fs::path file = folder / "simulation.json";
  const std::string mark = assay::detail::ProcessMarker::new_mark();
  format_1::write_order(folder.path(), mark, assay::detail::host_name());
  // Another host, or another machine of this one's name.
  Json order = Json::parse(assay::detail::read_file(file));
  order[GENERATE(as<std::string>(), "host", "boot")] = "elsewhere";
  std::ofstream(file) << order;
  const auto is_running = [&] {
    return Simulation::left_behind(folder.path(), assay::detail::read_order(folder.path())).runs();
  };
  CHECK_FALSE(Simulation::left_behind(folder.path(), assay::detail::read_order(folder.path())).is_within_reach());
  CHECK(is_running());
  // It has no heartbeat, but 60 s for its program, 1 s for its end, and the 60 s after which a heartbeat has stopped.
  const fs::file_time_type written = fs::last_write_time(file);
  fs::last_write_time(file, written - 100s);
  CHECK(is_running());
  fs::last_write_time(file, written - 130s);
  CHECK_FALSE(is_running());
  // Nor does one run whose end is known.
  fs::last_write_time(file, written);
  CHECK(is_running());
  std::ofstream(folder / "outcome.json") << format_1::outcome(mark);
  CHECK_FALSE(is_running());
}
