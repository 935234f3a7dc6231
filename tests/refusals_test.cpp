// SPDX-License-Identifier: Apache-2.0
// One negative test for each branch in which a checkpoint, a label file or a check refuses something, with
// the outer checksums put right, so that it is that branch which refuses.
#include "support/catch.hpp"
#include "support/recorded.hpp"
#include "support/toy.hpp"

#include <assay/checkpoint.hpp>
#include <assay/data/safetensors.hpp>
#include <assay/detail/files.hpp>
#include <assay/detail/sha256.hpp>
#include <assay/error.hpp>
#include <assay/ledger.hpp>
#include <assay/round_files.hpp>
#include <assay/tools/check.hpp>

#include <functional>

using namespace assay;
using namespace round_records;
namespace fs = std::filesystem;

TEST_CASE("label files give back each sample's own label, attempts and end", "[round_files][ledger]") {
  const bool alike = GENERATE(true, false);
  const Recorded recorded(alike);
  const RecordedRounds read = read_round_files(recorded.folder.path());
  CHECK(read.problems.empty());
  REQUIRE(read.rounds.size() == 1);
  const std::vector<SampleRecord>& samples = read.rounds[0].samples;
  REQUIRE(samples.size() == 5);
  CHECK(samples[0].labels->at("y").equal(torch::tensor({1.0, 2.0}, torch::kFloat64)));
  CHECK(samples[1].labels->at("y").equal(torch::full({20'000}, 7.0, torch::kFloat64)));
  CHECK(samples[2].labels->at("y").equal(alike ? torch::tensor({3.0, 4.0}, torch::kFloat64)
                                               : torch::tensor({3.0}, torch::kFloat64)));
  CHECK(samples[2].entry.integrated == 2);
  CHECK(samples[2].entry.integrated_in == 1);
  CHECK(samples[3].entry.state == SampleState::failed);
  CHECK_FALSE(samples[3].labels);
  REQUIRE(samples[3].attempts.size() == 2);
  CHECK(samples[3].attempts[0].reason == "first");
  CHECK(samples[3].attempts[1].reason == "second");
  CHECK(samples[3].attempts[1].seconds == 2.0);
  CHECK(samples[4].entry.state == SampleState::infeasible);
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(samples[i].inputs.scalar("x") == 0.5 * static_cast<double>(i));
    CHECK(samples[i].entry.score == static_cast<double>(i));
  }
}

TEST_CASE("a label file whose contents are not those of its checksum is refused", "[round_files][hostile]") {
  const Recorded recorded;
  const fs::path file = GENERATE(0, 1) == 0 ? recorded.picks : recorded.labels;
  Sealed sealed(file);
  const std::string sum = assay::detail::sha256(sealed.json.dump() + fingerprint(sorted(sealed.tensors)));
  CHECK(recorded.problems().empty());
  SECTION("other text") { sealed.json["round"] = 2; }
  SECTION("other numbers") {
    for (const auto& [name, tensor] : sealed.tensors) tensor.flatten()[0].add_(1);
  }
  SECTION("another name") { sealed.tensors.set("more", torch::zeros({1})); }
  sealed.write(sum);
  CHECK_THAT(all_of(recorded.problems()), Contains("assay.labels.damaged") && Contains(file.filename().string()));
}

TEST_CASE("what a file of picks lacks or lies about is refused, with its checksum right", "[round_files][hostile]") {
  const auto [pointer, value, word] = GENERATE(table<std::string, Json, std::string>({
      {"/format", 2, "assay.labels.format"},
      {"/format", nullptr, "assay.labels.format"},
      {"/round", 1e300, "assay.labels.round"},
      {"/round", "1", "assay.labels.round"},
      {"/round", 2, "assay.labels.round"},
      {"/campaign", 3, "assay.checkpoint.state"},
      {"/label_version", 3, "assay.checkpoint.state"},
      {"/label_version", "solver 2", "assay.labels.damaged"},
      {"/entries", 3, "assay.checkpoint.state"},
      {"/entries/0/id", -1.5, "assay.json"},
      {"/entries/0/rank", "first", "assay.json"},
      {"/entries/0/purpose", "none such", "[assay."},
      {"/entries/0/score", "high", "assay.checkpoint.state"},
      {"/entries/0/strategy", 1, "assay.checkpoint.state"},
      {"/entries/0/fingerprint", "0000", "assay.labels.damaged"},
  }));
  INFO(pointer << " " << value);
  const Recorded recorded;
  Sealed sealed(recorded.picks);
  sealed.json[Json::json_pointer(pointer)] = value;
  sealed.write();
  CHECK_THAT(all_of(recorded.problems()), Contains(word));
  CHECK(read_round_files(recorded.folder.path()).rounds.empty());
}

TEST_CASE("a file of picks without one of its parts is refused", "[round_files][hostile]") {
  const Recorded recorded;
  const Sealed good(recorded.picks);
  for (const char* part : {"format", "campaign", "round", "entries", "state"}) {
    Sealed sealed = good;
    sealed.json.erase(part);
    sealed.write();
    CHECK_THAT(all_of(recorded.problems()), Contains("[assay.") && Contains(part));
  }
  for (const auto& item : good.json["entries"][0].items()) {
    Sealed sealed = good;
    sealed.json["entries"][1].erase(item.key());
    sealed.write();
    CHECK_THAT(all_of(recorded.problems()), Contains("[assay.") && Contains(item.key()));
  }
}

TEST_CASE("inputs that are not those of their fingerprint are refused, with the file's checksum right",
          "[round_files][hostile]") {
  const Recorded recorded;
  Sealed sealed(recorded.picks);
  torch::Tensor x = sealed.tensors.at("inputs/x").clone();
  SECTION("one number") { x[3].add_(1e-12); }
  SECTION("two exchanged") { x = x.flip(0); }
  SECTION("another dtype") { x = x.to(torch::kFloat32); }
  sealed.tensors.set("inputs/x", x);
  sealed.write();
  CHECK_THAT(all_of(recorded.problems()), Contains("inputs that match their fingerprint"));
}

TEST_CASE("what a file of labels lacks or lies about is refused, with its checksum right", "[round_files][hostile]") {
  const auto [pointer, value] = GENERATE(table<std::string, Json>({
      {"/format", 7},
      {"/samples", "none"},
      {"/samples/0/id", "10"},
      {"/samples/0/attempts", 3},
      {"/samples/0/attempts/0/attempt", 1e300},
      {"/samples/0/attempts/0/seconds", "long"},
      {"/samples/0/attempts/0/exit_status", 4294967296},
      {"/samples/0/attempts/0/reason", 3},
      {"/samples/0/integrated", nullptr},
      {"/samples/0/object", "../precious"},
      {"/samples/0/object", std::string(64, 'a')},
      {"/samples/1/object", nullptr},
  }));
  INFO(pointer << " " << value);
  const Recorded recorded;
  Sealed sealed(recorded.labels);
  sealed.json[Json::json_pointer(pointer)] = value;
  sealed.write();
  const std::vector<std::string> problems = recorded.problems();
  REQUIRE(problems.size() == 1);
  CHECK_THAT(problems[0], Contains("[assay.") && Contains("round_000001"));
}

TEST_CASE("a file of labels without one of its parts is refused", "[round_files][hostile]") {
  const Recorded recorded;
  const Sealed good(recorded.labels);
  const auto missing = [&](const Json& from, const std::string& pointer) {
    for (const auto& item : from.items()) {
      // Files of earlier versions had neither of the last two.
      const std::string& part = item.key();
      if (part == "object" || part == "campaign" || part == "fingerprint" || part == "solver") continue;
      Sealed sealed = good;
      sealed.json[Json::json_pointer(pointer)].erase(item.key());
      sealed.write();
      INFO(pointer << " without " << item.key());
      CHECK_THAT(all_of(recorded.problems()), Contains("[assay."));
    }
  };
  missing(good.json, "");
  missing(good.json["samples"][0], "/samples/0");
  missing(good.json["samples"][0]["attempts"][0], "/samples/0/attempts/0");
}

TEST_CASE("label files of two campaigns in one folder are told apart", "[round_files][tools]") {
  const Recorded recorded;
  Sealed sealed(recorded.labels);
  sealed.json["campaign"] = "another";
  sealed.write();
  CHECK_THAT(all_of(recorded.problems()), Contains("assay.labels.campaign") && Contains("another"));
  Sealed picks(recorded.picks);
  picks.json["campaign"] = "another";
  picks.write();
  CHECK(recorded.problems().empty());
  CHECK_THAT(all_of(check_campaign(recorded.folder.path()).problems), Contains("labels/: files of campaign another"));
}

TEST_CASE("a label that the files have otherwise than the ledger is found", "[tools]") {
  const Recorded recorded;
  CHECK(check_campaign(recorded.folder.path()).problems.empty());
  Sealed sealed(recorded.labels);
  torch::Tensor y = sealed.tensors.at("labels/y").clone();
  SECTION("one number") { y[1][0].add_(1e-12); }
  SECTION("two exchanged") { y = y.flip(0); }
  sealed.tensors.set("labels/y", y);
  sealed.write();
  CHECK_THAT(all_of(check_campaign(recorded.folder.path()).problems),
             Contains("sample 12") && (Contains("another label of sample 12 than the ledger's") ||
                                       Contains("the label in labels/ is another than the ledger's")));
}

TEST_CASE("a label that no intact file holds is found", "[tools]") {
  const Recorded recorded;
  fs::remove(recorded.labels);
  CHECK_THAT(all_of(check_campaign(recorded.folder.path()).problems),
             Contains("missing, damaged, or without some of its labels"));
}

TEST_CASE("a checkpoint that knows of more than the ledger, or is another campaign's, is found", "[tools]") {
  const toy::Folder folder;
  toy::driver(toy::options(folder / "c")).run();
  std::vector<std::string> damaged;
  Checkpoint checkpoint = *newest_checkpoint(folder / "c", damaged);
  for (const char* own : {"format", "files"}) checkpoint.json.erase(own);
  ++checkpoint.number;
  const auto part = GENERATE(as<std::string>(), "none", "ledger_sequence", "integrated", "campaign");
  if (part == "campaign") checkpoint.json[part] = "another";
  if (part == "ledger_sequence" || part == "integrated") checkpoint.json[part] = checkpoint.json[part].get<int>() + 1;
  if (part == "ledger_sequence") checkpoint.json[part] = 1'000'000;
  write_checkpoint(folder / "c", encode(checkpoint), 10);
  const std::string problems = all_of(check_campaign(folder / "c").problems);
  if (part == "none") CHECK(problems.empty());
  if (part == "campaign") CHECK_THAT(problems, Contains("campaign \"another\""));
  if (part == "ledger_sequence" || part == "integrated")
    CHECK_THAT(problems, Contains("knows of more than the ledger does"));
}

TEST_CASE("each way in which a checkpoint may be damaged has its refusal", "[checkpoint][hostile]") {
  const std::string tensors = to_safetensors(Values{{"x", 1.0}}), other = to_safetensors(Values{{"x", 2.0}});
  const auto text_of = [&](Json json) {
    json["sha256"] = assay::detail::sha256(json.dump());
    return json.dump();
  };
  const Json good{{"format", 1}, {"files", {{"state.safetensors", assay::detail::sha256(tensors)}}}, {"a", 1}};
  CHECK(decode_checkpoint(text_of(good), tensors, "c").tensors.scalar("x") == 1.0);
  const auto refused = [&](const std::string& text, const std::string& word) {
    INFO(text);
    CHECK_THROWS_WITH(decode_checkpoint(text, tensors, "c"), Contains("assay.checkpoint.") && Contains(word));
  };
  refused("{", "JSON");
  refused("[]", "an object with 'sha256' and 'files'");
  refused("{\"files\": {}}", "an object with 'sha256' and 'files'");
  refused("{\"sha256\": \"\", \"files\": 3}", "an object with 'sha256' and 'files'");
  refused("{\"sha256\": \"\"}", "an object with 'sha256' and 'files'");
  Json wrong_sum = good;
  wrong_sum["sha256"] = assay::detail::sha256("else");
  refused(wrong_sum.dump(), "altered contents");
  const auto with = [&](const char* key, const Json& value) {
    Json json = good;
    json[key] = value;
    return text_of(json);
  };
  for (const Json& format : {Json(2), Json(-1), Json("1"), Json(1.0), Json()})
    refused(with("format", format), "format");
  refused(with("files", Json::object()), "altered or torn contents");
  refused(with("files", {{"state.safetensors", 3}}), "altered or torn contents");
  CHECK_THROWS_WITH(decode_checkpoint(text_of(good), other, "c"), Contains("altered or torn contents"));
  CHECK_THROWS_AS(
      decode_checkpoint(with("files", {{"state.safetensors", assay::detail::sha256("no tensors")}}), "no tensors", "c"),
      Error);
}

TEST_CASE("a checkpoint of a newer format is not passed over for an older one", "[checkpoint][tools]") {
  const toy::Folder folder;
  Checkpoint checkpoint;
  checkpoint.number = 1;
  checkpoint.tensors.set("x", torch::zeros({1}));
  write_checkpoint(folder.path(), encode(checkpoint), 10);
  checkpoint.number = 2;
  write_checkpoint(folder.path(), encode(checkpoint), 10);
  const fs::path file = folder / "checkpoints/00000002/checkpoint.json";
  Json json = Json::parse(assay::detail::read_file(file));
  json.erase("sha256");
  std::vector<std::string> damaged;
  SECTION("newer") {
    json["format"] = 2;
    json["sha256"] = assay::detail::sha256(json.dump());
    assay::detail::write_file(file, json.dump());
    CHECK_THROWS_WITH(newest_checkpoint(folder.path(), damaged), Contains("assay.checkpoint.format"));
  }
  SECTION("damaged") {
    json["sha256"] = "no";
    assay::detail::write_file(file, json.dump());
    CHECK(newest_checkpoint(folder.path(), damaged)->number == 1);
    REQUIRE(damaged.size() == 1);
    CHECK_THAT(damaged[0], Contains("00000002"));
  }
}

TEST_CASE("as many checkpoints as asked for are kept, the newest ones", "[checkpoint][tools]") {
  const toy::Folder folder;
  Checkpoint checkpoint;
  for (checkpoint.number = 1; checkpoint.number <= 5; ++checkpoint.number)
    write_checkpoint(folder.path(), encode(checkpoint), 2);
  std::vector<std::string> names;
  for (const fs::path& kept : checkpoint_folders(folder.path())) names.push_back(kept.filename());
  CHECK(names == std::vector<std::string>{"00000005", "00000004"});
}
