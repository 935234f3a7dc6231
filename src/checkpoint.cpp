// SPDX-License-Identifier: Apache-2.0
#include <assay/checkpoint.hpp>
#include <assay/data/safetensors.hpp>
#include <assay/detail/files.hpp>
#include <assay/detail/sha256.hpp>
#include <assay/error.hpp>
#include <assay/options.hpp>

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace assay {

namespace fs = std::filesystem;

namespace {

constexpr const char* json_name = "checkpoint.json";
constexpr const char* tensors_name = "state.safetensors";

[[noreturn]] void fail(const fs::path& where, std::string expected, std::string got, std::string advice = {}) {
  throw CheckpointError(
      {"assay.checkpoint.damaged", where.string(), std::move(expected), std::move(got), std::move(advice)});
}

std::optional<std::int64_t> number_of(const fs::path& folder) {
  const std::string name = folder.filename().string();
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size() || number < 1) return std::nullopt;
  return number;
}

/// The checkpoint folders of a campaign, newest first.
std::vector<std::pair<std::int64_t, fs::path>> folders_of(const fs::path& campaign) {
  std::vector<std::pair<std::int64_t, fs::path>> folders;
  std::error_code ignored;  // no folder: no checkpoints
  for (const fs::directory_entry& entry : fs::directory_iterator(campaign / "checkpoints", ignored)) {
    if (const auto number = number_of(entry.path())) folders.emplace_back(*number, entry.path());
  }
  std::sort(folders.rbegin(), folders.rend());
  return folders;
}

std::string digest_of(std::string_view bytes) {
  detail::Sha256 digest;
  digest.update(bytes);
  return digest.hex();
}

}  // namespace

void write_checkpoint(const fs::path& campaign, const Checkpoint& checkpoint, std::int64_t keep) {
  const fs::path root = campaign / "checkpoints";
  detail::make_directories_durably(root);
  char name[32];
  std::snprintf(name, sizeof name, "%08lld", static_cast<long long>(checkpoint.number));
  const fs::path temporary = root / (std::string("writing_") + name), folder = root / name;
  fs::remove_all(temporary);
  fs::remove_all(folder);
  fs::create_directory(temporary);

  const std::string tensors = to_safetensors(checkpoint.tensors);
  const std::string digest = digest_of(tensors);
  Json json = checkpoint.json;
  json["format"] = Checkpoint::format;
  json["files"] = {{tensors_name, digest}};
  const auto older = folders_of(campaign);
  bool linked = false;
  if (!older.empty()) {
    // Phases that do not touch the learner leave the tensors as they were: share the file that is already durable.
    std::error_code failed;
    try {
      if (detail::read_file(older.front().second / tensors_name) == tensors) {
        fs::create_hard_link(older.front().second / tensors_name, temporary / tensors_name, failed);
        linked = !failed;
      }
    } catch (const std::exception&) {
      linked = false;  // the older one cannot be read: write our own
    }
  }
  if (!linked) detail::write_file_durably(temporary / tensors_name, tensors);
  json["sha256"] = digest_of(json.dump());
  detail::write_file_durably(temporary / json_name, json.dump(1) + "\n");
  detail::rename_durably(temporary, folder);
  for (std::size_t i = static_cast<std::size_t>(std::max<std::int64_t>(0, keep - 1)); i < older.size(); ++i) {
    fs::remove_all(older[i].second);
  }
}

Checkpoint read_checkpoint(const fs::path& folder) {
  const fs::path json_path = folder / json_name, tensors_path = folder / tensors_name;
  Checkpoint checkpoint;
  checkpoint.number = number_of(folder).value_or(0);
  checkpoint.json = parse_json(detail::read_file(json_path), json_path.string());
  if (!checkpoint.json.is_object() || !checkpoint.json.contains("sha256") || !checkpoint.json.contains("files")) {
    fail(json_path, "an object with 'sha256' and 'files'", "something else");
  }
  // The checksum is that of the object without it, in the canonical form that `dump` gives.
  const Json sum = std::move(checkpoint.json["sha256"]);
  checkpoint.json.erase("sha256");
  if (sum != digest_of(checkpoint.json.dump()))
    fail(json_path, "contents that match their checksum", "altered contents");
  const Json format = checkpoint.json.value("format", Json());
  if (!format.is_number_integer() || format.get<std::int64_t>() > Checkpoint::format) {
    throw CheckpointError({.id = "assay.checkpoint.format",
                           .where = json_path.string(),
                           .expected = "format " + std::to_string(Checkpoint::format) + " or older",
                           .got = format.dump(),
                           .advice = "it was written by a newer assay: use that version"});
  }
  const std::string bytes = detail::read_file(tensors_path);
  if (checkpoint.json["files"].value(tensors_name, "") != digest_of(bytes)) {
    fail(tensors_path, "contents that match their checksum", "altered or torn contents");
  }
  checkpoint.tensors = from_safetensors(std::as_bytes(std::span(bytes)), tensors_path.string());
  return checkpoint;
}

std::int64_t last_checkpoint_number(const fs::path& campaign) {
  const auto folders = folders_of(campaign);
  return folders.empty() ? 0 : folders.front().first;
}

std::optional<Checkpoint> newest_checkpoint(const fs::path& campaign, std::vector<std::string>& damaged) {
  for (const auto& [number, folder] : folders_of(campaign)) {
    try {
      return read_checkpoint(folder);
    } catch (const CheckpointError& error) {
      if (error.id() == "assay.checkpoint.format") throw;
      damaged.push_back(error.what());
    } catch (const std::exception& error) {
      damaged.push_back(folder.string() + ": " + error.what());
    }
  }
  return std::nullopt;
}

}  // namespace assay
