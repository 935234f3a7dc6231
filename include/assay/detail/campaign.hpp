// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/random.hpp>
#include <assay/detail/campaign_lock.hpp>
#include <assay/detail/checkpoint_writer.hpp>
#include <assay/detail/sha256.hpp>
#include <assay/driver_options.hpp>
#include <assay/label/context.hpp>
#include <assay/learner/target_rule.hpp>
#include <assay/ledger.hpp>
#include <assay/metrology/context.hpp>
#include <assay/observer/json_log.hpp>
#include <assay/query/context.hpp>
#include <assay/query/selection.hpp>
#include <assay/training/context.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <set>
#include <span>
#include <unordered_map>
#include <unordered_set>

namespace assay::detail {

/// A component of the driver, as checkpoints see it.
struct Slot {
  std::string name;
  Json spec;
  std::function<State()> save;
  std::function<void(const State&)> load;
  std::function<void(Json&)> fill_spec;  ///< gives an earlier specification the options that it lacks
};

/// Where a campaign stands. Round 0 obtains the labels of the pools that came without; a round r >= 1 goes through
/// all phases.
struct Position {
  std::int64_t round = 1;
  Phase phase = Phase::training;
  bool trained = false;     ///< the learner has been trained: later trainings fine-tune
  std::string finished_by;  ///< why the campaign ended; empty while it goes on
};

/// Variance of every component of the floating-point targets over a pool; constant components count as one.
Values target_variance(const TensorPool& pool, const std::vector<std::string>& targets);

/// Everything of a driver that does not depend on the types in its slots: directory, ledger, pools, position,
/// records, checkpoints, and the queue of simulations. Each phase is given the one call that does.
class Campaign final : private LabelQueue {
 public:
  Campaign(DriverOptions options, Pools pools, const LearnerRef& learner, std::vector<std::string> provides,
           std::vector<Slot> slots);
  Campaign(const Campaign&) = delete;
  Campaign& operator=(const Campaign&) = delete;
  ~Campaign() override;

  bool finished() const noexcept { return !position_.finished_by.empty(); }
  /// By the program, or because the wall time is over.
  bool stop_requested() const override;
  void request_stop() noexcept { stop_requested_.store(true, std::memory_order_relaxed); }
  void stop_when(const std::atomic<bool>& flag) noexcept { host_stop_ = &flag; }
  /// True if a stop was requested, or nothing more fits into the wall time; all is on the disk then. A request counts
  /// once.
  bool must_stop();
  const Position& position() const noexcept { return position_; }
  /// True while simulations of this round or an earlier one are queued or running.
  bool waiting_for_labels() const;

  /// \name Phases
  /// Each one runs the phase the campaign stands at, writes a checkpoint, and moves on.
  /// @{
  void train(const std::function<TrainingReport(TrainingContext&)>& train);
  void measure(const std::function<Measurements(const MetrologyInputs&)>& measure);
  void query(const std::function<Selection(const QueryInputs&)>& select);
  void label(const std::function<void(LabelContext&)>& label);
  void finish_labeling();
  void integrate();
  /// @}

  std::vector<Sample> ask(std::int64_t count, Asked asked);
  void keep_asked(std::span<const SampleId> ids);
  std::vector<Sample> asked() const;
  bool tell(const Told& told);
  std::int64_t tell(std::span<const Told> outcomes);
  std::vector<TellResult> tell_each(std::span<const Told> outcomes);
  std::vector<int> attempts(std::span<const SampleId> ids) const;
  Schema target_schema() const;

  const TensorPool& labeled() const noexcept { return labeled_; }
  const TensorPool& validation() const noexcept { return validation_; }
  const TensorPool& test() const noexcept { return test_; }
  std::int64_t to_label_first() const noexcept { return static_cast<std::int64_t>(unlabeled_at_start_.size()); }
  PoolView unlabeled() const;
  const std::vector<MetricRecord>& records() const noexcept { return records_; }
  Counts counts() const { return ledger_->counts(); }
  const std::filesystem::path& dir() const noexcept { return options_.dir; }
  /// Counts, last metrics, seconds by phase, and how the campaign stands.
  Json report() const;

 private:
  /// A sample from the moment it is claimed until its outcome is in the ledger.
  struct Running {
    int attempt = 0;
    bool started = true;  ///< else it is reserved, and queued in the ledger
    std::chrono::steady_clock::time_point began;
    std::string fingerprint;
    bool told = false;                ///< its outcome is on the way into the ledger
    std::optional<double> seconds{};  ///< it took; else the time since it began
    std::string handle{};             ///< of an earlier process of this campaign, which started it

    double duration() const;
  };

  // pools.cpp
  void take_pools(Pools pools);
  TensorPool take_pool(AnyPool pool, Purpose purpose, std::string_view name);
  void take_candidates(AnyPool pool);
  bool equal_designs_are_one() const;
  void drop_known_candidates();
  std::unordered_set<std::int64_t> equal_candidates() const;
  void renew_candidates();
  std::unordered_set<std::string> known_contents() const;
  Sha256 digest_of_pools(std::string_view only = "") const;
  Json described_pools() const;
  TensorPool& pool_of(Purpose purpose);
  MetrologyInputs metrology_inputs() const;
  QueryInputs query_inputs() const;
  SimulationHistory simulation_history() const;

  // opening.cpp: the directory
  void open();
  void require_to_be_continued() const;
  bool open_ledger();
  void warn_of_unmeasured_tests();
  using Differs = std::function<void(const std::string& where, const Json& was, const Json& is)>;
  Json fixed_configuration() const;
  Json begun_configuration() const;
  void compare_pools(const Json& saved, const Differs& differs) const;
  Json filled(std::string_view slot_name, Json saved) const;
  void check_fixed(const Json& saved, std::string_view source) const;
  void agree_with_round_files();
  void set_aside_stale_checkpoints();

  // campaign.cpp
  void emit(Event event);
  void say(std::string text) { emit({.kind = Event::Kind::message, .text = std::move(text)}); }
  void warn(std::string text) { emit({.kind = Event::Kind::warning, .text = std::move(text)}); }
  void begin_phase();
  void end_phase(Phase next_phase, std::int64_t next_round);
  void finish(std::string reason);
  std::optional<std::string> reason_to_end();
  double add_phase_seconds();
  std::int64_t spent() const;
  void write_status() const;

  // checkpointing.cpp
  std::string records_text();
  void save_checkpoint();
  bool restore();
  void restore_position(const Json& saved);
  void require_known_to_ledger(const Json& saved) const;
  void restore_pools(std::int64_t integrated);
  void stack_pools(std::int64_t integrated, bool labels_may_differ);
  void reopen_labeling_before();
  void train_anew(std::int64_t taken_back);
  void restore_candidates();
  void restore_slots(const Checkpoint& checkpoint, bool trains_anew);
  void say_what_changed(const Json& saved);
  Json configuration() const;
  void write_metrics_lines() const;
  void record(MetricRecord record);

  // labeling.cpp: the queue
  std::optional<Job> next() override;
  std::vector<Job> reserve(std::int64_t count) override;
  std::vector<bool> tell(std::span<const Ended> ended) override;
  void set_handle(const Job& job, const std::string& handle) override;
  bool fits(std::chrono::duration<double> time_limit) override;
  std::vector<Job> unfinished() override;
  void give_back(const Job& job) override;
  void set_solver_version(const std::string& version) override;
  std::vector<QueuedSample> claim(std::int64_t count);
  void read_ahead(std::int64_t count);
  std::vector<Values> inputs_of(std::vector<QueuedSample>& claimed) const;
  std::vector<Job> jobs_of(std::vector<QueuedSample>& claimed);
  std::vector<Job> start(std::int64_t count, Durable durable, const std::string& handle = {});
  std::vector<SampleId> start_reserved(std::span<const SampleId> ids, Durable durable, const std::string& handle);
  void unclaim(std::span<const SampleId> ids);
  void queue_what_was_left();
  void have_started(std::span<const SampleId> ids);
  void know_left_fingerprints();
  std::string fingerprint_of_left(SampleId id);
  void release(std::span<const SampleId> ids);
  std::optional<std::string> refusal(SampleId id, const Values& labels);
  void learn_target_schema();
  void refuse_unusable(std::vector<LabeledSample>& samples);
  bool fits_targets(const Values& labels) const;
  void warn_of_left_out(const std::vector<SampleId>& ids);
  void warn_of_outliers(const std::vector<Sample>& samples);
  std::int64_t open_samples() const;
  void abandon_phase();
  std::int64_t take_stock_of_running();
  std::int64_t queue_left_again(bool asked_ones);
  void know_duration(const Job& job);
  std::string content_of(const Values& inputs) const;
  std::optional<TellResult::Kind> told_before(const Told& told);
  std::optional<TellResult::Kind> told_of_earlier_attempt(const Told& told);
  Running begin_telling(SampleId id);
  AttemptEnd ending_of(Told told);
  void say_ending(const AttemptEnd& ended);
  void take_back_telling(std::span<const SampleId> ids);
  void end_telling(std::span<const SampleId> ids, const std::function<void()>& write);
  void simulation_ended(Event::Kind kind, std::string text);

  // imported.cpp: labels that were paid for elsewhere, at inputs of their own
  void append_imported(std::vector<NewEntry>& entries);
  std::vector<ArchivedLabel> imported_elsewhere();
  void drop_near_imported(std::int64_t last_round);
  std::int64_t last_chosen_round() const;

  // phases.cpp
  std::vector<NewEntry> choose(const std::function<Selection(const QueryInputs&)>& select, const std::string& strategy);
  std::vector<NewEntry> entries_from(const Selection& selection, const std::string& strategy);
  Selection checked(Selection selection);
  std::vector<LabeledSample> to_integrate(bool& recorded);
  void measure_prequentially(const std::vector<Sample>& samples, const std::vector<LedgerEntry>& entries);

  DriverOptions options_;
  LearnerRef learner_;
  std::vector<TargetRule> rules_;
  std::vector<std::string> provides_;
  std::vector<Slot> slots_;
  RandomKey random_;

  Storage storage_ = Storage::local;
  std::optional<CampaignLock> lock_;
  std::optional<Ledger> ledger_;
  std::optional<JsonLog> log_;
  std::optional<CheckpointWriter> checkpoints_;

  TensorPool labeled_, validation_, test_;
  std::vector<std::pair<Purpose, Sample>> unlabeled_at_start_;  // pools that came without targets
  AnyPool candidates_;
  AnyPool fresh_;  // where candidates are drawn anew each round; an empty pool where not
  SampleId first_candidate_id_ = 0, first_fresh_id_ = 0;
  std::optional<std::int64_t> drawn_for_;  // round
  std::vector<std::int64_t> live_;         // rows of candidates_ still in play
  std::string pools_digest_;
  Schema target_schema_;

  Position position_;
  std::vector<MetricRecord> records_;
  std::vector<std::string> record_texts_;  // what the last checkpoint made of them
  std::int64_t checkpoint_number_ = 0;
  std::int64_t integrated_ = 0;            // the place after the last that the pools hold
  std::int64_t pooled_ = 0;                // how many of the places before it are filled
  std::map<std::string, double> seconds_;  // by phase, over all sessions
  std::chrono::steady_clock::time_point phase_began_;

  mutable std::mutex queue_mutex_;  // of running_, ahead_, target_schema_ and the counts of the phase
  std::unordered_map<SampleId, Running> running_;
  std::unordered_set<std::string> running_fingerprints_;
  std::map<SampleId, LedgerAttempt> left_;  // running in the ledger since before this process, and not lost
  std::string solver_version_;              // of the labels that are accepted
  std::unordered_map<SampleId, std::string> left_fingerprints_;  // of those in left_, once anybody claims
  std::list<QueuedSample> ahead_;  // the front of the queue, without what was taken from it
  std::int64_t ahead_as_of_ = -1;  // the ledger's `queue_changes` when that was read
  bool ahead_is_all_ = false;      // there was no more in the queue
  std::int64_t phase_total_ = 0;
  std::int64_t phase_ended_ = 0;

  std::mutex event_mutex_;
  std::atomic<bool> stop_requested_{false};
  std::atomic<const std::atomic<bool>*> host_stop_{nullptr};
  std::optional<std::chrono::time_point<std::chrono::steady_clock, std::chrono::duration<double>>> deadline_;
  std::atomic<bool> nothing_fits_{false};  // what waits takes longer than the time that is left
};

}  // namespace assay::detail
