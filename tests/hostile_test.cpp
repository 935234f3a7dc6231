// SPDX-License-Identifier: Apache-2.0
// Files that somebody made in order to harm: each ends in a clear error, in bounded memory, inside the campaign's
// folder.
#include "support/catch.hpp"
#include "support/toy.hpp"

#include "../src/data/row_stacker.hpp"

#include <assay/checkpoint.hpp>
#include <assay/data/npy.hpp>
#include <assay/data/safetensors.hpp>
#include <assay/detail/campaign_lock.hpp>
#include <assay/detail/files.hpp>
#include <assay/detail/sha256.hpp>
#include <assay/ledger.hpp>
#include <assay/round_files.hpp>
#include <assay/training/torch_optimizer.hpp>

#include <sys/stat.h>

#include <cstring>

using namespace assay;
namespace fs = std::filesystem;

namespace {

Checkpoint small_checkpoint(std::int64_t number) {
  Checkpoint checkpoint;
  checkpoint.number = number;
  checkpoint.json = {{"n", number}};
  checkpoint.tensors.set("x", torch::arange(3));
  return checkpoint;
}

void write(const fs::path& campaign, std::int64_t number, std::int64_t keep = 10) {
  write_checkpoint(campaign, encode(small_checkpoint(number)), keep);
}

std::int64_t newest(const fs::path& campaign, std::vector<std::string>& damaged) {
  const std::optional<Checkpoint> found = newest_checkpoint(campaign, damaged);
  return found ? found->number : 0;
}

State trained_state() {
  Mlp learner({.inputs = {"x"}, .targets = {"y"}, .hidden = {2}});
  learner.fit_scaling(Values{{"x", std::vector{1.0, 2.0}}, {"y", std::vector{3.0, 4.0}}}, false);
  learner.reset(1);
  return learner.save();
}

}  // namespace

TEST_CASE("JSON is taken up to its limits", "[hostile]") {
  const auto nested = [](std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); };
  CHECK_NOTHROW(parse_json(nested(64), "f"));
  CHECK_THROWS_WITH(parse_json(nested(66), "f"), Contains("at most 64 levels"));
  CHECK_THROWS_WITH(parse_json(nested(1'000'000), "f"), Contains("at most 64 levels"));
  CHECK_THROWS_WITH(parse_json(std::string(longest_json + 1, ' '), "f"), Contains("bytes of JSON"));
  CHECK_THROWS_WITH(parse_json("{\"" + std::string(10'000, 'a') + "\":1,}", "f"), Contains("f"));
  for (const char* number : {"9223372036854775808", "-1e300", "1.5", "\"1\"", "null"}) {
    CHECK_THROWS_AS(integer_from_json<std::int64_t>(Json::parse(number)), ConfigError);
  }
  CHECK(integer_from_json<std::int64_t>(Json::parse("-9223372036854775808")) == INT64_MIN);
  CHECK(integer_from_json<std::uint64_t>(Json::parse("18446744073709551615")) == UINT64_MAX);
  CHECK_THROWS_AS(integer_from_json<std::uint64_t>(Json(-1)), ConfigError);
}

TEST_CASE("a configuration full of mistakes gets a bounded answer", "[hostile]") {
  Json spec{{"type", "random"}};
  for (int i = 0; i < 10'000; ++i) spec[std::string(200, 'a') + std::to_string(i)] = std::string(2000, 'b');
  try {
    Registries().query.make(spec, Registries());
    FAIL("accepted");
  } catch (const ConfigError& error) {
    CHECK(error.problems().size() == 100);
    CHECK(std::string(error.what()).size() < 100 * 2000);
  }
}

TEST_CASE("absurd sizes are refused by name", "[hostile]") {
  const Registries registries;
  const auto learner = [&](const Json& options) {
    Json spec{{"type", "ensemble"}, {"inputs", {"x"}}, {"targets", {"y"}}};
    spec.update(options);
    AnyLearner made = registries.learner.make(spec, registries);
    made.fit_scaling(Values{{"x", std::vector{1.0, 2.0}}, {"y", std::vector{0.0, 1.0}}}, false);
  };
  CHECK_THROWS_WITH(learner({{"hidden", {INT64_MAX, INT64_MAX}}}), Contains("assay.learner.size"));
  CHECK_THROWS_WITH(learner({{"members", INT64_MAX}}), Contains("at most 2147483648 parameters"));
  CHECK_THROWS_WITH(learner({{"classes", INT64_MAX}}), Contains("assay.learner.size"));
  CHECK_THROWS_WITH(learner({{"hidden", std::vector<int>(1001, 1)}}), Contains("1000 hidden layers"));
  CHECK_THROWS_WITH(registries.optimizer.make({{"type", "adagrad"}, {"lr_decay", -1}}, registries),
                    Contains("assay.config.range") && Contains("lr_decay"));
  const auto pool = [&](const char* type, const Json& options) {
    Json spec{{"type", type}, {"space", {{{"name", "x"}, {"low", 0}, {"high", 1}}}}};
    spec.update(options);
    return registries.pool.make(spec, registries);
  };
  for (const char* type : {"sobol", "uniform", "latin_hypercube"}) {
    CHECK_THROWS_WITH(pool(type, {{"count", INT64_MAX}}), Contains("/count"));
  }
  CHECK_THROWS_AS(pool("sobol", {{"count", 2}, {"skip", INT64_MAX}}), ConfigError);
}

TEST_CASE("a learner's state that lies is refused before anything is built", "[hostile]") {
  const State good = trained_state();
  const auto refused = [&](const auto& change) {
    State state = good;
    change(state);
    Mlp learner({.inputs = {"x"}, .targets = {"y"}, .hidden = {2}});
    CHECK_THROWS_AS(learner.load(state), Error);
    CHECK_THROWS_AS(learner.predict(Values{{"x", std::vector{1.0}}}), Error);  // as untrained as before
  };
  Mlp({.inputs = {"x"}, .targets = {"y"}, .hidden = {2}}).load(good);
  for (const char* text : {"[]", "null", "{}", R"({"inputs": 1, "targets": [], "seed": "1"})"}) {
    refused([&](State& state) { state.json = Json::parse(text); });
  }
  for (const char* shape :
       {"[4294967295, 4294967295, 4294967295]", "[1000000000]", "[1e300]", "[-5]", "\"x\"", "[3]"}) {
    refused([&](State& state) { state.json["inputs"][0]["shape"] = Json::parse(shape); });
  }
  for (const char* seed : {"", "x", "-1", "18446744073709551616", "1 "}) {
    refused([&](State& state) { state.json["seed"] = seed; });
  }
  refused([](State& state) { state.json["device"] = "not a device"; });
  refused([](State& state) { state.json["device"] = 3; });
  refused([](State& state) { state.tensors = {}; });
  refused([](State& state) { state.json["inputs"] = Json::array(); });
  refused([](State& state) { state.tensors.set("weight/0", torch::zeros({3, 2})); });
  refused([](State& state) { state.tensors.set("weight/0", torch::zeros({1, 2}, torch::kInt64)); });
  refused([](State& state) { state.tensors.set("bias/1", torch::zeros({1}, torch::kFloat64)); });
  refused([](State& state) { state.tensors.set("inputs/mean", torch::zeros({7}, torch::kFloat64)); });
  refused([](State& state) { state.tensors.set("inputs/scale", torch::zeros({1}, torch::kBool)); });
  State missing = good;
  missing.tensors = good.tensors.without({"bias/0"});
  Mlp learner({.inputs = {"x"}, .targets = {"y"}, .hidden = {2}});
  CHECK_THROWS_AS(learner.load(missing), Error);
}

TEST_CASE("a classifier's state whose class ids are of many columns is refused", "[hostile]") {
  for (const std::int64_t classes : {2, 3}) {
    for (const char* type : {"mlp", "ensemble", "mc_dropout"}) {
      const Json spec{{"type", type}, {"inputs", {"x"}}, {"targets", {"y"}}, {"hidden", {2}}, {"classes", classes}};
      const Registries all;
      AnyLearner learner = all.learner.make(spec, all);
      learner.fit_scaling(Values{{"x", std::vector{1.0, 2.0}}, {"y", std::vector{0.0, 1.0}}}, false);
      State state = learner.save();
      learner.load(state);
      for (const Json& shape : {Json{2}, Json{0}, Json{1, 101}}) {
        CAPTURE(type, classes, shape.dump());
        state.json["targets"][0]["shape"] = shape;
        CHECK_THROWS_AS(learner.load(state), Error);
      }
    }
  }
}

TEST_CASE("a training's state that lies is refused", "[hostile]") {
  State state;
  state.json = {
      {"training",
       {{"round", 0}, {"fine_tuning", false}, {"samples", 2}, {"stream", 1}, {"planned", 2}, {"has_best", false}}}};
  state.tensors.set("history", torch::zeros({1, 3}, torch::kFloat64));
  DefaultTrainingLoop loop;
  loop.load(state);
  for (const auto& shape : std::vector<std::vector<std::int64_t>>{{}, {3}, {4, 1}, {1, 4}, {1, 3, 1}}) {
    State bad = state;
    bad.tensors.set("history", torch::zeros(shape, torch::kFloat64));
    CHECK_THROWS_WITH(loop.load(bad), Contains("[epochs, 3]"));
  }
  for (const char* key : {"round", "samples", "stream", "planned", "has_best"}) {
    State bad = state;
    bad.json["training"][key] = 1e300;
    CHECK_THROWS_AS(loop.load(bad), Error);
  }
  AnyOptimizer optimizer = TorchOptimizer<torch::optim::RMSprop>(torch::optim::RMSpropOptions(0.1));
  optimizer.init({torch::ones({2}).requires_grad_()});
  for (const char* text : {R"({"1x": {}})", R"({"-1": {}})", R"({"7": {}})", R"({"0": {"a.b": 1}})",
                           R"({"0": {"": 1}})", R"({"0": {"step": {}}})", R"({"0": 3})", R"([1])"}) {
    CHECK_THROWS_AS(optimizer.load({.json = Json::parse(text), .tensors = {}}), Error);
  }
}

TEST_CASE("only folders with the names that assay gives are checkpoints", "[hostile]") {
  const toy::Folder folder;
  write(folder.path(), 3);
  const fs::path root = folder / "checkpoints";
  for (const char* name : {"9", "000000009", "00000009x", "+0000009", "-0000009", "writing_00000009"}) {
    fs::copy(root / "00000003", root / name);
  }
  assay::detail::write_file(root / "00000010", "a file");
  std::vector<std::string> damaged;
  CHECK(newest(folder.path(), damaged) == 3);
  CHECK(damaged.empty());
  CHECK(last_checkpoint_number(folder.path()) == 3);
  write(folder.path(), 11, /*keep=*/1);
  CHECK(fs::exists(root / "9"));  // not assay's to delete
}

TEST_CASE("links in place of checkpoints are not followed", "[hostile]") {
  const toy::Folder folder, elsewhere;
  write(folder.path(), 1);
  write(elsewhere.path(), 7);
  const fs::path root = folder / "checkpoints";
  std::vector<std::string> damaged;

  fs::create_directory_symlink(elsewhere / "checkpoints/00000007", root / "00000007");
  CHECK(newest(folder.path(), damaged) == 1);
  CHECK_THROWS_WITH(read_checkpoint(root / "00000007"), Contains("a symbolic link"));
  write(folder.path(), 8, /*keep=*/1);
  CHECK(fs::exists(elsewhere / "checkpoints/00000007/checkpoint.json"));

  for (const char* file : {"checkpoint.json", "state.safetensors"}) {
    fs::copy(root / "00000008", root / "00000009");
    fs::remove(root / "00000009" / file);
    fs::create_symlink(root / "00000008" / file, root / "00000009" / file);
    damaged.clear();
    CHECK(newest(folder.path(), damaged) == 8);
    REQUIRE(damaged.size() == 1);
    CHECK_THAT(damaged[0], Contains(file) && Contains("a symbolic link, which is not followed"));
    fs::remove_all(root / "00000009");
  }

  fs::remove_all(root);
  fs::create_directory_symlink(elsewhere / "checkpoints", root);
  CHECK_THROWS_WITH(newest(folder.path(), damaged), Contains("assay.file.link"));
  CHECK_THROWS_WITH(write(folder.path(), 8), Contains("assay.file.link"));
  CHECK(checkpoint_folders(elsewhere.path()).size() == 1);
}

TEST_CASE("a pipe or a device in place of a file is refused at once", "[hostile]") {
  const toy::Folder folder;
  write(folder.path(), 1);
  write(folder.path(), 2);
  const fs::path file = folder / "checkpoints/00000002/state.safetensors";
  fs::remove(file);
  REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
  std::vector<std::string> damaged;
  CHECK(newest(folder.path(), damaged) == 1);
  CHECK_THROWS_AS(read_safetensors(file), CheckpointError);
  CHECK_THROWS_AS(read_safetensors("/dev/zero"), CheckpointError);
  CHECK_THROWS_AS(assay::detail::read_file("/dev/zero"), CheckpointError);
  CHECK_THROWS_AS(assay::detail::read_file("/tmp"), CheckpointError);
  CHECK_THROWS_AS(read_npy("/dev/zero"), Error);
  CHECK_FALSE(assay::detail::read_file("/proc/self/status").empty());
}

TEST_CASE("nothing is written through a link that lies in a campaign directory", "[hostile]") {
  const toy::Folder folder, elsewhere;
  assay::detail::write_file(elsewhere / "precious", "precious");
  const auto link = [&](const std::string& name) {
    fs::create_symlink(elsewhere / "precious", folder / name);
    return folder / name;
  };
  link("metrics.jsonl.writing");
  assay::detail::write_file(folder / "metrics.jsonl", "x");
  link("metrics.jsonl.writing");
  assay::detail::replace_file_durably(folder / "metrics.jsonl", "y");
  CHECK(assay::detail::read_own_file(folder / "metrics.jsonl") == "y");
  CHECK_THROWS_WITH(assay::detail::write_file_durably(link("campaign.json"), "x"), Contains("a symbolic link"));
  CHECK_THROWS_WITH(assay::detail::AppendFile(link("log.jsonl")), Contains("a symbolic link"));
  link("lock");
  CHECK_THROWS_AS(assay::detail::CampaignLock(folder.path()), CheckpointError);
  Ledger::create(elsewhere / "l.sqlite", "id", elsewhere / "objects");
  fs::create_symlink(elsewhere / "l.sqlite", folder / "l.sqlite");
  CHECK_THROWS_WITH(Ledger::open(folder / "l.sqlite", folder / "objects"), Contains("assay.file.link"));
  CHECK(assay::detail::read_file(elsewhere / "precious") == "precious");
}

TEST_CASE("label files cannot lead out of their folder", "[hostile]") {
  const toy::Folder folder, elsewhere;
  const Values inputs{{"x", 1.0}};
  Ledger ledger = Ledger::create(folder / "l.sqlite", "id", objects_folder(folder.path()));
  ledger.commit_batch(1, std::vector<NewEntry>{{.id = 4, .inputs = inputs, .fingerprint = fingerprint(inputs)}}, {});
  write_picks_file(folder.path(), ledger, 1);
  for (const char* digest : {"../../precious", "/etc/passwd", "", "A"}) {
    const std::string text =
        Json{{"format", 1},
             {"campaign", "id"},
             {"round", 1},
             {"samples",
              {{{"id", 4}, {"state", "done"}, {"integrated", 0}, {"object", digest}, {"attempts", Json::array()}}}}}
            .dump();
    write_safetensors(folder / "labels/round_000001.safetensors", {},
                      {{"assay", text}, {"sha256", assay::detail::sha256(text + fingerprint({}))}});
    const RecordedRounds recorded = read_round_files(folder.path());
    REQUIRE(recorded.problems.size() == 1);
    CHECK_THAT(recorded.problems[0], Contains("a SHA-256 in hexadecimal"));
  }
  fs::rename(folder / "labels", elsewhere / "labels");
  fs::create_directory_symlink(elsewhere / "labels", folder / "labels");
  CHECK_THAT(read_round_files(folder.path()).problems.at(0), Contains("assay.file.link"));
  CHECK_THROWS_WITH(write_picks_file(folder.path(), ledger, 1), Contains("assay.file.link"));
}

TEST_CASE("a round of very many samples can be read back", "[hostile]") {
  const toy::Folder folder;
  Ledger ledger = Ledger::create(folder / "l.sqlite", "id", objects_folder(folder.path()));
  std::vector<NewEntry> entries;
  for (std::int64_t i = 0; i < 10'000; ++i) {  // 1.9 MB of text
    const Values inputs{{"x", static_cast<double>(i)}};
    entries.push_back({.id = i, .rank = i, .strategy = "s", .inputs = inputs, .fingerprint = fingerprint(inputs)});
  }
  ledger.commit_batch(1, entries, {});
  write_picks_file(folder.path(), ledger, 1);
  const RecordedRounds recorded = read_round_files(folder.path());
  CHECK(recorded.problems.empty());
  REQUIRE(recorded.rounds.size() == 1);
  REQUIRE(recorded.rounds[0].samples.size() == 10'000);
  CHECK(recorded.rounds[0].samples[9'999].inputs.scalar("x") == 9'999);
}

TEST_CASE("a count of samples that lies neither takes memory nor overruns it", "[hostile]") {
  for (const std::int64_t expected : {INT64_MIN, std::int64_t{-1}, std::int64_t{0}, std::int64_t{3}, INT64_MAX}) {
    assay::detail::RowStacker rows({"x"}, expected);
    for (int i = 0; i < 100; ++i) {
      const std::string bytes = to_safetensors(Values{{"x", std::vector<double>{1.0 * i, 2.0}}});
      rows.add(std::as_bytes(std::span(bytes)), "row");
    }
    const Values all = rows.take();
    REQUIRE(all["x"].size(0) == 100);
    CHECK(all["x"][99][0].item<double>() == 99);
  }
}

TEST_CASE("an exported learner that lies is refused", "[hostile]") {
  const toy::Folder folder;
  Mlp learner({.inputs = {"x"}, .targets = {"y"}, .hidden = {2}});
  learner.load(trained_state());
  learner.export_to(folder.path());
  const Json good = Json::parse(assay::detail::read_file(folder / "learner.json"));
  const Registries registries;
  CHECK_NOTHROW(load_learner(folder.path(), registries));
  for (const char* patch : {R"({"learner": {"type": "../mlp"}})", R"({"learner": {"hidden": [3]}})",
                            R"({"learner": {"hidden": [9223372036854775807]}})", R"({"learner": 1})", R"({"state": 1})",
                            R"({"state": {"inputs": null}})", R"({"state": {"seed": 1e300}})"}) {
    Json bad = good;
    bad.merge_patch(Json::parse(patch));
    assay::detail::write_file(folder / "learner.json", bad.dump());
    CHECK_THROWS_AS(load_learner(folder.path(), registries), Error);
  }
}

TEST_CASE("a checkpoint that lies about its slots cannot be rebuilt", "[hostile]") {
  const toy::Folder folder;
  const Registries registries;
  const char* contents[] = {"{}", R"({"slots": 1, "driver": {}})", R"({"slots": {}, "driver": 1})", R"({"slots": []})",
                            R"({"slots": {"learner": {"type": "mlp"}}, "driver": {"max_rounds": -1}})"};
  std::int64_t number = 0;
  for (const char* content : contents) {
    Checkpoint checkpoint = small_checkpoint(++number);
    checkpoint.json = Json::parse(content);
    write_checkpoint(folder.path(), encode(checkpoint), 1);
    CHECK_THROWS_AS(rebuild_campaign(folder.path(), toy::pools(), registries), Error);
  }
}
