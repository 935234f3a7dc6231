// SPDX-License-Identifier: Apache-2.0
// The files under `labels/`: what a round picked and what was labeled, each as JSON and a declaration of tensors (see
// `fuzz::safetensors_of`), then the tensors' data, between NUL bytes. The target seals them, and puts the fingerprint
// of a sample right where it says "*".
#include "../support/folder.hpp"
#include "fuzz.hpp"

#include <assay/data/safetensors.hpp>
#include <assay/detail/files.hpp>
#include <assay/detail/sha256.hpp>
#include <assay/round_files.hpp>

#include <algorithm>
#include <span>
#include <filesystem>

namespace {

using namespace assay;
namespace fs = std::filesystem;

fuzz::Tally tally("fuzz_round_files");

/// A campaign directory in memory that goes away.
struct Folder : temporary::MemoryFolder {
  Folder() { fs::create_directories(path() / "labels" / "objects"); }
};

Values read(const std::string& bytes) {
  Values tensors;
  fuzz::accepts([&] { tensors = from_safetensors(std::as_bytes(std::span(bytes)), "input"); });
  return tensors;
}

void put_fingerprints(Json& json, const Values& tensors) {
  if (!json.is_object() || !json.contains("entries") || !json["entries"].is_array()) return;
  std::int64_t place = 0;
  for (Json& entry : json["entries"]) {
    if (entry.is_object() && entry.value("fingerprint", Json()) == "*") {
      Values inputs;
      for (const auto& [name, tensor] : tensors) {
        if (!name.starts_with("inputs/") || tensor.dim() == 0 || tensor.size(0) <= place) continue;
        inputs.set(name.substr(7), tensor.select(0, place).clone());
      }
      entry["fingerprint"] = fingerprint(inputs);
    }
    ++place;
  }
}

std::string sealed(std::string_view json, std::string_view declaration, std::string_view data) {
  const Values tensors = read(fuzz::safetensors_of(declaration, data));
  Json content = fuzz::parse(json);
  put_fingerprints(content, tensors);
  const std::string text = content.is_discarded() ? std::string("?") : content.dump();
  std::map<std::string, torch::Tensor> by_name;
  for (const auto& [name, tensor] : tensors) by_name.emplace(name, tensor);
  Values sorted;
  for (const auto& [name, tensor] : by_name) sorted.set(name, tensor);
  return fuzz::safetensors_of(declaration, data,
                              {{"assay", text}, {"sha256", assay::detail::sha256(text + fingerprint(sorted))}});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tally.count("runs");
  static const Folder folder;
  const std::vector<std::string_view> parts = fuzz::split(fuzz::text_of(data, size), 5);
  assay::detail::write_file(folder / "labels" / "picks_000001.safetensors", sealed(parts[0], parts[1], parts[4]));
  assay::detail::write_file(folder / "labels" / "round_000001.safetensors", sealed(parts[2], parts[3], parts[4]));
  const RecordedRounds recorded = read_round_files(folder.path());  // throws nothing
  if (!recorded.rounds.empty()) tally.count("picks");
  if (recorded.problems.empty()) tally.count("accepted");
  for (const std::string& problem : recorded.problems) {
    fuzz::require(problem.find("[assay.") != std::string::npos, "every problem is one of assay's own words");
  }
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  return fuzz::mutate_parts(data, size, most, seed, /*jsons=*/4, /*parts=*/5);
}
