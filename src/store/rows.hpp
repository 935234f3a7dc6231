// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/sample_state.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// What the store holds: rows of bytes, JSON and digests. What the bytes of a tensor column mean is for those above to
// know.

namespace assay::store {

/// The first half of a SHA-256.
using Digest = std::array<std::byte, 16>;

/// A sample that was chosen. Its tensors are left out: they are read on their own, against the digests that stand here.
struct SampleRow {
  std::int64_t id = -1;
  std::int64_t round = 0;
  std::int64_t rank = 0;
  std::string purpose;
  std::string strategy;
  std::optional<double> score;
  std::string fingerprint;
  SampleState state = SampleState::queued;
  std::int64_t attempts = 0;
  std::optional<std::int64_t> integrated;     ///< place in the order of integration
  std::optional<std::int64_t> integrated_in;  ///< the round in which it was folded in
  Digest inputs{};
  std::optional<Digest> labels;
  Digest digest{};  ///< of all that, as it was found and compared; of a row that was read
};

/// One run of a simulation.
struct AttemptRow {
  std::int64_t id = -1;
  std::int64_t attempt = 1;
  std::string started;
  std::optional<double> seconds;
  std::string host;
  std::string outcome;
  std::optional<std::int64_t> exit_status;
  std::string reason;
  std::string output;
  std::string directory;
  std::string handle;
  std::string solver;
  std::optional<Digest> refused;
  Digest digest{};  ///< likewise
};

/// Whether its label was known already: no simulation was run.
inline bool is_answer(const AttemptRow& row) { return row.outcome == "copied" || row.outcome == "imported"; }

/// What one round chose with, and the files that say so too.
struct RoundRow {
  std::int64_t round = 0;
  std::string state_json;
  std::string state_tensors;
  std::string picks_file;   ///< SHA-256 of `labels/picks_NNNNNN.safetensors`; empty until it is known
  std::string labels_file;  ///< likewise of `labels/round_NNNNNN.safetensors`
};

/// A label from elsewhere.
struct ArchiveRow {
  std::string fingerprint;
  std::string source;
  Digest inputs{};
  Digest labels{};
};

/// A stretch of changes by one process: who has these at the front of its list has seen the same changes.
struct SessionRow {
  std::int64_t number = 0;
  std::string id;
  std::int64_t first = 0;  ///< number of changes before it
};

/// The campaign itself, with what must hold of all other rows together.
struct CampaignRow {
  std::string id;
  std::string configuration = "{}";
  std::int64_t behavior = 1;    ///< of the rules by which it chooses; 1 before this was recorded
  std::int64_t sequence = 0;    ///< changes so far
  std::int64_t next_place = 0;  ///< in the order of integration
  std::int64_t rows = 0;        ///< of all sealed tables
  Digest seal{};                ///< sum of their digests
};

}  // namespace assay::store
