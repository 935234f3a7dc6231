// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/label/context.hpp>
#include <assay/sample_state.hpp>
#include <assay/state.hpp>
#include <assay/stop/context.hpp>
#include <assay/storage.hpp>

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace assay {

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
  std::optional<std::int64_t> integrated;     ///< place in the order of integration
  std::optional<std::int64_t> integrated_in;  ///< the round in which it was folded in
};

/// One run of a simulation.
struct LedgerAttempt {
  int attempt = 1;
  std::string started = {};  ///< UTC, ISO 8601
  std::optional<double> seconds;
  std::string host;
  std::optional<int> exit_status;
  std::string outcome;  ///< "running", "done", "failed", "infeasible", "refused", "interrupted", "withdrawn"; "copied",
                        ///< "imported": not simulated
  std::string reason;
  std::string output;
  std::string directory;
  std::string handle;
  std::string solver = {};             ///< the version that the label strategy told; empty if it told none
  std::optional<Values> refused = {};  ///< labels that came and could not be taken, or were taken back
};

/// What one round chose, with the state of its query strategy after choosing.
struct CommittedBatch {
  std::vector<LedgerEntry> entries;  ///< by rank
  State strategy_state;
};

/// A simulation that begins.
struct Start {
  SampleId id = -1;
  std::string directory;
  std::string handle = {};  ///< where it runs, if that is known already
};

/// How an attempt ended, on its way into the ledger.
struct AttemptEnd {
  SampleId id = -1;
  int attempt = 1;
  Outcome outcome;
  double seconds = 0;
  std::string solver = {};                       ///< the version of what computed the labels
  std::optional<Values> refused = std::nullopt;  ///< labels that came but could not be taken, kept as they are
};

/// A label that was paid for elsewhere: it answers every later sample of the same content.
struct ArchivedLabel {
  std::string fingerprint;  ///< of the inputs
  Values inputs;
  Values labels;
  std::string source;  ///< where it comes from, in words
};

/// A sample that waits to be simulated.
struct QueuedSample {
  LedgerEntry entry;
  std::optional<Values> inputs;  ///< nothing where they are so large that they are not read ahead
};

/// Everything the ledger knows of one sample: what the files of a round hold, and a ledger is rebuilt from.
struct SampleRecord {
  LedgerEntry entry;
  Values inputs;
  std::optional<Values> labels;
  std::vector<LedgerAttempt> attempts;
};

/// A sample that has labels.
struct LabeledSample {
  LedgerEntry entry;
  Values inputs;
  Values labels;
};

/// A sample in the order of integration, its tensors as the bytes of safetensors files.
struct IntegratedRow {
  SampleId id;
  Purpose purpose;
  std::span<const std::byte> inputs;
  std::span<const std::byte> labels;
};

/// SHA-256 of the files under `labels/` that say what the ledger says of a round; empty where that is not known.
struct RoundFileDigests {
  std::string picks;
  std::string labels;
};

/// How the changes of two copies of a ledger stand to each other.
enum class Lineage {
  same,      ///< the same changes
  ahead,     ///< all of the other's, and more
  behind,    ///< the other has all of these, and more
  diverged,  ///< each has changes that the other lacks
};

/// The durable record of every sample ever chosen and every simulation of it: a SQLite database with synchronous
/// commits. What a call changes is on the disk when the call returns, unless it says otherwise. Calls may come from any
/// thread; changes that arrive while a commit is under way share the next one.
///
/// Tensors stand in the database as safetensors; those over 64 KiB in files of their own beside it,
/// `labels/objects/SHA256.safetensors`, synced before the row that names them is committed.
///
/// Every row carries a digest, which is compared whenever the row is read as a whole, and the campaign's row holds the
/// sum of all of them, which is compared when the ledger is opened for writing: a flipped bit, a row that was edited,
/// is missing, or is that of another moment or campaign is an error, never another label.
///
/// Cost: one transaction (a sync of the disk) for a call that changes something, shared among threads; `open` reads all
/// rows once.
/// Errors: `CheckpointError` `assay.ledger` naming the file and SQLite's message, `assay.ledger.damaged` naming the
/// row, `assay.ledger.log` for a damaged write-ahead log.
class Ledger {
 public:
  static constexpr int format = 3;
  /// Of the rules by which a campaign chooses, as this version has them. Grows when a campaign would choose otherwise;
  /// before 3 every component of a target counted as one, now every target does; before 4 imported labels answered
  /// candidates alone.
  static constexpr std::int64_t current_behavior = 4;
  /// Tensors of a sample that need more bytes than this go to a file of their own.
  static constexpr std::size_t largest_inline = 64 * 1024;

  /// True if the file is a ledger whose creation was committed.
  static bool exists(const std::filesystem::path& file);
  /// \param objects folder for large tensors. \param configuration what may not change while the campaign lasts.
  static Ledger create(const std::filesystem::path& file, const std::string& campaign_id,
                       const std::filesystem::path& objects, const std::string& configuration = "{}",
                       Journal journal = Journal::write_ahead, std::int64_t behavior = current_behavior);
  /// Brings one of an older format up to this one. Errors: `CheckpointError` `assay.ledger.format` for a newer one.
  static Ledger open(const std::filesystem::path& file, const std::filesystem::path& objects,
                     Journal journal = Journal::write_ahead);
  /// Reads one of an older format from a copy in memory.
  static Ledger open_read_only(const std::filesystem::path& file, const std::filesystem::path& objects);
  /// The same for one with a damaged log, to save what can be saved: its last changes may be missing.
  static Ledger open_damaged(const std::filesystem::path& file, const std::filesystem::path& objects);

  Ledger(Ledger&&) noexcept;
  Ledger& operator=(Ledger&&) noexcept;
  ~Ledger();

  const std::string& campaign_id() const noexcept;
  /// As given to `create`; "{}" for a ledger that was begun before this was recorded.
  std::string configuration() const;
  /// Of the rules by which the campaign chooses; 1 for one that was begun before this was recorded.
  std::int64_t behavior() const;
  /// Number of changes so far: grows by one with each.
  std::int64_t sequence() const;
  /// Makes every change so far durable. Cost: nothing if they are, else a sync of the disk.
  void sync();
  /// Asked before every change and behind its commit; throws if this process may no longer write: then the change does
  /// not count, whether it stands in the file or not.
  void set_guard(std::function<void()> guard);
  /// Writes a consistent copy, durably, under a temporary name first.
  void copy_to(const std::filesystem::path& file) const;
  /// What SQLite or a digest finds wrong, a line each; empty if the ledger is as it was written. Cost: reads all rows.
  std::vector<std::string> problems() const;
  /// How the changes in this copy stand to those in another one of the same campaign.
  Lineage compared_with(const Ledger& other) const;

  /// \name Choosing
  /// @{
  void commit_batch(std::int64_t round, std::span<const NewEntry> entries, const State& strategy_state);
  std::optional<CommittedBatch> batch(std::int64_t round) const;
  /// Of that, the state of the query strategy alone.
  std::optional<State> strategy_state(std::int64_t round) const;
  /// What a round chose, by rank, with the inputs as the bytes of a safetensors file; they live until `use` returns.
  void for_each_pick(std::int64_t round,
                     const std::function<void(const LedgerEntry&, std::span<const std::byte> inputs)>& use) const;
  /// The last round that chose; -1 if there is none.
  std::int64_t last_round() const;
  /// Ids of all samples chosen in rounds `first` to `last`, by round and rank.
  std::vector<SampleId> picked(std::int64_t first = 0, std::int64_t last = -1) const;
  /// @}

  /// \name The queue
  /// @{
  /// The first `limit` queued samples, by round and rank.
  std::vector<QueuedSample> queue(std::int64_t limit) const;
  /// Grows whenever samples were put into the queue, or taken out of it by anything but their start or an answer: while
  /// it stays, what was read of the queue still stands in it, unless it was started or answered.
  std::int64_t queue_changes() const noexcept;
  std::int64_t count(SampleState state) const;
  /// Samples of rounds up to `round` that are queued or running.
  std::int64_t open_until(std::int64_t round) const;
  /// Marks a sample as running. \return the attempt's number, from 1.
  int start_attempt(SampleId id, const std::string& directory);
  /// Many in one commit. One that is `Durable::with_next` and lost is a sample that is queued again all the same; with
  /// a rollback journal there is no such thing.
  void start_attempts(std::span<const Start> starts, Durable durable = Durable::now);
  void set_handle(SampleId id, int attempt, const std::string& handle);
  /// That of the last attempt of each, in one commit.
  void set_handle(std::span<const SampleId> ids, const std::string& handle);
  /// Many in one commit.
  void end(std::span<const AttemptEnd> ended);
  void complete(SampleId id, int attempt, const Values& labels, double seconds);
  void fail(SampleId id, int attempt, Outcome outcome, double seconds, std::optional<Values> refused = std::nullopt);
  /// Queues running samples again whose simulation is gone. \return how many there were.
  std::int64_t interrupt(std::span<const SampleId> ids);
  /// Earlier attempts of a sample that failed or were refused.
  int failures(SampleId id) const;
  /// Answers a queued sample with labels of the same content, from this campaign or the archive, if there are any.
  /// \return whether there were.
  bool answer(SampleId id, const std::string& fingerprint);
  /// Puts failed, infeasible and abandoned samples back into the queue. \return how many there were.
  std::int64_t retry(std::span<const SampleId> ids);
  /// Gives up queued and failed samples, by a person's decision. \return how many there were.
  std::int64_t abandon(std::span<const SampleId> ids);
  /// Takes labels back: each stays with the attempt that gave it, whose outcome is "withdrawn", and the sample leaves
  /// the order of integration. \param to what becomes of the samples: `queued`, or `abandoned`. \return how many there
  /// were.
  std::int64_t withdraw(std::span<const SampleId> ids, const std::string& reason, SampleState to = SampleState::queued);
  /// @}

  /// \name The archive
  /// @{
  /// Adds labels from elsewhere. \return how many were new.
  std::int64_t add_to_archive(std::span<const ArchivedLabel> labels);
  std::int64_t archive_size() const;
  /// By fingerprint. \param unused only those whose inputs no sample has.
  std::vector<ArchivedLabel> archived_labels(bool unused = false) const;
  /// Labels that answer a sample of this content, with where they come from; nothing: there are none.
  struct Answer {
    Values labels;
    std::string source;
  };
  std::optional<Answer> answer_to(const std::string& fingerprint) const;
  /// Whether there is any label that could answer another sample.
  bool has_answers() const;
  /// Whether a sample of this content would be answered.
  bool can_answer(const std::string& fingerprint) const;
  /// @}

  /// \name Integration
  /// @{
  /// Samples with labels that are in no pool yet, by round and rank.
  std::vector<SampleId> not_integrated() const;
  /// Samples that were folded in in a round, in their order.
  std::vector<SampleId> integrated_in(std::int64_t round) const;
  /// Records that samples were folded into their pools, in this order. \param file SHA-256 of the round's label file.
  void integrate(std::int64_t round, std::span<const SampleId> ids, const std::string& file = {});
  /// Ids in the order they were folded in, from place `first` on. Places of labels that were withdrawn stay empty.
  std::vector<SampleId> integrated(std::int64_t first) const;
  /// The place that comes next: how many have been folded in, those that were withdrawn since with them.
  std::int64_t next_place() const;
  /// Samples in places `first` to before `last`, with their tensors: what is shown lives until `use` returns.
  void for_each_integrated(std::int64_t first, std::int64_t last,
                           const std::function<void(const IntegratedRow&)>& use) const;
  /// Remembers the file of a round's picks, or labels, by its SHA-256.
  void record_picks_file(std::int64_t round, const std::string& sha256);
  void record_labels_file(std::int64_t round, const std::string& sha256);
  RoundFileDigests round_files(std::int64_t round) const;
  /// Rounds whose files hold a label that was withdrawn, and have not been written since.
  std::vector<std::int64_t> rounds_out_of_date() const;
  /// @}

  /// Records the seconds worked until a round's decisions, once: later calls give what the first recorded, so that
  /// a decision that depends on time falls the same way again.
  double record_seconds(std::int64_t round, double seconds);

  LedgerEntry entry(SampleId id) const;
  /// The same, or nothing for a sample that was never chosen.
  std::optional<LedgerEntry> find(SampleId id) const;
  Values inputs(SampleId id) const;
  /// Of these samples, in their order: rows of common tensors where the samples are alike, which costs less.
  std::vector<Values> inputs(std::span<const SampleId> ids) const;
  /// Errors: `CheckpointError` for a sample without labels.
  Values labels(SampleId id) const;
  /// These samples, in their order, from one look at each. Errors: `CheckpointError` for one without labels.
  std::vector<LabeledSample> labeled(std::span<const SampleId> ids) const;
  std::vector<LedgerAttempt> attempts(SampleId id) const;
  /// The last attempt of each sample in a state, by id, without what was refused.
  std::vector<std::pair<SampleId, LedgerAttempt>> last_attempts(SampleState state) const;
  /// Every sample ever chosen, by round and rank.
  std::vector<LedgerEntry> entries() const;
  /// Of these samples, in their order.
  std::vector<LedgerEntry> entries(std::span<const SampleId> ids) const;
  /// Ids of the samples in a state, by round and rank.
  std::vector<SampleId> in_state(SampleState state, std::int64_t limit = -1) const;
  Counts counts() const;
  /// As they were when round `round` had ended and the next had not begun.
  Counts counts_after(std::int64_t round) const;
  /// Of the labels folded in until then: those that no simulation gave, but a copy or an import.
  std::int64_t answered_after(std::int64_t round) const;
  /// Digests of the object files that rows refer to.
  std::vector<std::string> objects_in_use() const;
  /// The digest of the object file that holds a sample's labels, if they are in one.
  std::optional<std::string> label_object(SampleId id) const;

  /// \name Rebuilding
  /// @{
  SampleRecord record(SampleId id) const;
  /// Puts back a round as it was: its state of the query strategy, and its samples with all they came to.
  void restore(std::int64_t round, const State& strategy_state, std::span<const SampleRecord> samples);
  /// Lets the number of changes be at least `sequence`, for the checkpoints that know of it, and the next place in the
  /// order of integration at least `next_place`.
  void restore_counters(std::int64_t sequence, std::int64_t next_place);
  /// Recorded times, by round.
  std::vector<std::pair<std::int64_t, double>> recorded_seconds() const;
  /// @}

 private:
  struct Impl;
  explicit Ledger(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace assay
