// SPDX-License-Identifier: Apache-2.0
// How a campaign directory is opened: for a campaign that begins, or one that goes on.
#include "../detail/current_ledger.hpp"
#include "../detail/host_libraries.hpp"
#include "../store/hardening.hpp"
#include "../round_agreement.hpp"

#include <assay/detail/campaign.hpp>
#include <assay/detail/file_system.hpp>
#include <assay/detail/files.hpp>
#include <assay/detail/guest.hpp>
#include <assay/detail/sha256.hpp>
#include <assay/error.hpp>
#include <assay/metrology/no_metrology.hpp>
#include <assay/round_files.hpp>

#include <algorithm>
#include <cstdio>
#include <random>

namespace assay::detail {

namespace fs = std::filesystem;

namespace {

std::string new_campaign_id() {
  std::random_device device;
  char text[17];
  std::snprintf(text, sizeof text, "%08x%08x", device(), device());
  return text;
}

/// Where the ledger of a campaign lies in a local folder of its own.
fs::path local_ledger(const fs::path& folder, const fs::path& campaign) {
  const fs::path place = fs::weakly_canonical(fs::absolute(campaign));
  return folder / (place.filename().string() + "-" + sha256(place.string()).substr(0, 12) + ".sqlite");
}

/// A ledger of a campaign that stood at this path before: what was paid for there is not thrown away.
void set_aside_local(const fs::path& local) {
  fs::path aside;
  for (int i = 1; aside.empty() || fs::exists(aside); ++i)
    aside = local.parent_path() / (local.stem().string() + ".replaced_" + std::to_string(i) + ".sqlite");
  for (const char* suffix : {"-wal", "-shm", "-journal", ""}) {
    if (fs::exists(local.string() + suffix)) replace_durably(local.string() + suffix, aside.string() + suffix);
  }
}

/// Copies the ledger of the campaign to the local disk, unless what is there has all of its changes.
/// Errors: `CheckpointError` `assay.ledger.diverged` where each has changes that the other lacks.
void bring_to_local(const fs::path& copy, const fs::path& local, const fs::path& objects) {
  if (!Ledger::exists(copy)) return;
  const Ledger from = Ledger::open_read_only(copy, objects);
  if (Ledger::exists(local)) {
    const Ledger there = Ledger::open_read_only(local, objects);
    if (there.campaign_id() != from.campaign_id()) {
      set_aside_local(local);
    } else if (const Lineage lineage = there.compared_with(from); lineage == Lineage::diverged) {
      throw CheckpointError(
          {"assay.ledger.diverged", local.string(),
           "a ledger with the changes of " + copy.string() + ", or one that all its changes went into",
           "one that was changed apart from it, as by 'assay retry' after a kill",
           "keep one and move the other into a directory of its own, as ledger.sqlite: 'assay import' "
           "brings its labels in"});
    } else if (lineage != Lineage::behind) {
      return;
    }
  }
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) remove_all(local.string() + suffix);
  from.copy_to(local);
}

}  // namespace

void Campaign::open() {
  const GuestScope guest;
  store::require_own_files(current_ledger(options_.dir));
  storage_ = storage_of(options_.dir, options_.storage);
  // Where there may be a ledger, the lock comes first: what a ledger holds is read by who may bring it in order.
  if (std::error_code none; fs::file_size(current_ledger(options_.dir), none) > 0 && !none) {
    lock_.emplace(options_.dir, storage_);
  }
  const bool exists = lock_ && Ledger::exists(lock_->ledger());
  if (exists) require_to_be_continued();
  if (!exists && has_round_files(options_.dir)) {
    throw CheckpointError({.id = "assay.ledger.missing",
                           .where = options_.dir.string(),
                           .expected = "a ledger beside the labels that were paid for",
                           .got = "labels/ without ledger.sqlite",
                           .advice = "rebuild it with 'assay check --repair', or choose another directory"});
  }
  if (!exists && options_.resume == Resume::required) {
    throw CheckpointError({.id = "assay.campaign.missing",
                           .where = options_.dir.string(),
                           .expected = "a directory that holds a campaign",
                           .got = "none (there is no ledger.sqlite)",
                           .advice = "start it with Resume::if_present, or check the path"});
  }
  if (!exists && options_.label_budget &&
      static_cast<std::int64_t>(unlabeled_at_start_.size()) > *options_.label_budget) {
    throw ConfigError({"assay.driver.budget", "/driver/label_budget",
                       "at least the " + std::to_string(unlabeled_at_start_.size()) +
                           " samples of the pools that come without labels",
                       std::to_string(*options_.label_budget), "raise it, or give smaller pools"});
  }
  make_directories_durably(options_.dir);
  if (!lock_) {
    storage_ = storage_of(options_.dir, options_.storage);
    lock_.emplace(options_.dir, storage_);
  }
  const bool ledger_was_there = open_ledger();
  if (ledger_was_there) require_to_be_continued();
  if (ledger_->behavior() < 3) {
    learner_->count_components();
    rules_ = learner_->target_rules();
  }
  checkpoints_.emplace(options_.dir, options_.keep_checkpoints, [this] { lock_->check(); });
  log_.emplace(options_.dir / "log.jsonl", ledger_->campaign_id());
  bool continued = false;
  if (ledger_was_there) {
    check_fixed(parse_json(ledger_->configuration(), lock_->ledger().string()), "ledger");
    agree_with_round_files();
    const std::int64_t interrupted = take_stock_of_running();
    continued = restore();
    if (interrupted > 0) warn(std::to_string(interrupted) + " interrupted simulations are queued again");
  } else {
    set_aside_stale_checkpoints();
  }
  if (!continued) {
    if (!unlabeled_at_start_.empty()) position_ = {.round = 0, .phase = Phase::query, .finished_by = {}};
    fresh_.size() > 0 ? renew_candidates() : drop_known_candidates();
  }
  if (!continued) warn_of_unmeasured_tests();
  if (const std::optional<std::string> replaced = replaced_blas()) warn(*replaced);
  if (options_.duplicates == Duplicates::replicate && ledger_->archive_size() > 0)
    warn(std::to_string(ledger_->archive_size()) +
         " imported labels are not used: with duplicates \"replicate\" each sample has a simulation of its own");
  phase_began_ = std::chrono::steady_clock::now();
  if (!left_.empty()) say(std::to_string(left_.size()) + " simulations were left running");
  write_metrics_lines();
  emit({.kind = Event::Kind::campaign_started,
        .text = continued ? "continued: " + std::to_string(labeled_.size()) + " labeled samples, " +
                                std::to_string(live_.size()) + " candidates"
                          : "started: " + std::to_string(labeled_.size()) + " labeled samples, " +
                                std::to_string(unlabeled_at_start_.size()) + " to label first, " +
                                std::to_string(live_.size()) + " candidates"});
}

void Campaign::warn_of_unmeasured_tests() {
  const auto paid = std::count_if(unlabeled_at_start_.begin(), unlabeled_at_start_.end(),
                                  [](const auto& start) { return start.first == Purpose::test; });
  const bool measured = std::any_of(slots_.begin(), slots_.end(), [](const Slot& slot) {
    return slot.name == "metrology" && key_of(slot.spec) != NoMetrology::key;
  });
  if (paid > 0 && !measured && !options_.skip_metrology)
    warn(std::to_string(paid) +
         " samples of the test pool are simulated and never measured: give a metrology strategy, "
         "as rmse");
}

void Campaign::require_to_be_continued() const {
  if (options_.resume != Resume::never) return;
  throw CheckpointError({.id = "assay.campaign.exists",
                         .where = options_.dir.string(),
                         .expected = "a directory without a campaign",
                         .got = "one that holds a campaign",
                         .advice = "continue it (--resume, Resume::if_present) or choose another directory"});
}

/// \return whether the ledger was there.
bool Campaign::open_ledger() {
  const fs::path copy = lock_->ledger(), objects = objects_folder(options_.dir);
  fs::path file = copy;
  Journal journal = storage_ == Storage::shared ? Journal::rollback : Journal::write_ahead;
  if (!options_.ledger_dir.empty()) {
    make_directories_durably(options_.ledger_dir);
    file = local_ledger(options_.ledger_dir, options_.dir);
    journal = Journal::write_ahead;
    bring_to_local(copy, file, objects);
    if (!Ledger::exists(copy) && fs::exists(file)) set_aside_local(file);
  }
  const bool there = Ledger::exists(file);
  if (there) {
    ledger_.emplace(Ledger::open(file, objects, journal));
  } else {
    write_file_durably(options_.dir / "campaign.json", configuration().dump(2) + "\n");
    ledger_.emplace(Ledger::create(file, new_campaign_id(), objects, begun_configuration().dump(), journal));
    if (file != copy) ledger_->copy_to(copy);
  }
  ledger_->set_guard([this] { lock_->check(); });
  return there;
}

Json Campaign::fixed_configuration() const {
  Json fixed{{"seed", options_.seed}, {"pools", pools_digest_}, {"label_version", options_.label_version}};
  for (const Slot& slot : slots_) {
    if (slot.name == "learner" || slot.name == "query") fixed[slot.name] = slot.spec;
  }
  return fixed;
}

/// The same as it is kept from the start, with what tells apart later which pool has changed.
Json Campaign::begun_configuration() const {
  Json begun = fixed_configuration();
  begun["each_pool"] = described_pools();
  return begun;
}

/// Names the pools that are others than `saved` says; "/pools" for a campaign that was begun before each was recorded.
void Campaign::compare_pools(const Json& saved, const Differs& differs) const {
  const Json was = saved.value("each_pool", Json::object());
  bool told = false;
  if (was.is_object() && !was.empty()) {
    const Json now = described_pools();
    for (const auto& [name, is] : now.items()) {
      const Json before = was.value(name, Json());
      if (before == is) continue;
      const Json samples = before.is_object() ? before.value("samples", Json()) : Json();
      const bool as_many = samples == is.at("samples");
      differs("/pools/" + name, samples.dump() + " samples",
              as_many ? "as many, with other values" : is.at("samples").dump() + " samples");
      told = true;
    }
  }
  if (!told) differs("/pools", saved.at("pools"), pools_digest_);
}

/// What an earlier session wrote about a slot, with the options that were unknown then.
Json Campaign::filled(std::string_view slot_name, Json saved) const {
  for (const Slot& slot : slots_) {
    if (slot.name == slot_name) slot.fill_spec(saved);
  }
  return saved;
}

void Campaign::check_fixed(const Json& saved, std::string_view source) const {
  std::vector<ErrorParts> problems;
  const Differs compare = [&](const std::string& where, const Json& was, const Json& is) {
    problems.push_back(
        {.id = "assay.resume.changed",
         .where = where,
         .expected = was.dump() + ", as the campaign was started (" + std::string(source) + ")",
         .got = is.dump(),
         .advice =
             "seed, pools, label_version, learner and query may not change on resume; all else may: max_rounds, "
             "label_budget, wall_time, stop, observers, final_training, keep_checkpoints, "
             "checkpoint_every_epochs, skip_*, storage, ledger_dir, scratch, duplicates, label, metrology, loop"});
  };
  const Json now = fixed_configuration();
  for (const auto& [part, is] : now.items()) {
    if (part == "pools" && saved.contains(part)) {
      if (saved.at(part) != is) compare_pools(saved, compare);
    } else if (saved.contains(part)) {
      for_each_difference("/" + part, filled(part, saved.at(part)), is, compare);
    } else if (part == "label_version" && is != "") {
      // A campaign that was begun before this was recorded had none.
      compare("/driver/label_version", "", is);
    }
  }
  if (!problems.empty()) throw ConfigError(std::move(problems));
}

/// Errors: `CheckpointError` `assay.ledger.older` where labels/ holds what the ledger does not.
void Campaign::agree_with_round_files() {
  const RoundAgreement agreement = compare_round_files(options_.dir, *ledger_);
  if (!agreement.more.empty()) {
    throw CheckpointError({"assay.ledger.older", options_.dir.string(), "a ledger that knows of everything in labels/",
                           agreement.more.front() + (agreement.more.size() > 1 ? ", and more" : ""),
                           "an older or another ledger.sqlite stands in the directory: put the right one back, or let "
                           "'assay check --repair' bring in what labels/ holds"});
  }
  for (const std::string& stale : agreement.stale) warn(stale + ": written again from the ledger");
  write_round_files(options_.dir, *ledger_, agreement.to_write);
}

void Campaign::set_aside_stale_checkpoints() {
  const fs::path stale = options_.dir / "checkpoints";
  if (!fs::exists(stale)) return;
  fs::path aside;
  for (int i = 1; aside.empty() || fs::exists(aside); ++i) {
    aside = options_.dir / ("checkpoints_without_ledger_" + std::to_string(i));
  }
  rename_durably(stale, aside);
  warn("checkpoints without a ledger belong to no campaign: they are in " + aside.string() + " now");
}

}  // namespace assay::detail
