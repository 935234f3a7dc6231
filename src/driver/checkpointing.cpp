// SPDX-License-Identifier: Apache-2.0
#include <assay/checkpoint.hpp>
#include <assay/detail/campaign.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>

#include <algorithm>
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
  MetricRecord record{json.at("round").get<std::int64_t>(), json.at("labels").get<std::int64_t>(), {}};
  for (const Json& m : json.at("measurements")) {
    record.measurements.push_back({m.at("name").get<std::string>(), number_from_json(m.at("value"))});
  }
  return record;
}

/// The configuration as it may not change: what decides which samples are picked and what is learned.
const std::vector<std::string> fixed_slots{"learner", "query", "metrology", "loop"};

}  // namespace

Json Campaign::configuration() const {
  Json configuration{{"driver", options_to_json(options_)}};
  for (const Slot& slot : slots_) configuration[slot.name] = slot.spec;
  return configuration;
}

void Campaign::write_metrics_lines() {
  std::string lines;
  for (const MetricRecord& record : records_) {
    Json line{{"round", record.round}, {"labels", record.labels}};
    for (const Measurement& m : record.measurements) line[m.name] = json_number(m.value);
    lines += line.dump() + "\n";
  }
  write_file(options_.dir / "metrics.jsonl", lines);
}

void Campaign::save_checkpoint() {
  Checkpoint checkpoint;
  checkpoint.number = ++checkpoint_number_;
  Json slots = Json::object(), states = Json::object();
  for (const Slot& slot : slots_) {
    State state = slot.save();
    slots[slot.name] = slot.spec;
    states[slot.name] = std::move(state.json);
    for (const auto& [name, tensor] : state.tensors) checkpoint.tensors.set(slot.name + "/" + name, tensor);
  }
  Json records = Json::array();
  for (const MetricRecord& record : records_) records.push_back(to_json(record));
  checkpoint.json = {{"campaign", ledger_->campaign_id()},
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
                     {"dropped", candidates_.size() - static_cast<std::int64_t>(live_.size())},
                     {"records", std::move(records)},
                     {"seconds", seconds_},
                     {"driver", options_to_json(options_)},
                     {"slots", std::move(slots)},
                     {"state", std::move(states)}};
  write_checkpoint(options_.dir, checkpoint, options_.keep_checkpoints);
}

void Campaign::check_unchanged(const Json& saved) const {
  std::vector<ErrorParts> problems;
  const auto compare = [&](const std::string& where, const Json& was, const Json& is) {
    if (was == is) return;
    problems.push_back(
        {.id = "assay.resume.changed",
         .where = where,
         .expected = was.dump() + ", as the campaign was started",
         .got = is.dump(),
         .advice = "these may change on resume: max_rounds, label_budget, stop, observers, final_training, "
                   "keep_checkpoints, checkpoint_every_epochs, skip_*, label"});
  };
  compare("/seed", saved.at("seed"), options_.seed);
  compare("/pools", saved.at("pools"), pools_digest_);
  for (const Slot& slot : slots_) {
    if (std::find(fixed_slots.begin(), fixed_slots.end(), slot.name) == fixed_slots.end()) continue;
    const Json& was = saved.at("slots").at(slot.name);
    if (!was.is_object() || was == slot.spec) continue;
    for (const auto& item : slot.spec.items()) {
      const auto before = was.find(item.key());
      compare("/" + slot.name + "/" + item.key(), before == was.end() ? Json() : *before, item.value());
    }
    for (const auto& item : was.items()) {
      if (!slot.spec.contains(item.key())) compare("/" + slot.name + "/" + item.key(), item.value(), Json());
    }
  }
  if (!problems.empty()) throw ConfigError(std::move(problems));
}

bool Campaign::restore() {
  std::vector<std::string> damaged;
  const std::optional<Checkpoint> found = newest_checkpoint(options_.dir, damaged);
  checkpoint_number_ = last_checkpoint_number(options_.dir);
  for (const std::string& fault : damaged) warn("passed over a damaged checkpoint: " + fault);
  if (!found) {
    // The ledger alone is enough: every committed batch and label is read from it as the rounds are gone through again.
    if (ledger_->sequence() > 0) warn("no intact checkpoint: going through the recorded rounds again, from the start");
    return false;
  }
  const Json& saved = found->json;
  const auto sequence = saved.at("ledger_sequence").get<std::int64_t>();
  if (sequence > ledger_->sequence() || saved.at("campaign") != ledger_->campaign_id()) {
    throw CheckpointError(
        {.id = "assay.checkpoint.ledger",
         .where = options_.dir.string(),
         .expected = "the ledger that belongs to the checkpoint, at entry " + std::to_string(sequence) + " or later",
         .got = "a ledger at entry " + std::to_string(ledger_->sequence()),
         .advice = "an older or another ledger.sqlite stands in the directory: put the right one back"});
  }
  check_unchanged(saved);
  const Json& position = saved.at("position");
  position_ = {.round = position.at("round").get<std::int64_t>(),
               .phase = phase_from_string(position.at("phase").get<std::string>()),
               .trained = position.at("trained").get<bool>(),
               .finished_by = position.at("finished_by").get<std::string>()};
  for (const Json& record : saved.at("records")) records_.push_back(record_from_json(record));
  seconds_ = saved.at("seconds").get<std::map<std::string, double>>();
  drop_labeled_candidates();
  restore_pools(saved.at("integrated").get<std::int64_t>());
  for (Slot& slot : slots_) {
    const auto json = saved.at("state").find(slot.name);
    if (json == saved.at("state").end()) continue;
    State state{.json = *json, .tensors = {}};
    const std::string prefix = slot.name + "/";
    for (const auto& [name, tensor] : found->tensors) {
      if (name.starts_with(prefix)) state.tensors.set(name.substr(prefix.size()), tensor);
    }
    slot.load(state);
  }
  const bool more_rounds = position_.finished_by == "max_rounds" && position_.round <= options_.max_rounds;
  const bool late_final = position_.finished_by == "max_rounds" && position_.phase == Phase::training &&
                          options_.final_training;
  if (more_rounds || late_final || position_.finished_by == "label_budget") position_.finished_by.clear();
  return true;
}

void Campaign::restore_pools(std::int64_t integrated) {
  std::vector<std::string> kept = learner_->inputs();
  for (const std::string& target : learner_->targets()) kept.push_back(target);
  for (const SampleId id : ledger_->integrated(0, integrated)) {
    Values values = ledger_->inputs(id);
    values.merge(ledger_->labels(id).without(values.names()));
    const Sample sample{id, values.pick(kept)};
    pool_of(ledger_->entry(id).purpose).append({&sample, 1});
    if (target_schema_.empty()) target_schema_ = schema_of_sample(values.pick(learner_->targets()));
  }
  integrated_ = integrated;
  const std::int64_t last = position_.round - (position_.phase > Phase::query ? 0 : 1);
  std::unordered_set<std::int64_t> picked;
  for (std::int64_t round = 1; round <= last; ++round) {
    const std::optional<CommittedBatch> batch = ledger_->batch(round);
    if (!batch) continue;
    for (const LedgerEntry& entry : batch->entries) picked.insert(entry.id - first_candidate_id_);
  }
  std::erase_if(live_, [&](std::int64_t row_in_pool) { return picked.contains(row_in_pool); });
}

}  // namespace assay::detail
