// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/label/context.hpp>
#include <assay/state.hpp>
#include <assay/stop/context.hpp>

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace assay {

/// Where a sample stands in the ledger.
enum class SampleState { queued, running, done, failed };

std::string_view to_string(SampleState state);

/// A sample that was chosen, as the ledger takes it.
struct NewEntry {
  SampleId id = -1;
  Purpose purpose = Purpose::training;
  std::int64_t rank = 0;  ///< in its batch, from 0
  std::optional<double> score;
  std::string strategy;
  Values inputs;
  std::string fingerprint;
};

/// A sample that was chosen, as the ledger gives it.
struct LedgerEntry {
  SampleId id = -1;
  Purpose purpose = Purpose::training;
  std::int64_t round = 0;
  std::int64_t rank = 0;
  std::optional<double> score;
  std::string strategy;
  std::string fingerprint;
  SampleState state = SampleState::queued;
  int attempts = 0;
};

/// One run of a simulation.
struct LedgerAttempt {
  int attempt = 1;
  std::string started = {};  ///< UTC, ISO 8601
  std::optional<double> seconds;
  std::string host;
  std::optional<int> exit_status;
  std::string outcome;  ///< "running", "done", "failed", "refused", "interrupted", or "copied" from a twin
  std::string reason;
  std::string output;
  std::string directory;
  std::string handle;
};

/// What one round chose, with the state of its query strategy after choosing.
struct CommittedBatch {
  std::vector<LedgerEntry> entries;  ///< by rank
  State strategy_state;
};

/// The durable record of every sample ever chosen and every simulation of it: a SQLite database, write-ahead log,
/// synchronous commits. What a call changes is on the disk when the call returns. Calls may come from any thread.
///
/// Cost: one transaction (a sync of the disk) for a call that changes something.
/// Errors: `CheckpointError` `assay.ledger` naming the file and SQLite's message.
class Ledger {
 public:
  static constexpr int format = 1;

  /// True if the file is a ledger whose creation was committed.
  static bool exists(const std::filesystem::path& file);
  static Ledger create(const std::filesystem::path& file, const std::string& campaign_id);
  /// Errors: `CheckpointError` `assay.ledger.format` for one that a newer assay wrote.
  static Ledger open(const std::filesystem::path& file);
  static Ledger open_read_only(const std::filesystem::path& file);

  Ledger(Ledger&&) noexcept;
  Ledger& operator=(Ledger&&) noexcept;
  ~Ledger();

  const std::string& campaign_id() const noexcept;
  /// Number of changes so far: grows by one with each.
  std::int64_t sequence() const;

  /// \name Choosing
  /// @{
  void commit_batch(std::int64_t round, std::span<const NewEntry> entries, const State& strategy_state);
  std::optional<CommittedBatch> batch(std::int64_t round) const;
  /// Ids of all samples chosen so far, by round and rank.
  std::vector<SampleId> picked() const;
  /// @}

  /// \name The queue
  /// @{
  /// The first `limit` queued samples, by round and rank.
  std::vector<SampleId> queued(std::int64_t limit) const;
  std::int64_t count(SampleState state) const;
  /// Marks a sample as running. \return the attempt's number, from 1.
  int start_attempt(SampleId id, const std::string& directory);
  void set_handle(SampleId id, int attempt, const std::string& handle);
  void complete(SampleId id, int attempt, const Values& labels, double seconds);
  /// \param refused labels that came but could not be taken, kept as they are.
  void fail(SampleId id, int attempt, const Failure& failure, double seconds, const Values* refused = nullptr);
  /// Queues again what a process that is gone was simulating. \return how many.
  std::int64_t interrupt_running();
  /// A sample with this content that has labels.
  std::optional<SampleId> find_done(const std::string& fingerprint) const;
  /// Gives a queued sample the labels of its twin `same`.
  void answer_from(SampleId id, SampleId same);
  /// @}

  /// \name Integration
  /// @{
  /// Records that samples were folded into their pools, in this order.
  void integrate(std::span<const SampleId> ids);
  /// Ids in the order they were folded in, from the `first`-th on. \param limit at most so many; -1: all.
  std::vector<SampleId> integrated(std::int64_t first, std::int64_t limit = -1) const;
  /// @}

  LedgerEntry entry(SampleId id) const;
  Values inputs(SampleId id) const;
  /// Errors: `CheckpointError` for a sample without labels.
  Values labels(SampleId id) const;
  std::vector<LedgerAttempt> attempts(SampleId id) const;
  /// Every sample ever chosen, by round and rank.
  std::vector<LedgerEntry> entries() const;
  Counts counts() const;

 private:
  struct Impl;
  explicit Ledger(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace assay
