// SPDX-License-Identifier: Apache-2.0
// The files of one round under labels/, beside the ledger that they were written from, and a way to alter one of them
// so that its checksums hold.
#pragma once

#include "toy.hpp"

#include <assay/data/safetensors.hpp>
#include <assay/detail/files.hpp>
#include <assay/detail/sha256.hpp>
#include <assay/ledger.hpp>
#include <assay/round_files.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace round_records {

using namespace assay;

inline Values sorted(const Values& tensors) {
  std::map<std::string, torch::Tensor> by_name;
  for (const auto& [name, tensor] : tensors) by_name.emplace(name, tensor);
  Values ordered;
  for (const auto& [name, tensor] : by_name) ordered.set(name, tensor);
  return ordered;
}

/// A file under labels/: its JSON and tensors.
struct Sealed {
  std::filesystem::path file;
  Json json;
  Values tensors;

  explicit Sealed(std::filesystem::path path) : file(std::move(path)) {
    std::map<std::string, std::string> metadata;
    const std::string bytes = assay::detail::read_file(file);
    tensors = from_safetensors(std::as_bytes(std::span(bytes)), file.string(), &metadata);
    json = Json::parse(metadata.at("assay"));
  }
  /// With the checksum of what it holds, unless another is given.
  void write(std::string sum = "") const {
    const std::string text = json.dump();
    if (sum.empty()) sum = assay::detail::sha256(text + fingerprint(sorted(tensors)));
    write_safetensors(file, tensors, {{"assay", text}, {"sha256", sum}});
  }
};

/// Five samples of round 1, of which three are labeled (the second one's label is a large one, in a file of its own),
/// one failed twice, and one is infeasible.
struct Recorded {
  toy::Folder folder;
  std::filesystem::path picks = folder / "labels/picks_000001.safetensors";
  std::filesystem::path labels = folder / "labels/round_000001.safetensors";

  explicit Recorded(bool alike = true) {
    Ledger ledger = Ledger::create(folder / "ledger.sqlite", "id", objects_folder(folder.path()));
    std::vector<NewEntry> entries;
    for (std::int64_t i = 0; i < 5; ++i) {
      const Values inputs{{"x", 0.5 * static_cast<double>(i)}};
      entries.push_back({.id = 10 + i,
                         .rank = i,
                         .score = 1.0 * static_cast<double>(i),
                         .strategy = "s",
                         .inputs = inputs,
                         .fingerprint = fingerprint(inputs)});
    }
    ledger.commit_batch(1, entries, {});
    const auto label = [&](SampleId id, const Values& values) {
      ledger.complete(id, ledger.start_attempt(id, ""), values, 1.5);
    };
    label(10, {{"y", std::vector<double>{1.0, 2.0}}});
    label(11, {{"y", torch::full({20'000}, 7.0, torch::kFloat64)}});
    label(12, alike ? Values{{"y", std::vector<double>{3.0, 4.0}}} : Values{{"y", std::vector<double>{3.0}}});
    ledger.fail(13, ledger.start_attempt(13, ""), failed("first", /*retry=*/true), 1.0);
    ledger.fail(13, ledger.start_attempt(13, ""), failed("second"), 2.0);
    ledger.fail(14, ledger.start_attempt(14, ""), infeasible("cannot be"), 1.0);
    write_picks_file(folder.path(), ledger, 1);
    write_labels_file(folder.path(), ledger, 1, {10, 11, 12});
    ledger.integrate(1, std::vector<SampleId>{10, 11, 12});
  }

  std::vector<std::string> problems() const { return read_round_files(folder.path()).problems; }
};

inline std::string all_of(const std::vector<std::string>& problems) {
  std::string text;
  for (const std::string& problem : problems) text += problem + '\n';
  return text;
}

}  // namespace round_records
