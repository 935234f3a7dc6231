// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "digest.hpp"
#include "object_store.hpp"
#include "rows.hpp"
#include "sqlite.hpp"

#include <assay/storage.hpp>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace assay::store {

/// A sample that was chosen, on its way in.
struct NewSample {
  SampleRow row;
  std::string_view inputs;
};

/// A simulation that begins.
struct Start {
  std::int64_t id = -1;
  std::string directory;
  std::string handle = {};
};

/// How a simulation ended.
struct Ended {
  std::int64_t id = -1;
  std::int64_t attempt = 1;
  SampleState state = SampleState::done;  ///< of the sample from now on
  std::string_view outcome = "done";      ///< of the attempt
  double seconds = 0;
  std::optional<std::int64_t> exit_status = {};
  std::string_view reason = {};
  std::string_view output = {};
  std::optional<std::string_view> labels = {};   ///< tensors; for `done`
  std::optional<std::string_view> refused = {};  ///< tensors that came and could not be taken
  std::string_view solver = {};
};

/// In place of the digest of a round's file: it holds a label that was withdrawn, until it is written again.
inline constexpr std::string_view file_out_of_date = "out of date";

/// A label from elsewhere.
struct NewArchived {
  std::string fingerprint;
  std::string_view inputs;
  std::string_view labels;
  std::string source;
};

/// All of one sample.
struct WholeSample {
  SampleRow row;
  std::string inputs;
  std::optional<std::string> labels;
  std::vector<std::pair<AttemptRow, std::optional<std::string>>> attempts;  ///< each with what was refused
};

/// What a digest, or SQLite, finds wrong.
struct Damage {
  std::string what;
  std::optional<std::int64_t> sample = {};
};

/// The durable record of a campaign as rows of bytes, JSON and digests: a SQLite database with synchronous commits.
/// Tensors over `largest_inline` bytes stand in files of their own, named by their contents. Every row carries a
/// digest, which is compared whenever the row is read as a whole, and the campaign's row holds the sum of all of them,
/// which is compared when the store is opened for writing. Calls may come from any thread; changes that arrive while a
/// commit is under way share the next one.
///
/// Cost: one transaction (a sync of the disk) for a call that changes something, shared among threads; opening reads
/// all rows once. Errors: `CheckpointError` `assay.ledger` naming the file and SQLite's message; `assay.ledger.damaged`
/// naming the row.
class Store {
 public:
  static constexpr std::int64_t format = 3;
  static constexpr std::size_t largest_inline = 64 * 1024;

  static bool exists(const std::filesystem::path& file);
  static std::unique_ptr<Store> create(const std::filesystem::path& file, const std::filesystem::path& objects,
                                       const std::string& campaign_id, const std::string& configuration,
                                       std::int64_t behavior, Journal journal);
  static std::unique_ptr<Store> open(const std::filesystem::path& file, const std::filesystem::path& objects,
                                     Journal journal);
  static std::unique_ptr<Store> open_read_only(const std::filesystem::path& file, const std::filesystem::path& objects);
  /// The same without a look at the log.
  static std::unique_ptr<Store> open_damaged(const std::filesystem::path& file, const std::filesystem::path& objects);

  // store.cpp
  const std::filesystem::path& file() const noexcept { return database_.file(); }
  const std::string& campaign_id() const noexcept { return campaign_id_; }
  CampaignRow campaign() const;
  std::vector<SessionRow> sessions() const;
  const ObjectStore& objects() const noexcept { return objects_; }
  void set_guard(std::function<void()> guard) { guard_ = std::move(guard); }
  void copy_to(const std::filesystem::path& file) const;
  void sync();

  // verify.cpp
  /// Everything that SQLite or a digest finds wrong; at most `limit` lines. Cost: reads all rows.
  std::vector<Damage> damage(std::size_t limit = 1000) const;

  // changes.cpp
  void commit_batch(const RoundRow& round, std::span<const NewSample> samples);
  /// Marks samples as running, in one commit. \return the numbers of their attempts, in the same order.
  std::vector<std::int64_t> start(std::span<const Start> starts, Durable durable);
  void set_handle(std::int64_t id, std::int64_t attempt, const std::string& handle);
  /// That of the last attempt of each, in one commit.
  void set_handles(std::span<const std::int64_t> ids, const std::string& handle);
  void end(std::span<const Ended> ended);
  /// Moves samples that stand in one of the states `from`. \return how many there were.
  std::int64_t move(std::span<const std::int64_t> ids, std::span<const SampleState> from, SampleState to);
  /// Queues running samples again; their attempts were interrupted. \return how many there were.
  std::int64_t interrupt(std::span<const std::int64_t> ids);
  bool answer(std::int64_t id, const std::string& fingerprint);
  /// Takes labels back: they stay with their attempts, and the samples leave the order of integration.
  std::int64_t withdraw(std::span<const std::int64_t> ids, const std::string& reason, SampleState to);
  std::int64_t archive(std::span<const NewArchived> labels);
  /// Gives samples the next places in the order of integration. \param file SHA-256 of the file that says so too.
  void integrate(std::int64_t round, std::span<const std::int64_t> ids, const std::string& file);
  /// What the file of a round is, when it was written. \param labels that of its labels, not of its picks.
  void record_file(std::int64_t round, bool labels, const std::string& sha256);
  double record_seconds(std::int64_t round, double seconds);
  /// Puts back a round, and samples, as they were.
  void restore(const RoundRow& round, std::span<const WholeSample> samples);
  void restore_counters(std::int64_t sequence, std::int64_t next_place);

  // reading.cpp
  std::optional<RoundRow> round(std::int64_t round) const;
  std::vector<std::int64_t> rounds() const;
  std::optional<SampleRow> find(std::int64_t id) const;
  SampleRow sample(std::int64_t id) const;
  std::vector<SampleRow> samples() const;
  /// Of these ids, in their order.
  std::vector<SampleRow> samples(std::span<const std::int64_t> ids) const;
  std::vector<SampleRow> samples_of(std::int64_t round) const;
  /// Samples with their inputs, checked; what is shown lives until `use` returns.
  using LabeledUse =
      std::function<void(const SampleRow&, std::span<const std::byte> inputs, std::span<const std::byte> labels)>;
  using InputsUse = std::function<void(const SampleRow&, std::string_view inputs)>;
  void for_each_inputs(std::span<const std::int64_t> ids, const InputsUse& use) const;
  /// By rank.
  void for_each_inputs_of(std::int64_t round, const InputsUse& use) const;
  /// The first `limit` that are queued, by round and rank; without inputs that are in an object.
  void for_each_queued(std::int64_t limit,
                       const std::function<void(const SampleRow&, std::optional<std::string_view>)>& use) const;
  /// Grows whenever samples were put into the queue, or taken out of it by anything but their start or an answer.
  std::int64_t queue_changes() const noexcept { return queue_changes_; }
  /// The last attempt of each sample in a state, by id.
  std::vector<AttemptRow> last_attempts(SampleState state) const;
  /// Tensors of a sample, checked. Errors: `CheckpointError` for a sample without labels.
  std::string inputs(std::int64_t id) const;
  std::string labels(std::int64_t id) const;
  std::vector<std::pair<AttemptRow, std::optional<std::string>>> attempts(std::int64_t id) const;
  WholeSample whole(std::int64_t id) const;
  std::optional<ArchiveRow> archived(const std::string& fingerprint) const;
  /// \param unused only those whose inputs no sample has.
  /// With the bytes of its labels.
  std::optional<std::pair<ArchiveRow, std::string>> archived_labels(const std::string& fingerprint) const;
  void for_each_archived(
      bool unused,
      const std::function<void(const ArchiveRow&, std::string_view inputs, std::string_view labels)>& use) const;
  std::vector<std::pair<std::int64_t, double>> clock() const;
  /// Ids that a query gives; its parameters are `values`.
  template <class... Values>
  std::vector<std::int64_t> ids(const char* sql, const Values&... values) const {
    const std::lock_guard lock(mutex_);
    Statement rows = database_.prepare(sql);
    rows.all(values...);
    std::vector<std::int64_t> found;
    while (rows.next()) found.push_back(rows.integer(0));
    return found;
  }
  /// The integer that a query gives.
  template <class... Values>
  std::int64_t number(const char* sql, const Values&... values) const {
    const std::lock_guard lock(mutex_);
    Statement row = database_.prepare(sql);
    row.all(values...).next();
    return row.integer(0);
  }
  struct Tally {
    std::string purpose, state;
    std::int64_t count = 0;
  };
  std::vector<Tally> tally() const;
  /// As it was when round `round` had ended.
  std::vector<Tally> tally_after(std::int64_t round) const;
  /// Samples folded in until a round whose labels are copied or imported.
  std::int64_t answered_after(std::int64_t round) const;
  /// Samples in the order of integration, from place `first` to before `last`, with their tensors, checked.
  void for_each_integrated(std::int64_t first, std::int64_t last, const LabeledUse& use) const;
  /// These samples in their order, with their tensors, checked. Errors: `CheckpointError` for one without labels.
  void for_each_labeled(std::span<const std::int64_t> ids, const LabeledUse& use) const;
  std::vector<std::string> objects_in_use() const;
  /// The digest of the object file that holds a sample's labels, if they are in one.
  std::optional<std::string> label_object(std::int64_t id) const;

 private:
  Store(const std::filesystem::path& file, const std::filesystem::path& objects, bool writable)
      : database_(file, writable), objects_(objects) {}

  // store.cpp
  void use_journal(Journal journal);
  void require_ledger();
  void migrate();
  void seal_all();
  CampaignRow read_campaign(bool check) const;
  std::vector<Tally> read_tally() const;
  void write_campaign(const CampaignRow& row);
  [[noreturn]] void throw_damaged(const std::string& what) const;
  [[noreturn]] void throw_unknown(std::int64_t id) const;
  [[noreturn]] void throw_unlabeled(std::int64_t id) const;

  // group_commit.cpp
  struct Waiting {
    const std::function<void()>* change;
    Durable durable = Durable::now;
    std::exception_ptr error = {};
    bool ended = false;
  };
  /// Runs `change` in a transaction, which it shares with changes of other threads that wait at the same time, and
  /// counts it. It may run a second time, alone, where it shared a transaction that failed.
  void change(const std::function<void()>& change, Durable durable = Durable::now);
  void change_queue(const std::function<void()>& change);
  void commit(const std::vector<Waiting*>& group);
  void commit_all(const std::vector<Waiting*>& group);
  void sync_commits(Durable durable);

  // rows.cpp: with the database's lock held
  struct Column {
    std::string bytes;  ///< inline, or the name of an object
    bool object = false;
  };
  Column column_for(std::string_view tensors) const;
  static void bind(Statement& statement, int index, const Column& column);
  static void bind(Statement& statement, int index, const Digest& digest);
  static void bind(Statement& statement, int index, const std::optional<Digest>& digest);
  static void bind(Statement& statement, int index, Column&& column) = delete;  // see `Statement`
  static void bind(Statement& statement, int index, Digest&& digest) = delete;
  static void bind(Statement& statement, int index, std::optional<Digest>&& digest) = delete;
  /// A column's tensors, compared with `digest`.
  std::string tensors(const Statement& row, int column, const Digest& digest, const std::string& where) const;
  static void require_tensors(const Statement& row, int column, const Digest& digest, std::int64_t id);
  void show_inputs(const Statement& row, const InputsUse& use) const;
  void show_labeled(const Statement& row, const SampleRow& sample, const LabeledUse& use) const;
  SampleRow sample_from(const Statement& row, bool check = true) const;
  AttemptRow attempt_from(const Statement& row, bool check = true) const;
  RoundRow round_from(const Statement& row, bool check = true) const;
  ArchiveRow archive_from(const Statement& row, bool check = true) const;
  std::optional<SampleRow> sample_row(std::int64_t id) const;
  SampleRow known_row(std::int64_t id) const;
  std::optional<AttemptRow> attempt_row(std::int64_t id, std::int64_t attempt) const;
  void insert(const SampleRow& row, const Column& inputs, const std::optional<Column>& labels);
  void insert(const AttemptRow& row, const std::optional<Column>& refused);
  void insert(const RoundRow& row);
  void insert(const SessionRow& row);
  /// Writes what may change of a sample: all but what was chosen. \param before as it was read.
  void update(const SampleRow& before, const SampleRow& after);
  /// The same with new labels, of a sample that stays where it is in the order of integration.
  void update(const SampleRow& before, const SampleRow& after, const Column& labels);
  void exchange(const SampleRow& before, const SampleRow& after, const Digest& digest);
  void drop_labels(std::int64_t id);
  void update(const AttemptRow& before, const AttemptRow& after);
  void set_refused(std::int64_t id, std::int64_t attempt, const Column& refused);
  void update(const RoundRow& before, const RoundRow& after);
  /// Counts a row in, or out of, the sum over all of them.
  void add(const Digest& digest);
  void take_out(const Digest& digest);
  /// Counts samples of a purpose into, or out of, a state; or simulations.
  void count(std::string_view purpose, std::string_view state, std::int64_t more);
  void write_tally();
  void begin_session(const CampaignRow& campaign);
  void put_handle(std::int64_t id, std::int64_t attempt, const std::string& handle);
  void set_file(std::int64_t round, bool labels, const std::string& sha256);

  mutable std::mutex mutex_;  // of the database
  mutable Database database_;
  ObjectStore objects_;
  std::string campaign_id_;
  std::int64_t format_found_ = 0;
  std::function<void()> guard_;
  bool session_begun_ = false;

  // of the transaction under way
  Digest seal_change_{};
  std::int64_t row_change_ = 0;
  std::vector<Tally> tally_change_;
  std::int64_t next_place_ = 0;
  std::int64_t least_sequence_ = 0;
  std::int64_t synced_sequence_ = 0;  ///< changes that are certainly on the disk

  std::mutex group_mutex_;
  std::condition_variable group_ended_;
  std::vector<Waiting*> waiting_;
  bool committing_ = false;
  bool write_ahead_ = false;
  Durable mode_ = Durable::now;  // of the commits to come
  std::atomic<bool> unsynced_ = false;
  std::atomic<std::int64_t> queue_changes_ = 0;
};

/// UTC, ISO 8601.
std::string now();

}  // namespace assay::store
