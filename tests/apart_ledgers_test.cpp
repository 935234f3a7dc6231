// SPDX-License-Identifier: Apache-2.0
// Ledgers on a local disk whose copy in the campaign was changed apart from them: neither is thrown away.
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/file_contents.hpp"
#include "support/no_problems.hpp"
#include "support/one_thread.hpp"
#include "support/toy.hpp"

#include <assay/campaign_hash.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>
#include <assay/ledger.hpp>
#include <assay/round_files.hpp>
#include <assay/tools/labels.hpp>

#include <unistd.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace assay;
namespace fs = std::filesystem;

namespace {

using Watched = std::function<void(const Event&)>;

struct Watching {
  Watched seen;
  void observe(const Event& event) const {
    if (seen) seen(event);
  }
};

/// The toy's solver, each label in a commit of its own.
struct OneByOne {
  int* calls;
  int fails = -1;  ///< the call that gives no label
  std::vector<std::string> provides() const { return {"y"}; }
  void label(LabelContext& context) {
    while (const std::optional<Job> job = context.next()) {
      if (++*calls == fails) {
        context.fail(*job, "diverged");
      } else {
        context.accept(*job, toy::solve(job->inputs));
      }
    }
  }
};

/// Runs a campaign of rounds of four samples to its end. \return how many samples it computed.
int go_on(const fs::path& dir, const fs::path& ledger_dir, int fails = -1, Watched seen = {}, std::int64_t rounds = 3) {
  int calls = 0;
  DriverOptions options = toy::options(dir);
  options.max_rounds = rounds;
  options.ledger_dir = ledger_dir;
  options.resume = Resume::if_present;
  options.observers = {Watching{std::move(seen)}};
  Driver driver(std::move(options), toy::pools(), toy::ensemble(), MaxVariance({.max_samples = 4}),
                OneByOne{&calls, fails}, Metrics(Rmse(), R2()), toy::loop());
  driver.run();
  return calls;
}

bool is_label_of_round_2(const Event& event) { return event.round == 2 && event.kind == Event::Kind::simulation_done; }

/// Ends a campaign as a kill does, behind the first label of its second round: the local ledger has that, the copy in
/// the campaign has not. The second sample of the first round failed.
void kill_in_round_2(const fs::path& dir, const fs::path& ledger_dir) {
  REQUIRE(child::run([&] {
            go_on(dir, ledger_dir, /*fails=*/2, [](const Event& event) {
              if (is_label_of_round_2(event)) ::_exit(7);
            });
          }) == 7);
}

fs::path local_ledger(const fs::path& ledger_dir) {
  fs::path found;
  for (const fs::directory_entry& entry : fs::directory_iterator(ledger_dir)) {
    if (entry.path().extension() == ".sqlite") found = entry.path();
  }
  REQUIRE_FALSE(found.empty());
  return found;
}

/// Changes the copy in the campaign directory, as a person may who does not know of the local ledger.
void change_apart(const fs::path& dir, const std::string& how) {
  std::vector<SampleId> queued, labeled;
  {
    const Ledger ledger = Ledger::open_read_only(dir / "ledger.sqlite", objects_folder(dir));
    queued = ledger.in_state(SampleState::queued);
    labeled = ledger.integrated_in(1);
  }
  REQUIRE(queued.size() == 4);
  REQUIRE(labeled.size() == 3);
  std::int64_t changes = 0;
  if (how == "abandon") changes = abandon_samples(dir, {queued[0]});
  if (how == "retry") changes = retry_samples(dir, std::nullopt);
  if (how == "withdraw") changes = withdraw_labels(dir, {.ids = {labeled[0]}}).folded_in;
  REQUIRE(changes == 1);
}

}  // namespace

TEST_CASE("R13: a copy of the ledger that was changed apart has diverged from one that went on in the same session",
          "[session][r13]") {
  const std::string how = GENERATE("abandon", "retry", "withdraw");
  INFO(how);
  const toy::Folder folder;
  const fs::path dir = folder / "c", copy = dir / "ledger.sqlite", then = folder / "then.sqlite";
  go_on(dir, folder / "local", /*fails=*/2, [&](const Event& event) {
    if (is_label_of_round_2(event) && !fs::exists(then)) fs::copy_file(copy, then);
  });
  const fs::path local = local_ledger(folder / "local");
  fs::copy_file(then, copy, fs::copy_options::overwrite_existing);
  change_apart(dir, how);
  const auto before = files_of(folder / "local");
  const std::string apart = assay::detail::read_file(copy);
  CHECK_THROWS_WITH(go_on(dir, folder / "local"),
                    Contains("assay.ledger.diverged") && Contains(local.string()) && Contains(copy.string()));
  CHECK((files_of(folder / "local") == before));
  CHECK((assay::detail::read_file(copy) == apart));
}

TEST_CASE("R13: a copy that is put back as it was in the middle of labeling is only behind", "[session][r13]") {
  const toy::Folder folder;
  const fs::path dir = folder / "c", copy = dir / "ledger.sqlite", then = folder / "then.sqlite";
  const auto keep = [&](const Event& event) {
    if (is_label_of_round_2(event) && !fs::exists(then)) fs::copy_file(copy, then);
  };
  go_on(dir, folder / "local", /*fails=*/2, keep, /*rounds=*/2);
  fs::copy_file(then, copy, fs::copy_options::overwrite_existing);
  CHECK(go_on(dir, folder / "local") == 4);  // the third round
  go_on(folder / "whole", {}, /*fails=*/2);
  CHECK(campaign_hash(dir) == campaign_hash(folder / "whole"));
}

TEST_CASE("R13: what is changed in a campaign's directory after a kill has diverged from its local ledger",
          "[session][r13]") {
  const std::string how = GENERATE("abandon", "retry", "withdraw");
  INFO(how);
  const OneThread thread;  // the child has no others
  const toy::Folder folder;
  const fs::path dir = folder / "c";
  kill_in_round_2(dir, folder / "local");
  const fs::path local = local_ledger(folder / "local");
  change_apart(dir, how);
  const auto before = files_of(folder / "local");
  CHECK_THROWS_WITH(go_on(dir, folder / "local"), Contains("assay.ledger.diverged") && Contains(local.string()));
  CHECK((files_of(folder / "local") == before));
}

TEST_CASE("R13: a local ledger goes on after a kill where its copy was left alone, and computes nothing twice",
          "[session][r13]") {
  const OneThread thread;
  const toy::Folder folder;
  kill_in_round_2(folder / "c", folder / "local");
  CHECK(go_on(folder / "c", folder / "local") == 12 - 5);
  go_on(folder / "whole", {}, /*fails=*/2);
  CHECK(campaign_hash(folder / "c") == campaign_hash(folder / "whole"));
}

TEST_CASE("R13: the labels of a local ledger that has diverged come in as the refusal says", "[session][r13]") {
  const OneThread thread;
  const toy::Folder folder;
  const fs::path dir = folder / "c";
  kill_in_round_2(dir, folder / "local");
  const fs::path local = local_ledger(folder / "local");
  change_apart(dir, "retry");
  CHECK_THROWS_WITH(go_on(dir, folder / "local"), Contains("into a directory of its own, as ledger.sqlite"));
  fs::create_directory(folder / "aside");
  for (const char* suffix : {"", "-wal"})
    fs::rename(local.string() + suffix, (folder / "aside/ledger.sqlite").string() + suffix);
  const ImportReport report = import_labels(dir, folder / "aside");
  CHECK(report.added == 1);  // that of the second round
  CHECK(report.known == 3);
  CHECK(report.refused == no_problems);
  CHECK(go_on(dir, folder / "local") == 1 + 3 + 4);  // the one that failed, what is left of round 2, round 3
}
