// SPDX-License-Identifier: Apache-2.0
// A small campaign for the simulated disk: what it computes, and which samples it paid for, stands outside of the disk.
#pragma once

#include "toy.hpp"

#include <assay/campaign_hash.hpp>
#include <assay/error.hpp>
#include <assay/label/external_label.hpp>
#include <assay/query/random.hpp>

#include <ATen/Parallel.h>

#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <string>

namespace disk_campaign {

namespace fs = std::filesystem;

/// Computes, and appends the id of every sample it computes to a file.
struct Counting {
  fs::path calls;

  std::vector<std::string> provides() const { return {"y"}; }
  void label(assay::LabelContext& context) {
    while (const std::optional<assay::Job> job = context.next()) {
      std::ofstream(calls, std::ios::app) << job->id << '\n';
      context.accept(*job, toy::solve(job->inputs));
    }
  }
};

/// Told when a label is in the ledger.
struct WhenDone {
  std::function<void(assay::SampleId)> call;
  void observe(const assay::Event& event) {
    if (event.kind == assay::Event::Kind::simulation_done) call(std::stoll(event.text.substr(7)));
  }
};

inline assay::DriverOptions options(const fs::path& dir) {
  return {.dir = dir, .max_rounds = 2, .seed = 5, .resume = assay::Resume::if_present, .checkpoint_every_epochs = 2};
}
/// Each kind of storage has its own journal, lock and files.
inline assay::DriverOptions options(const fs::path& dir, assay::Storage storage) {
  assay::DriverOptions made = options(dir);
  made.storage = storage;
  return made;
}

using Driver = assay::Driver<assay::Mlp, assay::Random, Counting, assay::Metrics>;

inline Driver driver(assay::DriverOptions options, const fs::path& calls) {
  at::set_num_threads(1);
  return Driver(std::move(options),
                {.labeled = assay::sobol(toy::space(), 4),
                 .unlabeled = assay::sobol(toy::space(), 20, {.skip = 4}),
                 .test = toy::labeled(8, 200)},
                assay::Mlp({.inputs = {"a", "b"}, .targets = {"y"}, .hidden = {4}}), assay::Random({.max_samples = 3}),
                Counting{calls}, assay::Metrics(assay::Rmse()), toy::loop(3));
}

/// A campaign of so many samples that wait to be labeled first, opened anew by every call.
inline auto asked(const fs::path& dir, std::int64_t samples, assay::Storage storage) {
  at::set_num_threads(1);
  return assay::Driver(
      {.dir = dir, .max_rounds = 0, .seed = 5, .resume = assay::Resume::if_present, .storage = storage},
      {.labeled = assay::sobol(toy::space(), samples), .unlabeled = assay::sobol(toy::space(), 8, {.skip = samples})},
      assay::Mlp({.inputs = {"a", "b"}, .targets = {"y"}, .hidden = {4}}), assay::Random({.max_samples = 2}),
      assay::ExternalLabel({.provides = {"y"}}), assay::NoMetrology(), toy::loop(2));
}

/// Runs a campaign to its end. \return its hash.
inline std::string finish(const assay::DriverOptions& options, const fs::path& calls) {
  Driver running = driver(options, calls);
  running.run();
  return assay::campaign_hash(options.dir);
}

/// How often each sample was computed, after the calls file.
inline std::map<assay::SampleId, int> computed(const fs::path& calls) {
  std::map<assay::SampleId, int> counts;
  std::ifstream in(calls);
  for (assay::SampleId id = 0; in >> id;) ++counts[id];
  return counts;
}

}  // namespace disk_campaign
