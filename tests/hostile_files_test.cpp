// SPDX-License-Identifier: Apache-2.0
// Special files, holes, absurd numbers and JSON of another kind in a campaign's folder.
#include "support/catch.hpp"
#include "support/peak_memory.hpp"
#include "support/toy.hpp"

#include <assay/artifacts.hpp>
#include <assay/campaign_hash.hpp>
#include <assay/checkpoint.hpp>
#include <assay/detail/files.hpp>
#include <assay/detail/restoring.hpp>
#include <assay/detail/utf8.hpp>
#include <assay/error.hpp>
#include <assay/round_files.hpp>
#include <assay/tools/check.hpp>
#include <assay/tools/import_table.hpp>
#include <assay/tools/labels.hpp>
#include <assay/tools/status.hpp>

#include <sys/stat.h>

#include <fstream>

using namespace assay;
namespace fs = std::filesystem;

namespace {

void make_pipe(const fs::path& file) { REQUIRE(::mkfifo(file.c_str(), 0600) == 0); }

void finished_campaign(const fs::path& dir) { toy::driver(toy::options(dir)).run(); }

/// Replaces the newest checkpoint by one of other contents, with its checksums right.
void put_checkpoint(const fs::path& campaign, const std::function<void(Json&)>& change) {
  std::vector<std::string> damaged;
  Checkpoint checkpoint = *newest_checkpoint(campaign, damaged);
  ++checkpoint.number;
  for (const char* own : {"format", "files"}) checkpoint.json.erase(own);
  change(checkpoint.json);
  write_checkpoint(campaign, encode(checkpoint), 1);
}

}  // namespace

TEST_CASE("R16: what lies where a temporary file is made is replaced, and nothing is written to it", "[hostile][r16]") {
  const toy::Folder folder, elsewhere;
  const auto name = GENERATE(as<std::string>(), "metrics.jsonl", "labels/round_000001.safetensors", "outcome.json");
  fs::create_directories(folder / "labels");
  const fs::path file = folder / name, temporary = file.string() + ".writing";
  assay::detail::write_file(elsewhere / "precious", "precious");
  const auto both_write = [&] {
    assay::detail::write_file(file, "a");
    CHECK(assay::detail::read_own_file(file) == "a");
  };
  const auto put = [&](int what) {
    if (what == 0) make_pipe(temporary);
    if (what == 1) fs::create_symlink("/dev/full", temporary);
    if (what == 2) fs::create_symlink(elsewhere / "precious", temporary);
    if (what == 3) fs::create_hard_link(elsewhere / "precious", temporary);
    if (what == 4) assay::detail::write_file_durably(temporary, "what a crash left, longer than what is to come");
  };
  for (int what = 0; what < 5; ++what) {
    put(what);
    both_write();
    put(what);
    assay::detail::replace_file_durably(file, "b");
    CHECK(assay::detail::read_own_file(file) == "b");
    CHECK_FALSE(fs::exists(temporary));
  }
  fs::create_directory(temporary);
  CHECK_THROWS_WITH(assay::detail::write_file(file, "c"), Contains("assay.file"));
  CHECK(assay::detail::read_file(elsewhere / "precious") == "precious");
}

TEST_CASE("R16: nothing waits for the other end of a pipe", "[hostile][r16]") {
  const toy::Folder folder;
  for (const char* name : {"campaign.json", "log.jsonl", "checkpoint.json"}) make_pipe(folder / name);
  CHECK_THROWS_AS(assay::detail::write_file_durably(folder / "campaign.json", "x"), CheckpointError);
  CHECK_THROWS_WITH(assay::detail::AppendFile(folder / "log.jsonl"), Contains("a pipe"));
  CHECK_THROWS_WITH(assay::detail::read_own_file(folder / "checkpoint.json"), Contains("a pipe"));
  CHECK_THROWS_WITH(assay::detail::read_file("/dev/zero"), Contains("a device"));
  CHECK_THROWS_WITH(assay::detail::require_regular("/dev/null"), Contains("assay.file.kind"));
  CHECK_NOTHROW(assay::detail::require_regular(folder / "nothing"));
}

TEST_CASE("R16: a driver that finds a pipe in place of one of its files says so", "[hostile][r16]") {
  const toy::Folder folder;
  finished_campaign(folder / "c");
  DriverOptions options = toy::options(folder / "c");
  options.resume = Resume::required;
  const auto name = GENERATE(as<std::string>(), "log.jsonl", "ledger.sqlite", "ledger.sqlite-wal");
  fs::remove(folder / "c" / name);
  make_pipe(folder / "c" / name);
  CHECK_THROWS_WITH(toy::driver(options).run(), Contains(name) && Contains("a pipe"));
}

TEST_CASE("R16: holes and files of more bytes than they may have are refused before they take memory",
          "[hostile][r16]") {
  const toy::Folder folder;
  const fs::path file = folder / "campaign.json";
  assay::detail::write_file(file, "{}");
  const long before = peak_mib();
  for (const std::uintmax_t size : {std::uintmax_t{100} << 20, std::uintmax_t{1} << 40}) {
    fs::resize_file(file, size);
    CHECK_THROWS_WITH(assay::detail::read_own_file(file), Contains("a hole of"));
    CHECK_THROWS_WITH(assay::detail::read_own_file(file, longest_json), Contains("at most 33554432 bytes"));
  }
  CHECK(peak_mib() - before < 50);
  assay::detail::write_file(file, std::string(100, 'x'));
  CHECK(assay::detail::read_own_file(file, 100).size() == 100);
  CHECK_THROWS_WITH(assay::detail::read_own_file(file, 99), Contains("assay.file.size"));
  const std::string large(std::size_t{65} << 20, 'x');
  assay::detail::write_file(file, large);
  CHECK(assay::detail::read_own_file(file) == large);  // large, and no hole
}

TEST_CASE("R17: folders with numbers that no campaign reaches are none of its checkpoints", "[hostile][r17]") {
  const toy::Folder folder;
  Checkpoint checkpoint;
  checkpoint.number = 1;
  checkpoint.json = {{"n", 1}};
  write_checkpoint(folder.path(), encode(checkpoint), 10);
  for (const char* name : {"9223372036854775807", "9223372036854775808", "1000000000001", "99999999999999999999"})
    fs::copy(folder / "checkpoints/00000001", folder / "checkpoints" / name);
  std::vector<std::string> damaged;
  CHECK(newest_checkpoint(folder.path(), damaged)->number == 1);
  CHECK(last_checkpoint_number(folder.path()) == 1);
  CHECK(damaged.empty());
  for (const std::int64_t number : {std::int64_t{0}, std::int64_t{-1}, Checkpoint::last_number + 1, INT64_MAX}) {
    checkpoint.number = number;
    CHECK_THROWS_WITH(write_checkpoint(folder.path(), encode(checkpoint), 10), Contains("assay.checkpoint.number"));
  }
  checkpoint.number = Checkpoint::last_number;
  write_checkpoint(folder.path(), encode(checkpoint), 10);
  CHECK(last_checkpoint_number(folder.path()) == Checkpoint::last_number);
}

TEST_CASE("R17: a campaign beside a folder of the highest number goes on, or says why not", "[hostile][r17]") {
  const toy::Folder folder;
  finished_campaign(folder / "c");
  const fs::path newest = checkpoint_folders(folder / "c").front(),
                 absurd = newest.parent_path() / "9223372036854775807";
  fs::copy(newest, absurd);
  DriverOptions options = toy::options(folder / "c");
  options.resume = Resume::required;
  options.max_rounds = 4;
  toy::driver(options).run();
  CHECK(campaign_status(folder / "c")["position"]["round"].get<int>() >= 4);
  CHECK(fs::exists(absurd));  // not assay's to delete
}

TEST_CASE("R18: JSON of another kind in a campaign's folder is named, with its file", "[hostile][r18]") {
  const toy::Folder folder;
  finished_campaign(folder / "c");
  const Registries registries;
  for (const char* text : {"[]", "3", "null", "\"x\"", R"({"pools": 3})", R"({"pools": {"unlabeled": []}})",
                           R"({"pools": {}, "driver": 3})", R"({"pools": {}, "learner": {"type": 7}})",
                           R"({"pools": {"unlabeled": {"space": 3}}})", "{\"a\": \"\xb5\"}"}) {
    INFO(text);
    assay::detail::write_file(folder / "c/campaign.json", text);
    CHECK_THROWS_AS(open_campaign(folder / "c", registries), Error);
    try {  // which needs of it no more than a space, where there is one
      import_table(folder / "c", folder / "none.csv");
      FAIL("imported");
    } catch (const Error&) {
    }
  }
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  assay::detail::write_file(folder / "c/campaign.json", "{\"pools\": " + deep + "}");
  CHECK_THROWS_WITH(open_campaign(folder / "c", registries), Contains("64 levels"));
}

TEST_CASE("R18: a checkpoint of other contents, with its checksums right, is named", "[hostile][r18]") {
  const toy::Folder folder;
  finished_campaign(folder / "c");
  const auto part = GENERATE(as<std::string>(), "position", "seconds", "slots", "records", "campaign",
                             "ledger_sequence", "integrated");
  const Json value = GENERATE(Json(), Json(3), Json::array({1}), Json{{"x", 1}}, Json("gone"));
  INFO(part << " " << value);
  put_checkpoint(folder / "c", [&](Json& json) {
    json[part] = value;
    if (value == "gone") json.erase(part);
  });
  const auto only_ours = [&](const auto& look) {
    try {
      look();
    } catch (const Error&) {
    }
  };
  only_ours([&] { campaign_status(folder / "c"); });
  only_ours([&] { campaign_hash(folder / "c"); });
  only_ours([&] { first_difference(folder / "c", folder / "c"); });
  only_ours([&] { repair_campaign(folder / "c"); });
  only_ours(
      [&] { toy::driver(DriverOptions{.dir = folder / "c", .max_rounds = 4, .seed = 5, .resume = Resume::required}); });
  for (const std::string& problem : check_campaign(folder / "c").problems) {
    CHECK((problem.starts_with("[assay.") || problem.starts_with((folder / "c").string())));
  }
}

TEST_CASE("artifacts are not written through a link out of the campaign", "[hostile]") {
  const toy::Folder folder, elsewhere;
  fs::create_directories(folder / "artifacts/query");
  const fs::path place = GENERATE(as<std::string>(), "artifacts", "artifacts/query", "artifacts/query/mine");
  fs::remove_all(folder / place.string());
  fs::create_directory_symlink(elsewhere.path(), folder / place.string());
  const ArtifactFolders folders(folder / "artifacts/query");
  CHECK_THROWS_WITH(folders.folder("mine"), Contains("assay.file.link"));
  CHECK(fs::is_empty(elsewhere.path()));
}

TEST_CASE("F22: texts and folders that are not UTF-8 neither stop a campaign nor its reports", "[hostile][f22]") {
  const toy::Folder folder;
  const fs::path dir = folder / "caf\xe9";
  const FunctionLabel label({.provides = {"y"}, .function = "solve"}, [](const Values& x) -> Values {
    if (x.scalar("a") > 0)
      throw std::runtime_error(
          "\xfc"
          "berlauf");
    return toy::solve(x);
  });
  toy::driver(toy::options(dir), label).run();
  DriverOptions more = toy::options(dir);
  more.resume = Resume::required;
  more.max_rounds = 4;
  toy::driver(more, label).run();
  const Json status = campaign_status(dir);
  CHECK_FALSE(status["failures"].empty());
  CHECK_NOTHROW(Json::parse(assay::detail::json_text(status)));
  CHECK(check_campaign(dir).problems.empty());
  CHECK(assay::detail::json_text(Json("\xe9")) == "\"\xef\xbf\xbd\"");
  CHECK_THROWS_WITH(parse_json("{\"a\": \"\xe9\"}", "f"), Contains("assay.json.syntax"));
}

TEST_CASE("F22: whole numbers may be written with an exponent, and others are refused", "[hostile][f22][config]") {
  const Registries registries;
  const auto count = [&](const char* text) {
    Json spec = Json::parse(R"({"type": "sobol", "space": [{"name": "x", "low": 0, "high": 1}]})");
    spec["count"] = Json::parse(text);
    try {
      return registries.pool.make(spec, registries).size();
    } catch (const ConfigError&) {
      return std::int64_t{-1};
    }
  };
  CHECK(count("6.4e1") == 64);
  CHECK(count("64.0") == 64);
  CHECK(count("64") == 64);
  for (const char* text : {"6.45e1", "1e300", "1e17", "-6.4e1", "\"6.4e1\"", "9007199254740994.0"}) {
    INFO(text);
    CHECK((count(text) == -1));
  }
}
