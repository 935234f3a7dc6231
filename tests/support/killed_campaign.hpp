// SPDX-License-Identifier: Apache-2.0
// A campaign of six simulations, whose process is killed while three of them run.
#pragma once

#include "jobs.hpp"
#include "toy.hpp"

#include <assay/campaign_hash.hpp>
#include <assay/driver.hpp>

#include <ATen/Parallel.h>

#include <signal.h>
#include <sys/wait.h>

#include <cstdio>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

namespace killed {

using namespace assay;
using namespace jobs;

inline std::vector<std::string> lines_of(const std::filesystem::path& file) {
  std::vector<std::string> lines;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

inline void wait_for_lines(const std::filesystem::path& file, std::size_t count) {
  wait_until(file.string() + " has " + std::to_string(count) + " lines",
             [&] { return lines_of(file).size() >= count; });
}

/// Waits until the runners of a killed campaign have written how their programs ended: nothing is written then.
inline void wait_for_outcomes(const std::filesystem::path& simulations, std::size_t count) {
  wait_until(std::to_string(count) + " runners are done", [&] {
    std::size_t found = 0;
    for (const auto& entry : std::filesystem::directory_iterator(simulations))
      found += std::filesystem::exists(entry.path() / ".assay/outcome.json") ? 1 : 0;
    return found >= count;
  });
}

/// First attempts wait for the file `go`; every program says in `started` who and where it is, in `ended` that it is
/// done.
inline ProcessLabelOptions waiting_programs(const toy::Folder& folder) {
  const std::string place = folder.path().string();
  ProcessLabelOptions options = shell("echo $$ $PWD >> " + place + "/started; case $PWD in *_1) until test -e " +
                                      place + "/go; do sleep 0.01; done;; esac; cp in.json out.json; echo $$ >> " +
                                      place + "/ended");
  options.outputs = {{"y", "out.json#/y"}};
  options.parallel = 3;
  return options;
}

using ProcessCampaign = Driver<Mlp, Random, ProcessLabel>;

inline ProcessCampaign campaign(const std::filesystem::path& dir, ProcessLabelOptions options,
                                std::vector<AnyObserver> observers = {}, const std::filesystem::path& scratch = {}) {
  DriverOptions how = toy::options(dir);
  how.scratch = scratch;
  how.max_rounds = 1;
  how.resume = Resume::if_present;
  how.observers = std::move(observers);
  return ProcessCampaign(
      std::move(how), {.labeled = toy::labeled(8), .unlabeled = assay::sobol(toy::space(), 20, {.skip = 16})},
      toy::mlp(), Random({.max_samples = 6}),
      ProcessLabel(std::move(options),
                   [](const std::filesystem::path& directory, const Values& x) {
                     std::ofstream(directory / "in.json") << Json{{"y", x.scalar("a") * x.scalar("b")}}.dump();
                   }),
      NoMetrology(), toy::loop());
}

/// Runs a campaign in a process of its own and kills it when three of its six programs wait.
/// \param where that process works; by default where this one does.
inline void run_and_kill(const toy::Folder& folder, const std::function<ProcessCampaign()>& make,
                         const std::filesystem::path& where = {}) {
  at::set_num_threads(1);
  const pid_t process = ::fork();
  if (process < 0) throw std::runtime_error("no fork");
  if (process == 0) {
    try {
      if (!where.empty()) std::filesystem::current_path(where);
      make().run();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "in the child: %s\n", error.what());
    }
    ::_exit(0);
  }
  wait_for_lines(folder / "started", 3);
  ::kill(process, SIGKILL);
  ::waitpid(process, nullptr, 0);
}
inline void run_and_kill(const toy::Folder& folder, const ProcessLabelOptions& options) {
  run_and_kill(folder, [&] { return campaign(folder / "killed", options); });
}

inline std::string uninterrupted_hash(const toy::Folder& folder) {
  ProcessLabelOptions options = shell("cp in.json out.json");
  options.outputs = {{"y", "out.json#/y"}};
  campaign(folder / "whole", options).run();
  return campaign_hash(folder / "whole");
}

}  // namespace killed
