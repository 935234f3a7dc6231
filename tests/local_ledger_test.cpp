// SPDX-License-Identifier: Apache-2.0
// Ledgers in a local folder whose campaign directory goes away.
#include "support/catch.hpp"
#include "support/toy.hpp"

#include <assay/campaign_hash.hpp>
#include <assay/ledger.hpp>
#include <assay/round_files.hpp>

#include <cstdint>
#include <map>
#include <string>

using namespace assay;
namespace fs = std::filesystem;

namespace {

/// Runs a campaign to its end, with its ledger in a folder of its own unless that is empty. \return how often its
/// solver was called.
int calls_of(const fs::path& dir, const fs::path& ledger_dir, std::uint64_t seed, std::int64_t rounds) {
  DriverOptions options = toy::options(dir);
  options.ledger_dir = ledger_dir;
  options.seed = seed;
  options.max_rounds = rounds;
  int calls = 0;
  toy::driver(options, FunctionLabel({.provides = {"y"}, .function = "solve"},
                                     [&](const Values& x) { return ++calls, toy::solve(x); }))
      .run();
  return calls;
}

/// How many labels each ledger in a local folder has that was set aside, by the end of its name.
std::map<std::string, std::int64_t> set_aside(const fs::path& folder) {
  std::map<std::string, std::int64_t> labels;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const std::size_t mark = name.find(".replaced_");
    if (mark == std::string::npos) continue;
    labels[name.substr(mark)] = Ledger::open_read_only(entry.path(), folder / "objects").counts().labels;
  }
  return labels;
}

}  // namespace

TEST_CASE("a campaign that begins where another was deleted sets the other's local ledger aside", "[session]") {
  using Aside = std::map<std::string, std::int64_t>;
  const toy::Folder folder;
  const fs::path dir = folder / "c", local = folder / "local";
  CHECK(calls_of(dir, local, 5, 2) == 8);  // four a round
  CHECK(set_aside(local).empty());
  fs::remove_all(dir);
  CHECK(calls_of(dir, local, 6, 2) == 8);  // none of them is answered by what the one before had paid for
  CHECK(set_aside(local) == Aside{{".replaced_1.sqlite", 8}});
  calls_of(folder / "elsewhere", {}, 6, 2);
  CHECK(campaign_hash(dir) == campaign_hash(folder / "elsewhere"));
  fs::remove_all(dir);
  CHECK(calls_of(dir, local, 7, 1) == 4);
  CHECK(set_aside(local) == Aside{{".replaced_1.sqlite", 8}, {".replaced_2.sqlite", 8}});
}
