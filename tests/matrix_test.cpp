// SPDX-License-Identifier: Apache-2.0
// Ledger, label files, pick files and checkpoints of different moments in one directory, each missing, each with a
// flipped bit: the campaign comes to what it would have come to, or is refused with advice that works.
#include "support/catch.hpp"
#include "support/campaign_parts.hpp"
#include "support/moments.hpp"

#include <assay/campaign_hash.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>
#include <assay/round_files.hpp>
#include <assay/tools/check.hpp>
#include <assay/tools/labels.hpp>

#include <algorithm>
#include <functional>
#include <fstream>
#include <random>

namespace fs = std::filesystem;
using namespace assay;
using moments::bring;
using moments::BrokenOff;
using moments::Cell;
using moments::files_of_part;
using moments::labels_in_files;
using moments::Part;
using moments::remove_part;

namespace {

constexpr int labels_in_all = 12;

int run_to_end(const fs::path& dir) { return moments::run(dir, toy::pools()); }

/// In the middle of each of three rounds, and at the end.
const BrokenOff& three_rounds() {
  static const BrokenOff made(toy::pools);
  return made;
}

constexpr Part parts[] = {Part::ledger, Part::labels, Part::picks, Part::checkpoints};

/// Goes on with a campaign; if that is refused, does what the refusal advises and goes on then.
void require_same_end(const fs::path& dir) {
  const int paid = labels_in_files(dir);
  int calls = 0;
  try {
    calls = run_to_end(dir);
  } catch (const CheckpointError& refusal) {
    CAPTURE(refusal.what());
    REQUIRE_THAT(refusal.what(), Contains("--repair"));
    const CheckReport report = repair_campaign(dir);
    for (const std::string& problem : report.problems) UNSCOPED_INFO(problem);
    // A damaged checkpoint is passed over: it stays, and the report goes on saying so.
    REQUIRE(std::all_of(report.problems.begin(), report.problems.end(), [](const std::string& text) {
      return text.find("assay.checkpoint.damaged") != std::string::npos;
    }));
    calls = run_to_end(dir);
  }
  if (const auto difference = first_difference(three_rounds().at.back(), dir)) UNSCOPED_INFO(*difference);
  CHECK(campaign_hash(dir) == three_rounds().hash);
  CHECK(calls + paid <= labels_in_all);  // nothing that stands in labels/ is computed again
}

}  // namespace

TEST_CASE("parts of a campaign from different moments come to the same, or are refused with advice that works",
          "[matrix][r14]") {
  for (std::size_t i = 0; i < three_rounds().at.size(); ++i) {
    for (std::size_t j = 0; j < three_rounds().at.size(); ++j) {
      if (i == j) continue;
      for (const Part part : parts) {
        CAPTURE(i, j, static_cast<int>(part));
        const Cell cell(three_rounds().at[i]);
        bring(cell.dir, part, three_rounds().at[j]);
        require_same_end(cell.dir);
      }
    }
  }
}

TEST_CASE("a campaign that a part is missing of comes to the same, or is refused with advice that works",
          "[matrix][r14]") {
  for (const fs::path& moment : three_rounds().at) {
    for (const Part part : parts) {
      CAPTURE(moment.filename().string(), static_cast<int>(part));
      const Cell cell(moment);
      remove_part(cell.dir, part);
      require_same_end(cell.dir);
    }
    for (const Part part : {Part::labels, Part::picks}) {
      for (const fs::path& file : files_of_part(moment, part)) {
        CAPTURE(file.string());
        const Cell cell(moment);
        fs::remove(cell.dir / file);
        require_same_end(cell.dir);
      }
    }
  }
}

TEST_CASE("label files of two rounds that were exchanged are put right", "[matrix][r14]") {
  const Cell cell(three_rounds().at.back());
  for (const std::string kind : {"round_", "picks_"}) {
    const fs::path first = cell.dir / "labels" / (kind + "000001.safetensors"),
                   second = cell.dir / "labels" / (kind + "000002.safetensors");
    fs::rename(first, cell.dir / "aside");
    fs::rename(second, first);
    fs::rename(cell.dir / "aside", second);
  }
  CHECK_FALSE(check_campaign(cell.dir).problems.empty());
  require_same_end(cell.dir);
  CHECK(check_campaign(cell.dir).problems.empty());
}

TEST_CASE("a flipped bit in any part changes nothing that the campaign comes to", "[matrix][r8]") {
  std::mt19937_64 random(3);
  const char* wanted = std::getenv("ASSAY_FLIPS");
  for (int i = 0; i < (wanted ? std::atoi(wanted) : 24); ++i) {
    const std::size_t moment = random() % three_rounds().at.size();
    const Part part = parts[random() % std::size(parts)];
    const Cell cell(three_rounds().at[moment]);
    const std::vector<fs::path> files = files_of_part(cell.dir, part);
    if (files.empty()) continue;
    const fs::path file = cell.dir / files[random() % files.size()];
    std::string bytes = assay::detail::read_file(file);
    if (bytes.empty()) continue;
    const std::size_t bit = random() % (8 * bytes.size());
    CAPTURE(i, moment, file.string(), bit);
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    std::ofstream(file, std::ios::binary) << bytes;
    require_same_end(cell.dir);
  }
}

TEST_CASE("flipped bits of the database's header, which says how it is to be read, change nothing", "[matrix][r8]") {
  // Page size, versions of the format, format of the schema, encoding of text, number of the application.
  const std::size_t byte = GENERATE(16, 18, 19, 21, 44, 47, 56, 59, 68, 71);
  const int bit = GENERATE(0, 7);
  const Cell cell(three_rounds().at[1]);
  const fs::path file = cell.dir / "ledger.sqlite";
  std::string bytes = assay::detail::read_file(file);
  bytes.at(byte) = static_cast<char>(bytes.at(byte) ^ (1 << bit));
  std::ofstream(file, std::ios::binary) << bytes;
  CAPTURE(byte, bit);
  require_same_end(cell.dir);
}
