// SPDX-License-Identifier: Apache-2.0
// Campaigns that break off, as they were at several moments.
#pragma once

#include "toy.hpp"

#include <assay/campaign_hash.hpp>
#include <assay/round_files.hpp>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace moments {

struct Solver {
  int* calls;
  int last = -1;  ///< it breaks at the call after this one
  std::vector<std::string> provides() const { return {"y"}; }
  void label(assay::LabelContext& context) {
    while (const auto job = context.next()) {
      if (++*calls == last + 1) throw std::runtime_error("scheduler gone");
      context.accept(*job, toy::solve(job->inputs));
    }
  }
};

/// \return how often the solver was called.
inline int run(const std::filesystem::path& dir, assay::Pools pools, int last = -1) {
  int calls = 0;
  assay::DriverOptions options = toy::options(dir);
  options.resume = assay::Resume::if_present;
  assay::Driver driver(options, std::move(pools), toy::ensemble(), assay::MaxVariance({.max_samples = 4}),
                       Solver{&calls, last}, assay::Metrics(assay::Rmse(), assay::R2()), toy::loop());
  try {
    driver.run();
  } catch (const std::runtime_error& error) {
    if (std::string_view(error.what()).find("scheduler gone") == std::string_view::npos) throw;
  }
  return calls;
}

/// One campaign that breaks off after two, four and four calls more, and at its end.
struct BrokenOff {
  toy::Folder folder;
  std::string hash;
  std::vector<std::filesystem::path> at;

  explicit BrokenOff(assay::Pools (*pools)()) {
    const std::filesystem::path live = folder / "live";
    for (const int last : {2, 4, 4, -1}) {
      run(live, pools(), last);
      at.push_back(folder / ("moment_" + std::to_string(at.size())));
      std::filesystem::copy(live, at.back(), std::filesystem::copy_options::recursive);
    }
    hash = assay::campaign_hash(live);
  }
};

/// A directory of its own.
struct Cell {
  toy::Folder folder;
  std::filesystem::path dir = folder / "c";
  explicit Cell(const std::filesystem::path& from) {
    std::filesystem::copy(from, dir, std::filesystem::copy_options::recursive);
  }
};

inline int labels_in_files(const std::filesystem::path& dir) {
  int count = 0;
  const assay::RecordedRounds recorded = assay::read_round_files(dir);
  for (const assay::RecordedRounds::Round& round : recorded.rounds) {
    for (const assay::SampleRecord& sample : round.samples) count += sample.labels ? 1 : 0;
  }
  return count + static_cast<int>(recorded.unclaimed.size());
}

}  // namespace moments
