// SPDX-License-Identifier: Apache-2.0
#include <assay/checkpoint.hpp>
#include <assay/detail/campaign.hpp>
#include <assay/detail/files.hpp>
#include <assay/detail/state_parts.hpp>
#include <assay/error.hpp>

#include "../data/row_stacker.hpp"
#include "../round_agreement.hpp"

#include <assay/data/safetensors.hpp>

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/version.h>

#include <algorithm>
#include <fstream>
#include <unordered_set>

namespace assay::detail {

namespace {

Json to_json(const MetricRecord& record) {
  Json measurements = Json::array();
  for (const Measurement& m : record.measurements) {
    measurements.push_back({{"name", m.name}, {"value", json_number(m.value)}});
  }
  return {{"round", record.round}, {"labels", record.labels}, {"measurements", std::move(measurements)}};
}

MetricRecord record_from_json(const Json& json) {
  MetricRecord record{
      integer_from_json<std::int64_t>(json.at("round")), integer_from_json<std::int64_t>(json.at("labels")), {}};
  for (const Json& m : json.at("measurements")) {
    record.measurements.push_back({m.at("name").get<std::string>(), number_from_json(m.at("value"))});
  }
  return record;
}

std::string processor_name() {
  std::ifstream cpus("/proc/cpuinfo");
  for (std::string line; std::getline(cpus, line);) {
    if (line.starts_with("model name")) return line.substr(std::min(line.size(), line.find(':') + 2));
  }
  return "unknown";
}

/// What results depend on beside the campaign itself.
Json machine() {
  static const std::string processor = processor_name();
  return {{"processor", processor},
          {"vector_instructions", at::get_cpu_capability()},
          {"threads", at::get_num_threads()},
          {"torch", TORCH_VERSION}};
}

std::string metrics_line(const MetricRecord& record) {
  Json line{{"round", record.round}, {"labels", record.labels}};
  for (const Measurement& m : record.measurements) line[m.name] = json_number(m.value);
  return line.dump();
}

/// Checkpoints of the first format hold no such part.
Json part(const Json& saved, const char* name) { return saved.value(name, Json::object()); }

}  // namespace

Json Campaign::configuration() const {
  Json configuration{{"driver", options_to_json(options_)}};
  for (const Slot& slot : slots_) {
    // Stop criteria and observers stand among the driver's options.
    if (!slot.name.starts_with("stop_") && !slot.name.starts_with("observer_")) configuration[slot.name] = slot.spec;
  }
  return configuration;
}

/// All lines anew: one may be torn by a kill, or tell of a round that is gone through again.
void Campaign::write_metrics_lines() const {
  std::string lines;
  for (const MetricRecord& record : records_) lines += metrics_line(record) + "\n";
  write_file(options_.dir / "metrics.jsonl", lines);
}

void Campaign::record(MetricRecord record) {
  if (!records_.empty() && records_.back().round == record.round) {
    // A round whose labels were taken back and computed anew is measured a second time.
    Measurements& there = records_.back().measurements;
    for (Measurement& m : record.measurements) {
      const auto before = std::find_if(there.begin(), there.end(),
                                       [&](const Measurement& b) { return b.name == m.name; });
      before == there.end() ? void(there.push_back(std::move(m))) : void(*before = std::move(m));
    }
    write_metrics_lines();
  } else {
    records_.push_back(std::move(record));
    AppendFile(options_.dir / "metrics.jsonl").append(metrics_line(records_.back()));
  }
}

/// As JSON. What earlier checkpoints made of them is kept, but for the last, which may have grown since.
std::string Campaign::records_text() {
  if (!record_texts_.empty()) record_texts_.pop_back();
  std::string text;
  for (std::size_t i = 0; i < records_.size(); ++i) {
    if (i == record_texts_.size()) record_texts_.push_back(to_json(records_[i]).dump());
    text += (i > 0 ? "," : "") + record_texts_[i];
  }
  return "[" + text + "]";
}

void Campaign::save_checkpoint() {
  lock_->check();
  ledger_->sync();  // no checkpoint may know of more than the ledger holds after a power cut
  Checkpoint checkpoint;
  checkpoint.number = ++checkpoint_number_;
  Json slots = Json::object(), states = Json::object();
  for (const Slot& slot : slots_) {
    State state = slot.save();
    slots[slot.name] = slot.spec;
    states[slot.name] = std::move(state.json);
    for (const auto& [name, tensor] : state.tensors) checkpoint.tensors.set(slot.name + "/" + name, tensor);
  }
  checkpoint.json = {{"campaign", ledger_->campaign_id()},
                     {"behavior", ledger_->behavior()},
                     {"ledger_sequence", ledger_->sequence()},
                     {"seed", options_.seed},
                     {"pools", pools_digest_},
                     {"position",
                      {{"round", position_.round},
                       {"phase", to_string(position_.phase)},
                       {"trained", position_.trained},
                       {"finished", finished()},
                       {"finished_by", position_.finished_by}}},
                     {"integrated", integrated_},
                     {"pooled", pooled_},
                     {"dropped", candidates_.size() - static_cast<std::int64_t>(live_.size())},
                     {"seconds", seconds_},
                     {"machine", machine()},
                     {"driver", options_to_json(options_)},
                     {"slots", std::move(slots)},
                     {"state", std::move(states)}};
  // A ledger on a local disk is copied back first: no checkpoint may know of more than the copy does.
  if (!options_.ledger_dir.empty()) ledger_->copy_to(lock_->ledger());
  checkpoints_->submit(encode(checkpoint, {{"records", records_text()}}));
  write_status();
}

void Campaign::say_what_changed(const Json& saved) {
  std::string changes;
  const auto compare = [&](const std::string& where, const Json& was, const Json& is) {
    changes += (changes.empty() ? "" : "; ") + where + ": " + was.dump() + " is now " + is.dump();
  };
  Json driver = options_to_json(options_), before = part(saved, "driver");
  fill_options(before, options_, DriverOptions{});
  for (const char* of_this_session : {"resume", "dir", "wall_time", "stop", "observers"}) {
    driver.erase(of_this_session);
    before.erase(of_this_session);
  }
  for_each_difference("/driver", before, driver, compare);
  const Json slots = part(saved, "slots");
  for (const Slot& slot : slots_) {
    if (slots.contains(slot.name))
      for_each_difference("/" + slot.name, filled(slot.name, slots.at(slot.name)), slot.spec, compare);
  }
  if (!changes.empty()) say("changed since the last session: " + changes);
  const Json was = part(saved, "machine"), is = machine();
  for (const auto& [name, value] : was.items()) {
    if (!is.contains(name) || is[name] == value) continue;
    warn("the campaign was run with " + name + " " + value.dump() + ", now it is " + is[name].dump() +
         ": results may differ from an uninterrupted run in their last digits");
  }
}

bool Campaign::restore() {
  std::vector<std::string> damaged;
  const std::optional<Checkpoint> found = newest_checkpoint(options_.dir, damaged);
  checkpoint_number_ = last_checkpoint_number(options_.dir);
  for (const std::string& fault : damaged) warn("passed over a damaged checkpoint: " + fault);
  learn_target_schema();
  if (!found) {
    // The ledger alone is enough: every committed batch and label is read from it as the rounds are gone through again.
    if (!ledger_->picked().empty())
      warn("no intact checkpoint: going through the recorded rounds again, from the start");
    return false;
  }
  const Json& saved = found->json;
  std::int64_t taken_back = 0;
  try {
    require_known_to_ledger(saved);
    Json fixed = part(saved, "slots");
    fixed["seed"] = saved.at("seed");
    fixed["pools"] = saved.at("pools");
    fixed["label_version"] = part(saved, "driver").value("label_version", "");
    check_fixed(fixed, "checkpoint");
    say_what_changed(saved);
    if (fresh_.size() == 0) drop_known_candidates();
    restore_position(saved);
    const auto integrated = integer_from_json<std::int64_t>(saved.at("integrated"));
    restore_pools(integrated);
    // Earlier versions knew of no label that was taken back: every place held one.
    const std::int64_t pooled = saved.contains("pooled") ? integer_from_json<std::int64_t>(saved.at("pooled"))
                                                         : integrated;
    taken_back = pooled - pooled_;
    if (taken_back > 0) train_anew(taken_back);
    restore_slots(*found, taken_back > 0);
  } catch (const Json::exception& error) {
    throw CheckpointError({"assay.checkpoint.damaged", options_.dir.string(), "a checkpoint's contents", error.what(),
                           "remove the newest folder under checkpoints/: the campaign goes on from the one before"});
  }
  if (finished()) {
    // Asked again: more rounds, another budget or other criteria may have been given since.
    position_.finished_by.clear();
    if (std::optional<std::string> reason = reason_to_end()) position_.finished_by = std::move(*reason);
  }
  if (finished() && (taken_back > 0 || ledger_->open_until(position_.round) > 0)) {
    say("samples were queued again, or labels taken back: the campaign's last labeling is open again");
    position_ = {
        .round = position_.round - 1, .phase = Phase::labeling, .trained = position_.trained, .finished_by = {}};
    std::erase_if(records_, [&](const MetricRecord& record) { return record.round > position_.round; });
  }
  reopen_labeling_before();
  restore_candidates();
  return true;
}

/// Where there is no sample to train on, those that were queued again are simulated first, and folded in.
void Campaign::reopen_labeling_before() {
  if (finished() || position_.round < 1 || position_.phase > Phase::query || !labeled_.empty()) return;
  if (ledger_->open_until(position_.round - 1) == 0 && ledger_->not_integrated().empty()) return;
  say("samples were queued again: the labeling of round " + std::to_string(position_.round - 1) + " is open again");
  position_ = {.round = position_.round - 1, .phase = Phase::labeling, .trained = position_.trained, .finished_by = {}};
  std::erase_if(records_, [&](const MetricRecord& record) { return record.round > position_.round; });
}

/// What the learner learned from labels that were taken back since is to be forgotten with them.
void Campaign::train_anew(std::int64_t taken_back) {
  say(std::to_string(taken_back) + " labels were taken back: the next training starts anew");
  position_.trained = false;
}

/// Errors: `CheckpointError` for a checkpoint that knows of more than the ledger does, or is of another campaign.
void Campaign::require_known_to_ledger(const Json& saved) const {
  if (const std::optional<std::string> unknown = unknown_to_ledger(saved, *ledger_)) {
    throw CheckpointError({.id = "assay.checkpoint.ledger",
                           .where = options_.dir.string(),
                           .expected = "the ledger that belongs to the newest checkpoint",
                           .got = "a ledger without " + *unknown,
                           .advice = "an older or another ledger.sqlite stands in the directory: put the right one "
                                     "back, or try 'assay check --repair'"});
  }
}

void Campaign::restore_position(const Json& saved) {
  const Json& position = saved.at("position");
  position_ = {.round = integer_from_json<std::int64_t>(position.at("round")),
               .phase = phase_from_string(position.at("phase").get<std::string>()),
               .trained = position.at("trained").get<bool>(),
               .finished_by = position.at("finished_by").get<std::string>()};
  for (const Json& record : saved.at("records")) records_.push_back(record_from_json(record));
  seconds_ = saved.at("seconds").get<std::map<std::string, double>>();
}

void Campaign::restore_slots(const Checkpoint& checkpoint, bool trains_anew) {
  const Json& states = checkpoint.json.at("state");
  const Json& specs = checkpoint.json.at("slots");
  for (Slot& slot : slots_) {
    const auto json = states.find(slot.name);
    if (json == states.end()) continue;
    // The state of other options does not fit, nor that of a training on other labels: it starts anew.
    if (slot.name == "loop" && (filled(slot.name, specs.at(slot.name)) != slot.spec || trains_anew)) continue;
    slot.load(part_of(checkpoint.tensors, *json, slot.name + "/"));
  }
}

void Campaign::restore_pools(std::int64_t integrated) {
  try {
    stack_pools(integrated, /*labels_may_differ=*/false);
  } catch (const ShapeError&) {
    // Folded in by a version that did not know yet, in another process, what labels have to be.
    stack_pools(integrated, /*labels_may_differ=*/true);
  }
  integrated_ = integrated;
}

/// Appends the first integrated samples to their pools; those whose labels do not fit are left out where such may be.
void Campaign::stack_pools(std::int64_t integrated, bool labels_may_differ) {
  struct Part {
    RowStacker inputs, targets;
    std::vector<SampleId> ids;
  };
  std::map<Purpose, Part> parts;
  std::vector<SampleId> left_out;
  pooled_ = 0;
  ledger_->for_each_integrated(0, integrated, [&](const IntegratedRow& row) {
    if (labels_may_differ && !fits_targets(from_safetensors(row.labels, "ledger, sample " + std::to_string(row.id)))) {
      left_out.push_back(row.id);
      ++pooled_;
      return;
    }
    const Purpose purpose = row.purpose == Purpose::initial ? Purpose::training : row.purpose;
    Part& part = parts
                     .try_emplace(purpose, Part{RowStacker(learner_->inputs(), integrated),
                                                RowStacker(learner_->targets(), integrated),
                                                {}})
                     .first->second;
    const std::string where = "ledger, sample " + std::to_string(row.id);
    part.inputs.add(row.inputs, where);
    part.targets.add(row.labels, where);
    part.ids.push_back(row.id);
    ++pooled_;
  });
  for (auto& [purpose, part] : parts) {
    Values batch = part.inputs.take();
    batch.merge(part.targets.take());
    pool_of(purpose).append(batch, part.ids);
  }
  warn_of_left_out(left_out);
}

/// Those that are still in play where the campaign stands.
void Campaign::restore_candidates() {
  renew_candidates();
  const std::int64_t last = last_chosen_round();
  drop_near_imported(last);
  if (last < 1) return;
  const std::vector<SampleId> ids = ledger_->picked(1, last);
  const std::unordered_set<SampleId> picked(ids.begin(), ids.end());
  std::erase_if(live_, [&](std::int64_t row) { return picked.contains(row + first_candidate_id_); });
}

}  // namespace assay::detail
