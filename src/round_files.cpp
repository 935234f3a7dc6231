// SPDX-License-Identifier: Apache-2.0
#include "data/row_stacker.hpp"
#include "round_agreement.hpp"
#include "store/object_store.hpp"

#include <assay/data/safetensors.hpp>
#include <assay/data/schema.hpp>
#include <assay/detail/content.hpp>
#include <assay/detail/files.hpp>
#include <assay/detail/restoring.hpp>
#include <assay/detail/sha256.hpp>
#include <assay/error.hpp>
#include <assay/round_files.hpp>

#include <ATen/ops/empty.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <map>
#include <unordered_map>
#include <utility>

namespace assay {

namespace fs = std::filesystem;

namespace {

constexpr int format = 1;

std::string_view prefix_of(RoundKind kind) { return kind == RoundKind::picks ? "picks_" : "round_"; }

Values sorted(const Values& tensors) {
  std::map<std::string, torch::Tensor> by_name;
  for (const NamedTensor& entry : tensors) by_name.emplace(entry.name, entry.tensor);
  Values ordered;
  for (auto& [name, tensor] : by_name) ordered.set(name, std::move(tensor));
  return ordered;
}

std::string checksum(const std::string& json, const Values& tensors) {
  return detail::sha256(json + fingerprint(sorted(tensors)));
}

/// A header is at most 16 MiB, with every quotation mark in it escaped: a longer text stands in a tensor of its bytes.
constexpr std::size_t longest_in_header = std::size_t{1} << 20, longest_description = std::size_t{256} << 20;
constexpr const char* text_tensor = "assay.json";

std::string write_sealed(const fs::path& file, const Json& json, Values tensors) {
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > longest_description) {  // no reader would take it
    throw CheckpointError(
        {"assay.labels.size", file.string(),
         "at most " + std::to_string(longest_description) + " bytes that describe the round's samples",
         std::to_string(text.size()), "choose fewer samples a round"});
  }
  std::map<std::string, std::string> metadata{{"sha256", checksum(text, tensors)}};
  if (text.size() <= longest_in_header) {
    metadata["assay"] = text;
  } else {
    torch::Tensor bytes = at::empty({static_cast<std::int64_t>(text.size())}, torch::kUInt8);
    std::memcpy(bytes.mutable_data_ptr(), text.data(), text.size());
    tensors.set(text_tensor, std::move(bytes));
  }
  detail::require_no_link(file.parent_path());
  detail::make_directories_durably(file.parent_path());
  const std::string bytes = to_safetensors(tensors, metadata);
  detail::replace_file_durably(file, bytes);
  return detail::sha256(bytes);
}

std::pair<Json, Values> read_sealed(const fs::path& file) {
  const std::string bytes = detail::read_own_file(file);
  std::map<std::string, std::string> metadata;
  Values tensors = from_safetensors(std::as_bytes(std::span(bytes)), file.string(), &metadata);
  std::string text = metadata["assay"];
  if (const torch::Tensor* found = tensors.find(text_tensor); found && found->scalar_type() == torch::kUInt8) {
    text.assign(static_cast<const char*>(found->const_data_ptr()), found->nbytes());
    tensors = tensors.without({text_tensor});
  }
  if (metadata["sha256"] != checksum(text, tensors)) {
    throw CheckpointError(
        {"assay.labels.damaged", file.string(), "contents that match their checksum", "altered contents", ""});
  }
  Json json = parse_json(text, file.string(), longest_description);
  if (json.at("format") != format) {
    throw CheckpointError({"assay.labels.format", file.string(), "format 1", json.at("format").dump(),
                           "it was written by a newer assay: use that version"});
  }
  return {std::move(json), std::move(tensors)};
}

/// Puts samples' tensors side by side where they are alike, else each under its own number.
void put_rows(Values& tensors, const std::string& prefix, const std::vector<std::pair<std::size_t, Values>>& rows) {
  const bool alike = std::all_of(rows.begin(), rows.end(), [&](const auto& row) {
    return schema_of_sample(row.second) == schema_of_sample(rows.front().second);
  });
  if (alike && !rows.empty()) {
    std::vector<Values> samples;
    for (const auto& row : rows) samples.push_back(row.second);
    for (const NamedTensor& entry : stack(samples)) tensors.set(prefix + "/" + entry.name, entry.tensor);
    return;
  }
  for (const auto& [number, values] : rows) {
    for (const NamedTensor& entry : values) {
      tensors.set(prefix + "_" + std::to_string(number) + "/" + entry.name, entry.tensor);
    }
  }
}

/// Tensors by what stands before the first '/' of their names.
using Groups = std::map<std::string, Values>;

Groups groups_of(const Values& tensors) {
  Groups groups;
  for (const NamedTensor& entry : tensors) {
    const std::size_t slash = entry.name.find('/');
    if (slash != std::string::npos) groups[entry.name.substr(0, slash)].set(entry.name.substr(slash + 1), entry.tensor);
  }
  return groups;
}

Values under(const Groups& groups, const std::string& prefix) {
  const auto found = groups.find(prefix);
  return found == groups.end() ? Values() : found->second;
}

/// The inverse of `put_rows` for row `place` of those that were put, which had number `number`.
Values get_row(const Groups& groups, const std::string& prefix, std::int64_t place, std::size_t number) {
  if (const auto all = groups.find(prefix); all != groups.end()) return row(all->second, place);
  return under(groups, prefix + "_" + std::to_string(number));
}

template <class T>
Json optional_json(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

template <class T>
std::optional<T> optional_from(const Json& json) {
  if (json.is_null()) return std::nullopt;
  if constexpr (std::integral<T>) {
    return integer_from_json<T>(json);
  } else {
    return json.get<T>();
  }
}

Json to_json(const LedgerAttempt& a) {
  return {{"attempt", a.attempt}, {"started", a.started}, {"seconds", optional_json(a.seconds)},
          {"host", a.host},       {"outcome", a.outcome}, {"exit_status", optional_json(a.exit_status)},
          {"reason", a.reason},   {"output", a.output},   {"directory", a.directory},
          {"handle", a.handle},   {"solver", a.solver}};
}

LedgerAttempt attempt_from(const Json& json) {
  return {.attempt = integer_from_json<int>(json.at("attempt")),
          .started = json.at("started").get<std::string>(),
          .seconds = optional_from<double>(json.at("seconds")),
          .host = json.at("host").get<std::string>(),
          .exit_status = optional_from<int>(json.at("exit_status")),
          .outcome = json.at("outcome").get<std::string>(),
          .reason = json.at("reason").get<std::string>(),
          .output = json.at("output").get<std::string>(),
          .directory = json.at("directory").get<std::string>(),
          .handle = json.at("handle").get<std::string>(),
          .solver = json.value("solver", "")};
}

Json attempts_json(const Ledger& ledger, SampleId id) {
  Json attempts = Json::array();
  for (const LedgerAttempt& attempt : ledger.attempts(id)) attempts.push_back(to_json(attempt));
  return attempts;
}

RecordedRounds::Round picks_from(const Json& json, const Values& tensors) {
  RecordedRounds::Round round{
      .round = integer_from_json<std::int64_t>(json.at("round")), .strategy_state = {}, .samples = {}};
  round.strategy_state.json = json.at("state");
  const Groups groups = groups_of(tensors);
  const std::string label_version = json.value("label_version", "");
  round.strategy_state.tensors = under(groups, "state");
  for (const Json& entry : json.at("entries")) {
    const auto number = round.samples.size();
    SampleRecord sample;
    sample.entry = {.id = integer_from_json<SampleId>(entry.at("id")),
                    .purpose = purpose_from_string(entry.at("purpose").get<std::string>()),
                    .round = round.round,
                    .rank = integer_from_json<std::int64_t>(entry.at("rank")),
                    .score = optional_from<double>(entry.at("score")),
                    .strategy = entry.at("strategy").get<std::string>(),
                    .fingerprint = entry.at("fingerprint").get<std::string>()};
    sample.inputs = get_row(groups, "inputs", static_cast<std::int64_t>(number), number);
    if (detail::content_of(sample.inputs, label_version) != sample.entry.fingerprint) {
      throw DataError({"assay.labels.damaged", "sample " + std::to_string(sample.entry.id),
                       "inputs that match their fingerprint", "others", ""});
    }
    round.samples.push_back(std::move(sample));
  }
  return round;
}

/// A label whose sample is not known.
ArchivedLabel unclaimed_label(const Json& item, std::optional<Values> labels, const fs::path& file) {
  const auto id = item.at("id").get<SampleId>();
  if (!item.contains("fingerprint")) {
    throw CheckpointError({"assay.labels.sample", file.string(), "samples that a file of picks names",
                           "sample " + std::to_string(id), "put back the file of its picks"});
  }
  return {.fingerprint = item.at("fingerprint").get<std::string>(),
          .inputs = {},
          .labels = std::move(labels.value()),
          .source = file.filename().string() + ", sample " + std::to_string(id)};
}

void take_labels(const Json& json, const Values& tensors, const fs::path& file, const store::ObjectStore& objects,
                 const std::unordered_map<SampleId, SampleRecord*>& samples, std::vector<ArchivedLabel>& unclaimed) {
  std::int64_t place = 0;
  std::size_t number = 0;
  const Groups groups = groups_of(tensors);
  for (const Json& item : json.at("samples")) {
    const auto known = samples.find(integer_from_json<SampleId>(item.at("id")));
    SampleRecord unknown;
    SampleRecord& sample = known == samples.end() ? unknown : *known->second;
    sample.attempts.clear();  // a later file knows of more: the sample was tried again
    for (const Json& attempt : item.at("attempts")) sample.attempts.push_back(attempt_from(attempt));
    sample.entry.attempts = static_cast<int>(sample.attempts.size());
    if (item.at("state") == "done") {
      sample.entry.state = SampleState::done;
      sample.entry.integrated = integer_from_json<std::int64_t>(item.at("integrated"));
      sample.entry.integrated_in = integer_from_json<std::int64_t>(json.at("round"));
      if (const auto digest = optional_from<std::string>(item.at("object"))) {
        const std::string bytes = objects.get(*digest);
        sample.labels = from_safetensors(std::as_bytes(std::span(bytes)), *digest);
      } else {
        sample.labels = get_row(groups, "labels", place++, number);
      }
    } else {
      sample.entry.state = sample_state_from_string(item.at("state").get<std::string>());
    }
    if (known == samples.end() && sample.labels)
      unclaimed.push_back(unclaimed_label(item, std::move(sample.labels), file));
    ++number;
  }
}

}  // namespace

fs::path round_file(const fs::path& campaign, RoundKind kind, std::int64_t round) {
  char number[32];
  std::snprintf(number, sizeof number, "%06lld", static_cast<long long>(round));
  return campaign / "labels" / (std::string(prefix_of(kind)) + number + ".safetensors");
}

std::vector<std::int64_t> rounds_on_disk(const fs::path& campaign, RoundKind kind) {
  detail::require_no_link(campaign / "labels");
  const std::string_view prefix = prefix_of(kind);
  std::vector<std::int64_t> rounds;
  std::error_code none;  // no folder: no files
  for (const fs::directory_entry& entry : fs::directory_iterator(campaign / "labels", none)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix) || !name.ends_with(".safetensors")) continue;
    std::int64_t round = 0;
    const auto [end, error] = std::from_chars(name.data() + prefix.size(), name.data() + name.size(), round);
    if (error == std::errc() && std::string_view(end) == ".safetensors" && round >= 0) rounds.push_back(round);
  }
  std::sort(rounds.begin(), rounds.end());
  return rounds;
}

std::string write_picks_file(const fs::path& campaign, const Ledger& ledger, std::int64_t round) {
  const fs::path file = round_file(campaign, RoundKind::picks, round);
  const std::optional<State> strategy_state = ledger.strategy_state(round);
  if (!strategy_state) {
    throw CheckpointError(
        {"assay.ledger.round", file.string(), "a round that the ledger holds", std::to_string(round), ""});
  }
  Json entries = Json::array();
  detail::RunStacker runs;
  ledger.for_each_pick(round, [&](const LedgerEntry& entry, std::span<const std::byte> inputs) {
    entries.push_back({{"id", entry.id},
                       {"purpose", to_string(entry.purpose)},
                       {"rank", entry.rank},
                       {"score", optional_json(entry.score)},
                       {"strategy", entry.strategy},
                       {"fingerprint", entry.fingerprint}});
    runs.add(inputs, "ledger, sample " + std::to_string(entry.id));
  });
  Values tensors;
  if (const std::vector<Values> alike = runs.take(); alike.size() == 1) {
    for (const NamedTensor& entry : alike.front()) tensors.set("inputs/" + entry.name, entry.tensor);
  } else {
    std::vector<std::pair<std::size_t, Values>> inputs;
    for (Values& values : detail::rows_of(alike)) inputs.emplace_back(inputs.size(), std::move(values));
    put_rows(tensors, "inputs", inputs);
  }
  for (const NamedTensor& entry : strategy_state->tensors) tensors.set("state/" + entry.name, entry.tensor);
  return write_sealed(file,
                      {{"format", format},
                       {"campaign", ledger.campaign_id()},
                       {"behavior", ledger.behavior()},
                       {"round", round},
                       {"label_version", detail::label_version_of(ledger)},
                       {"entries", std::move(entries)},
                       {"state", strategy_state->json}},
                      tensors);
}

std::string write_labels_file(const fs::path& campaign, const Ledger& ledger, std::int64_t round,
                              const std::vector<SampleId>& added) {
  std::vector<SampleId> ids = ledger.integrated_in(round);
  ids.insert(ids.end(), added.begin(), added.end());
  std::int64_t next = ledger.next_place();
  Json samples = Json::array();
  std::vector<std::pair<std::size_t, Values>> labels;
  for (const SampleId id : ids) {
    const std::optional<std::string> object = ledger.label_object(id);
    if (!object) labels.emplace_back(samples.size(), ledger.labels(id));
    const LedgerEntry entry = ledger.entry(id);
    const std::optional<std::int64_t> place = entry.integrated;
    samples.push_back({{"id", id},
                       {"fingerprint", entry.fingerprint},
                       {"state", "done"},
                       {"integrated", place ? *place : next++},
                       {"object", optional_json(object)},
                       {"attempts", attempts_json(ledger, id)}});
  }
  if (const std::optional<CommittedBatch> batch = ledger.batch(round)) {
    for (const LedgerEntry& entry : batch->entries) {
      const bool waits = entry.state == SampleState::queued || entry.state == SampleState::abandoned;
      const bool is_told = entry.state == SampleState::failed || entry.state == SampleState::infeasible ||
                           (waits && detail::was_withdrawn(ledger.attempts(entry.id)));
      if (!is_told) continue;
      samples.push_back(
          {{"id", entry.id}, {"state", to_string(entry.state)}, {"attempts", attempts_json(ledger, entry.id)}});
    }
  }
  Values tensors;
  put_rows(tensors, "labels", labels);
  return write_sealed(
      round_file(campaign, RoundKind::labels, round),
      {{"format", format}, {"campaign", ledger.campaign_id()}, {"round", round}, {"samples", std::move(samples)}},
      tensors);
}

RecordedRounds read_round_files(const fs::path& campaign) {
  RecordedRounds recorded;
  const auto read = [&](RoundKind kind, const auto& use) {
    std::vector<std::int64_t> rounds;
    try {
      rounds = rounds_on_disk(campaign, kind);
    } catch (const CheckpointError& error) {
      recorded.problems.push_back(error.what());
    }
    for (const std::int64_t round : rounds) {
      const fs::path file = round_file(campaign, kind, round);
      try {
        detail::restoring(file.string(), [&] {
          const auto [json, tensors] = read_sealed(file);
          const auto id = json.at("campaign").template get<std::string>();
          if (recorded.campaign_id.empty()) recorded.campaign_id = id;
          if (id != recorded.campaign_id) {
            throw CheckpointError({"assay.labels.campaign", file.string(), "campaign " + recorded.campaign_id, id, ""});
          }
          if (json.at("round") != round) {
            throw CheckpointError({"assay.labels.round", file.string(), "the file of round " + std::to_string(round),
                                   "that of round " + json.at("round").dump(), "it was renamed"});
          }
          use(json, tensors, file);
        });
      } catch (const std::exception& error) {
        recorded.problems.push_back(file.string() + ": " + error.what());
      }
    }
  };
  read(RoundKind::picks, [&](const Json& json, const Values& tensors, const fs::path&) {
    recorded.rounds.push_back(picks_from(json, tensors));
    if (json.contains("behavior")) recorded.behavior = integer_from_json<std::int64_t>(json.at("behavior"));
  });
  std::unordered_map<SampleId, SampleRecord*> samples;
  for (RecordedRounds::Round& round : recorded.rounds) {
    for (SampleRecord& sample : round.samples) samples.emplace(sample.entry.id, &sample);
  }
  const store::ObjectStore objects(objects_folder(campaign));
  read(RoundKind::labels, [&](const Json& json, const Values& tensors, const fs::path& file) {
    take_labels(json, tensors, file, objects, samples, recorded.unclaimed);
  });
  return recorded;
}

bool has_round_files(const fs::path& campaign) {
  return !rounds_on_disk(campaign, RoundKind::picks).empty() || !rounds_on_disk(campaign, RoundKind::labels).empty();
}

}  // namespace assay
