// SPDX-License-Identifier: Apache-2.0
// Labels in the ledger that are not those that were simulated, and ledgers of an older moment than what stands beside
// them: a check finds them, a driver refuses them, a repair puts them right from labels/ without a simulation.
#include "support/catch.hpp"
#include "support/campaign_parts.hpp"
#include "support/look.hpp"
#include "support/moments.hpp"
#include "support/no_problems.hpp"

#include "../src/store/sqlite.hpp"

#include <assay/campaign_hash.hpp>
#include <assay/error.hpp>
#include <assay/tools/check.hpp>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

using namespace assay;
using assay::store::Database;
using assay::store::Statement;
using moments::bring;
using moments::BrokenOff;
using moments::Cell;
using moments::labels_in_files;
using moments::Part;
namespace fs = std::filesystem;

namespace {

constexpr int test_labels = 4, labels_with_tests = test_labels + 12;

/// The toy's with a test pool that is labeled first.
Pools pools_with_tests() {
  Pools made = toy::pools();
  made.test = sobol(toy::space(), test_labels, {.skip = 200});
  return made;
}

int run_with_tests(const fs::path& dir) { return moments::run(dir, pools_with_tests()); }

/// In the middle of the test pool, of the first and of the second round, and at the end.
const BrokenOff& campaign_with_tests() {
  static const BrokenOff made(pools_with_tests);
  return made;
}

constexpr const char* labels_of = "SELECT labels FROM sample WHERE id = ?";
constexpr const char* set_labels = "UPDATE sample SET labels = ? WHERE id = ?";
constexpr const char* labels_digest_of = "SELECT labels_digest FROM sample WHERE id = ?";
constexpr const char* set_labels_digest = "UPDATE sample SET labels_digest = ? WHERE id = ?";
constexpr const char* inputs_of = "SELECT inputs FROM sample WHERE id = ?";
constexpr const char* set_inputs = "UPDATE sample SET inputs = ? WHERE id = ?";

std::string get(Database& database, const char* sql, SampleId id) {
  Statement row = database.prepare(sql);
  REQUIRE(row.all(id).next());
  return row.bytes(0);
}

void set(Database& database, const char* sql, SampleId id, const std::string& bytes) {
  Statement update = database.prepare(sql);
  update.bind_blob(1, bytes);
  update.bind(2, id);
  update.run();
}

void exchange(Database& database, const char* read, const char* write, SampleId a, SampleId b) {
  const std::string of_a = get(database, read, a), of_b = get(database, read, b);
  REQUIRE((of_a != of_b));
  set(database, write, a, of_b);
  set(database, write, b, of_a);
}

/// \param from_end of the byte: 1 is the last, and a number's own bytes stand at the end of its tensors.
std::string flipped(std::string bytes, std::size_t from_end, int bit) {
  char& byte = bytes.at(bytes.size() - from_end);
  byte = static_cast<char>(byte ^ (1 << bit));
  return bytes;
}

void run_sql(Database& database, const std::string& sql) { database.run(sql.c_str()); }

/// \param calls of the solver that are left, once it is put right.
void require_found_and_put_right(const fs::path& dir, int calls) {
  CHECK_FALSE(check_campaign(dir).problems.empty());
  CHECK_THROWS_WITH(run_with_tests(dir), Contains("assay.ledger.damaged") && Contains("--repair"));
  CHECK_FALSE(check_campaign(dir).problems.empty());  // whoever tried
  CHECK(repair_campaign(dir).problems == no_problems);
  CHECK(check_campaign(dir).problems == no_problems);
  CHECK(run_with_tests(dir) == calls);
  CHECK(campaign_hash(dir) == campaign_with_tests().hash);
  CHECK(check_campaign(dir).problems == no_problems);
}

/// What a repair makes of a ledger that is older than what stands beside it.
void require_repaired(const fs::path& dir) {
  const int paid = labels_in_files(dir);
  CHECK_THROWS_WITH(run_with_tests(dir), Contains("--repair"));
  CHECK(repair_campaign(dir).problems == no_problems);
  CHECK(check_campaign(dir).problems == no_problems);
  CHECK(run_with_tests(dir) + paid <= labels_with_tests);  // nothing that stands in labels/ is computed again
  CHECK(campaign_hash(dir) == campaign_with_tests().hash);
}

}  // namespace

TEST_CASE("R8: what was altered in a ledger is no other label: it is found, refused, and put right from labels/",
          "[matrix][r8]") {
  const Cell cell(campaign_with_tests().at.back());
  const std::vector<SampleId> tests = look(cell.dir).integrated_in(0), first = look(cell.dir).integrated_in(1);
  REQUIRE(tests.size() == test_labels);
  REQUIRE(look(cell.dir).entry(tests[0]).purpose == Purpose::test);
  REQUIRE(first.size() == 4);
  REQUIRE(labels_in_files(cell.dir) == labels_with_tests);
  {
    Database database(cell.dir / "ledger.sqlite", /*writable=*/true);
    SECTION("one bit of the number of a label that was folded in") {
      const std::size_t from_end = GENERATE(1, 8);
      const int bit = GENERATE(0, 7);
      set(database, set_labels, first[1], flipped(get(database, labels_of, first[1]), from_end, bit));
    }
    SECTION("the labels of two samples, exchanged") {
      const bool digests_too = GENERATE(false, true);
      exchange(database, labels_of, set_labels, first[0], first[2]);
      if (digests_too) exchange(database, labels_digest_of, set_labels_digest, first[0], first[2]);
    }
    SECTION("one byte of inputs") {
      set(database, set_inputs, first[3], flipped(get(database, inputs_of, first[3]), 1, GENERATE(0, 6)));
    }
    SECTION("a label of the test pool") {
      set(database, set_labels, tests[1], flipped(get(database, labels_of, tests[1]), 1, 0));
    }
    SECTION("labels of the test pool and of a round, exchanged") {
      exchange(database, labels_of, set_labels, tests[0], first[0]);
    }
    SECTION("a label that was taken out") {
      run_sql(database,
              "UPDATE sample SET state = 'queued', labels = NULL, labels_digest = NULL, integrated = NULL, "
              "integrated_in = NULL WHERE id = " +
                  std::to_string(first[0]));
    }
    SECTION("a row that was taken out, with its attempt") {
      run_sql(database, "DELETE FROM attempt WHERE id = " + std::to_string(first[0]));
      run_sql(database, "DELETE FROM sample WHERE id = " + std::to_string(first[0]));
    }
    SECTION("what an attempt came to") {
      run_sql(database, "UPDATE attempt SET outcome = 'failed' WHERE id = " + std::to_string(first[0]));
    }
    SECTION("what a sample is for") {
      run_sql(database, "UPDATE sample SET purpose = 'training' WHERE id = " + std::to_string(tests[0]));
    }
  }
  require_found_and_put_right(cell.dir, /*calls=*/0);
}

TEST_CASE("R8: an altered label that stands in no file yet is found, and its sample alone simulated again",
          "[matrix][r8]") {
  const std::size_t moment = GENERATE(0, 1, 2);  // the first: in the middle of the test pool
  const Cell cell(campaign_with_tests().at[moment]);
  const std::vector<SampleId> open = look(cell.dir).not_integrated();
  REQUIRE(open.size() == 2);
  const int paid = labels_in_files(cell.dir);
  {
    Database database(cell.dir / "ledger.sqlite", /*writable=*/true);
    set(database, set_labels, open[0], flipped(get(database, labels_of, open[0]), 1, 0));
  }
  require_found_and_put_right(cell.dir, labels_with_tests - paid - 1);
}

TEST_CASE("R8: an altered label in the ledger of a campaign that goes on is put right where labels/ has it",
          "[matrix][r8]") {
  const std::size_t moment = GENERATE(1, 2);
  const Cell cell(campaign_with_tests().at[moment]);
  const SampleId folded_in = look(cell.dir).integrated(0).back();
  const int paid = labels_in_files(cell.dir);
  const int open = static_cast<int>(look(cell.dir).not_integrated().size());
  {
    Database database(cell.dir / "ledger.sqlite", /*writable=*/true);
    set(database, set_labels, folded_in, flipped(get(database, labels_of, folded_in), 8, 0));
  }
  require_found_and_put_right(cell.dir, labels_with_tests - paid - open);
}

TEST_CASE("R14: a ledger of an older moment than what stands beside it is found by a check", "[matrix][r14]") {
  const std::vector<fs::path>& at = campaign_with_tests().at;
  for (std::size_t older = 0; older < at.size(); ++older) {
    for (std::size_t newer = older + 1; newer < at.size(); ++newer) {
      CAPTURE(older, newer);
      {
        INFO("the ledger is older than all");
        const Cell cell(at[newer]);
        bring(cell.dir, Part::ledger, at[older]);
        CHECK_FALSE(check_campaign(cell.dir).problems.empty());
        if (newer == older + 1) require_repaired(cell.dir);
      }
      for (const Part part : {Part::labels, Part::picks, Part::checkpoints}) {
        CAPTURE(static_cast<int>(part));
        const Cell cell(at[older]);
        bring(cell.dir, part, at[newer]);  // it alone is newer
        CHECK_FALSE(check_campaign(cell.dir).problems.empty());
        if (newer == older + 1) require_repaired(cell.dir);
      }
      INFO("all of labels/ is newer, and nothing else");
      const Cell cell(at[older]);
      for (const Part part : {Part::labels, Part::picks}) bring(cell.dir, part, at[newer]);
      CHECK_FALSE(check_campaign(cell.dir).problems.empty());
      if (newer == older + 1) require_repaired(cell.dir);
    }
  }
}

TEST_CASE("R14: a check finds nothing in a campaign that stopped anywhere, or whose checkpoints alone are older",
          "[matrix][r14]") {
  const std::vector<fs::path>& at = campaign_with_tests().at;
  for (std::size_t newer = 0; newer < at.size(); ++newer) {
    CAPTURE(newer);
    CHECK(check_campaign(at[newer]).problems == no_problems);
    for (std::size_t older = 0; older < newer; ++older) {
      CAPTURE(older);
      const Cell cell(at[newer]);
      bring(cell.dir, Part::checkpoints, at[older]);
      CHECK(check_campaign(cell.dir).problems == no_problems);
      const int known = labels_in_files(cell.dir) + static_cast<int>(look(cell.dir).not_integrated().size());
      CHECK(run_with_tests(cell.dir) == labels_with_tests - known);
      CHECK(campaign_hash(cell.dir) == campaign_with_tests().hash);
    }
  }
}

TEST_CASE("R14: a ledger that is newer than labels/ is found by a check as well, and labels/ written again",
          "[matrix][r14]") {
  const std::vector<fs::path>& at = campaign_with_tests().at;
  for (std::size_t newer = 1; newer < at.size(); ++newer) {
    CAPTURE(newer);
    const Cell cell(at[newer]);
    for (const Part part : {Part::labels, Part::picks}) bring(cell.dir, part, at[newer - 1]);
    CHECK_FALSE(check_campaign(cell.dir).problems.empty());
    CHECK(repair_campaign(cell.dir).problems == no_problems);
    CHECK(labels_in_files(cell.dir) == labels_in_files(at[newer]));
    CHECK(check_campaign(cell.dir).problems == no_problems);
  }
}
