// SPDX-License-Identifier: Apache-2.0
#include "campaign_files.hpp"

#include <assay/checkpoint.hpp>
#include <assay/error.hpp>
#include <assay/tools/labels.hpp>

#include <ATen/ops/equal.h>

#include <algorithm>

namespace assay {

namespace fs = std::filesystem;

namespace {

std::optional<std::string> differing_picks(const Ledger& a, const Ledger& b) {
  const std::vector<SampleId> ids_a = a.picked(), ids_b = b.picked();
  for (std::size_t i = 0; i < std::max(ids_a.size(), ids_b.size()); ++i) {
    const std::string place = "pick " + std::to_string(i + 1);
    if (i >= ids_a.size()) return place + ": none, sample " + std::to_string(ids_b[i]);
    if (i >= ids_b.size()) return place + ": sample " + std::to_string(ids_a[i]) + ", none";
    if (ids_a[i] != ids_b[i]) {
      return place + " (round " + std::to_string(a.entry(ids_a[i]).round) + "): sample " + std::to_string(ids_a[i]) +
             ", sample " + std::to_string(ids_b[i]);
    }
    if (a.entry(ids_a[i]).fingerprint != b.entry(ids_b[i]).fingerprint) {
      return place + ": sample " + std::to_string(ids_a[i]) + " has other inputs";
    }
  }
  return std::nullopt;
}

std::optional<std::string> differing_labels(const Ledger& a, const Ledger& b) {
  const std::vector<SampleId> ids_a = a.integrated(0), ids_b = b.integrated(0);
  for (std::size_t i = 0; i < std::max(ids_a.size(), ids_b.size()); ++i) {
    const std::string place = "label " + std::to_string(i + 1);
    if (i >= ids_a.size()) return place + ": none, that of sample " + std::to_string(ids_b[i]);
    if (i >= ids_b.size()) return place + ": that of sample " + std::to_string(ids_a[i]) + ", none";
    if (ids_a[i] != ids_b[i]) {
      return place + ": of sample " + std::to_string(ids_a[i]) + ", of sample " + std::to_string(ids_b[i]);
    }
    if (fingerprint(a.labels(ids_a[i])) != fingerprint(b.labels(ids_b[i]))) {
      return place + ": other values for sample " + std::to_string(ids_a[i]);
    }
  }
  return std::nullopt;
}

Checkpoint checkpoint_of(const fs::path& campaign) {
  std::vector<std::string> damaged;
  std::optional<Checkpoint> found = newest_checkpoint(campaign, damaged);
  if (found) return *std::move(found);
  throw CheckpointError({"assay.checkpoint.missing", campaign.string(), "an intact checkpoint",
                         damaged.empty() ? "none" : damaged.front(), ""});
}

}  // namespace

std::optional<std::string> first_difference(const fs::path& a, const fs::path& b) {
  const Ledger ledger_a = tools::open_to_read(a), ledger_b = tools::open_to_read(b);
  if (auto difference = differing_picks(ledger_a, ledger_b)) return difference;
  if (auto difference = differing_labels(ledger_a, ledger_b)) return difference;
  const Checkpoint at_a = checkpoint_of(a), at_b = checkpoint_of(b);
  const Json records_a = at_a.json.value("records", Json()), records_b = at_b.json.value("records", Json());
  for (std::size_t i = 0; i < std::max(records_a.size(), records_b.size()); ++i) {
    const auto record = [i](const Json& all) { return all.is_array() && i < all.size() ? all[i] : Json(); };
    const Json of_a = record(records_a), of_b = record(records_b);
    if (of_a != of_b) return "metrics " + std::to_string(i + 1) + ": " + of_a.dump() + ", " + of_b.dump();
  }
  for (const NamedTensor& entry : at_a.tensors) {
    if (!entry.name.starts_with("learner/")) continue;
    const torch::Tensor* other = at_b.tensors.find(entry.name);
    if (!other) return "parameter " + entry.name + ": only in the first";
    if (other->sizes() != entry.tensor.sizes() || other->scalar_type() != entry.tensor.scalar_type() ||
        !at::equal(entry.tensor, *other)) {
      return "parameter " + entry.name;
    }
  }
  return std::nullopt;
}

}  // namespace assay
