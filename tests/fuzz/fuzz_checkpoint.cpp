// SPDX-License-Identifier: Apache-2.0
// A checkpoint, as its JSON, a declaration of its tensors (see `fuzz::safetensors_of`) and their data, between NUL
// bytes. The target puts the checksums right, where there are none, and the key of the training that a loop was in
// where it says "*"; then does with it what a resume does: finds it in its folder, builds the components, gives them
// their states, and trains on. Its learner is also read as an export.
#include "../support/folder.hpp"
#include "components.hpp"

#include <assay/checkpoint.hpp>
#include <assay/config.hpp>
#include <assay/detail/files.hpp>
#include <assay/detail/sha256.hpp>

#include <torch/types.h>

#include <filesystem>

namespace {

using namespace assay;
namespace fs = std::filesystem;

fuzz::Tally tally("fuzz_checkpoint");

State state_of(const Checkpoint& checkpoint, const std::string& slot) {
  State state;
  if (checkpoint.json["state"].contains(slot)) state.json = checkpoint.json["state"][slot];
  for (const auto& [name, tensor] : checkpoint.tensors) {
    if (name.starts_with(slot + "/")) state.tensors.set(name.substr(slot.size() + 1), tensor);
  }
  return state;
}

template <class Any>
std::optional<Any> restored(const Registry<Any>& registry, const Checkpoint& checkpoint, const std::string& slot) {
  std::optional<Any> made;
  const bool good = fuzz::accepts([&] {
    made = registry.make(checkpoint.json["slots"].value(slot, Json()), fuzz::registries());
    tally.count(slot + " made");
    made->load(state_of(checkpoint, slot));
    made->save();
  });
  if (!good) return std::nullopt;
  tally.count(slot + " restored");
  return made;
}

void go_on(AnyLearner& learner, AnyTrainingLoop& loop) {
  Values batch = fuzz::samples(learner.inputs());
  for (const std::string& name : learner.targets()) batch.set(name, torch::arange(2, torch::kFloat64).reshape({2, 1}));
  const TensorPool labeled(batch), none;
  TrainingContext context{.labeled = labeled, .validation = none, .round = 0, .random = RandomKey(1)};
  loop.train(LearnerRef(learner), context);
}

void restore(Checkpoint& checkpoint) {
  Json& json = checkpoint.json;
  if (!json.contains("slots") || !json["slots"].is_object()) return;
  if (!json.contains("state") || !json["state"].is_object()) return;
  fuzz::make_small(json["slots"]);
  const Registries& all = fuzz::registries();
  restored(all.query, checkpoint, "query");
  restored(all.metrology, checkpoint, "metrology");
  restored(all.label, checkpoint, "label");
  std::optional<AnyTrainingLoop> loop = restored(all.loop, checkpoint, "loop");
  std::optional<AnyLearner> learner = restored(all.learner, checkpoint, "learner");
  if (!learner) return;
  fuzz::accepts([&] {
    learner->predict(fuzz::samples(learner->inputs()));
    tally.count("predicted");
  });
  if (!loop || !fuzz::small_or_absurd(json["slots"]["learner"])) return;
  fuzz::accepts([&] {
    go_on(*learner, *loop);
    tally.count("trained");
  });
}

/// What a checkpoint's folder gives, which is in memory and goes away.
std::optional<Checkpoint> read_from_folder(const std::string& json, const std::string& tensors) {
  static const temporary::MemoryFolder folder;
  const fs::path newest = folder / "checkpoints" / "00000002";
  static const bool made = fs::create_directories(newest) && fs::create_directories(folder / "checkpoints" / "others");
  fuzz::require(made, "a folder in memory");
  assay::detail::write_file(newest / "checkpoint.json", json);
  assay::detail::write_file(newest / "state.safetensors", tensors);
  std::vector<std::string> damaged;
  std::optional<Checkpoint> found;
  if (!fuzz::accepts([&] { found = newest_checkpoint(folder.path(), damaged); })) return std::nullopt;
  fuzz::require(found.has_value() == damaged.empty(), "a checkpoint is there, or said to be damaged");
  return found;
}

/// The declarations under a prefix, without it.
std::string part_of(std::string_view declaration, const std::string& prefix) {
  const Json declared = fuzz::parse(declaration);
  Json part = Json::object();
  if (declared.is_object()) {
    for (const auto& [name, entry] : declared.items()) {
      if (name.starts_with(prefix)) part[name.substr(prefix.size())] = entry;
    }
  }
  return part.dump();
}

void read_as_export(const Json& json, const std::string& tensors) {
  static const temporary::MemoryFolder folder;
  if (!json.contains("slots") || !json["slots"].is_object() || !json["slots"].contains("learner")) return;
  if (!json.contains("state") || !json["state"].is_object() || !json["state"].contains("learner")) return;
  const Json exported{{"learner", json["slots"]["learner"]}, {"state", json["state"]["learner"]}};
  assay::detail::write_file(folder / "learner.json", exported.dump());
  assay::detail::write_file(folder / "learner.safetensors", tensors);
  if (fuzz::accepts([&] { load_learner(folder.path(), fuzz::registries()); })) tally.count("exports");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tally.count("runs");
  const std::vector<std::string_view> parts = fuzz::split(fuzz::text_of(data, size), 3);
  const std::string tensors = fuzz::safetensors_of(parts[1], parts[2]);
  Json json = fuzz::parse(parts[0]);
  std::string text(parts[0]);
  if (json.is_object()) {
    const Json::json_pointer stream("/state/loop/training/stream");
    if (json.contains(stream) && json[stream] == "*") json[stream] = RandomKey(1).bits();
    if (!json.contains("files")) json["files"] = {{"state.safetensors", assay::detail::sha256(tensors)}};
    if (!json.contains("sha256")) json["sha256"] = assay::detail::sha256(json.dump());
    text = json.dump();
  }
  std::optional<Checkpoint> checkpoint = read_from_folder(text, tensors);
  if (!checkpoint) return 0;
  tally.count("decoded");
  restore(*checkpoint);
  read_as_export(checkpoint->json, fuzz::safetensors_of(part_of(parts[1], "learner/"), parts[2]));
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  return fuzz::mutate_parts(data, size, most, seed, /*jsons=*/2, /*parts=*/3);
}
