// SPDX-License-Identifier: Apache-2.0
#pragma once

// The columns in the order in which rows are read from them.

namespace assay::store::sql {

#define ASSAY_SAMPLE_COLUMNS                                                                                    \
  "SELECT id, round, rank, purpose, strategy, score, fingerprint, state, attempts, integrated, integrated_in, " \
  "inputs_digest, labels_digest, digest"
#define ASSAY_ATTEMPT_COLUMNS                                                                                     \
  "SELECT id, attempt, started, seconds, host, outcome, exit_status, reason, output, directory, handle, solver, " \
  "refused_digest, digest"

inline constexpr const char* all_samples = ASSAY_SAMPLE_COLUMNS " FROM sample ORDER BY round, rank";
inline constexpr const char* sample_by_id = ASSAY_SAMPLE_COLUMNS " FROM sample WHERE id = ?";
inline constexpr const char* samples_of_round = ASSAY_SAMPLE_COLUMNS " FROM sample WHERE round = ? ORDER BY rank";
inline constexpr const char* queued_with_inputs = ASSAY_SAMPLE_COLUMNS
    ", inputs FROM sample WHERE state = 'queued' ORDER BY round, rank LIMIT ?";
inline constexpr const char* sample_with_inputs = ASSAY_SAMPLE_COLUMNS ", inputs FROM sample WHERE id = ?";
inline constexpr const char* inputs_of_round = ASSAY_SAMPLE_COLUMNS
    ", inputs FROM sample WHERE round = ? ORDER BY rank";
inline constexpr const char* samples_with_tensors = ASSAY_SAMPLE_COLUMNS ", inputs, labels FROM sample ORDER BY id";
inline constexpr const char* sample_with_tensors = ASSAY_SAMPLE_COLUMNS ", inputs, labels FROM sample WHERE id = ?";
inline constexpr const char* integrated_with_tensors = ASSAY_SAMPLE_COLUMNS
    ", inputs, labels FROM sample WHERE integrated >= ? AND integrated < ? ORDER BY integrated";
inline constexpr const char* attempt_by_number = ASSAY_ATTEMPT_COLUMNS " FROM attempt WHERE id = ? AND attempt = ?";
inline constexpr const char* running_attempts = ASSAY_ATTEMPT_COLUMNS
    " FROM attempt WHERE id = ? AND outcome = 'running'";
inline constexpr const char* last_attempts_in_state = ASSAY_ATTEMPT_COLUMNS
    " FROM attempt WHERE (id, attempt) IN (SELECT id, attempts FROM sample WHERE state = ?) ORDER BY id";
inline constexpr const char* attempts_of = ASSAY_ATTEMPT_COLUMNS ", refused FROM attempt WHERE id = ? ORDER BY attempt";
inline constexpr const char* all_attempts = ASSAY_ATTEMPT_COLUMNS ", refused FROM attempt ORDER BY id, attempt";
inline constexpr const char* all_rounds =
    "SELECT round, state_json, state_tensors, picks_file, labels_file, digest FROM round ORDER BY round";
inline constexpr const char* round_by_number =
    "SELECT round, state_json, state_tensors, picks_file, labels_file, digest FROM round WHERE round = ?";
inline constexpr const char* all_archived =
    "SELECT fingerprint, source, inputs_digest, labels_digest, digest, inputs, labels FROM archive ORDER BY "
    "fingerprint";
inline constexpr const char* unused_archived =
    "SELECT fingerprint, source, inputs_digest, labels_digest, digest, inputs, labels FROM archive WHERE NOT EXISTS "
    "(SELECT 1 FROM sample WHERE sample.fingerprint = archive.fingerprint) ORDER BY fingerprint";
inline constexpr const char* done_by_content =
    "SELECT id FROM sample INDEXED BY sample_by_content WHERE fingerprint = ? AND state = 'done' ORDER BY round, rank "
    "LIMIT 1";
inline constexpr const char* archived_by_content =
    "SELECT fingerprint, source, inputs_digest, labels_digest, digest, inputs, labels FROM archive WHERE fingerprint = "
    "?";
inline constexpr const char* all_sessions = "SELECT number, id, first, digest FROM session ORDER BY number";
inline constexpr const char* all_times = "SELECT round, seconds, digest FROM clock ORDER BY round";

#undef ASSAY_SAMPLE_COLUMNS
#undef ASSAY_ATTEMPT_COLUMNS

}  // namespace assay::store::sql
