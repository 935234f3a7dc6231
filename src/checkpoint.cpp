// SPDX-License-Identifier: Apache-2.0
#include "detail/moved.hpp"

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

[[noreturn]] void checkpoint_refused(std::string_view where, std::string expected, std::string got) {
  throw CheckpointError({"assay.checkpoint.damaged", std::string(where), std::move(expected), std::move(got), ""});
}

std::string folder_name(std::int64_t number) {
  char name[32];
  std::snprintf(name, sizeof name, "%08lld", static_cast<long long>(number));
  return name;
}

/// Nothing for a name that assay does not give.
std::optional<std::int64_t> number_of(const fs::path& folder) {
  const std::string name = folder.filename().string();
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  const bool ours = error == std::errc() && number >= 1 && number <= Checkpoint::last_number;
  if (!ours || name != folder_name(number)) return std::nullopt;
  return number;
}

/// A JSON object of members' texts, as `dump` gives it: sorted by name.
std::string object_of(const std::map<std::string, std::string>& members) {
  std::string text;
  for (const auto& [name, value] : members) {
    text += text.empty() ? '{' : ',';
    text += Json(name).dump();
    text += ':';
    text += value;
  }
  return text += '}';
}

/// The checkpoint folders of a campaign, newest first. A link in place of one is none of them, and one in place of
/// all of them an error: old checkpoints are deleted, and what a link leads to is not the campaign's.
std::vector<std::pair<std::int64_t, fs::path>> folders_of(const fs::path& campaign) {
  detail::require_no_link(campaign / "checkpoints");
  std::vector<std::pair<std::int64_t, fs::path>> folders;
  std::error_code ignored;  // no folder: no checkpoints
  for (const fs::directory_entry& entry : fs::directory_iterator(campaign / "checkpoints", ignored)) {
    const auto number = number_of(entry.path());
    if (number && !entry.is_symlink(ignored) && entry.is_directory(ignored))
      folders.emplace_back(*number, entry.path());
  }
  std::sort(folders.rbegin(), folders.rend());  // newest first
  return folders;
}

/// Under another name first: what is half removed when the process is killed is no checkpoint.
void remove_folder(const fs::path& folder) {
  const fs::path leaving = folder.parent_path() / "removing";
  detail::remove_all(leaving);
  std::error_code error;
  fs::rename(folder, leaving, error);
  detail::remove_all(error ? folder : leaving);
}

}  // namespace

EncodedCheckpoint encode(const Checkpoint& checkpoint, std::map<std::string, std::string> texts) {
  for (const auto& [name, value] : checkpoint.json.items()) texts[name] = value.dump();
  return {.number = checkpoint.number, .members = std::move(texts), .tensors = to_safetensors(checkpoint.tensors)};
}

WrittenCheckpoint write_checkpoint(const fs::path& campaign, const EncodedCheckpoint& checkpoint, std::int64_t keep,
                                   const WrittenCheckpoint& previous) {
  const fs::path root = campaign / "checkpoints";
  if (checkpoint.number < 1 || checkpoint.number > Checkpoint::last_number) {
    throw CheckpointError(
        {"assay.checkpoint.number", root.string(), "a number from 1 to " + std::to_string(Checkpoint::last_number),
         std::to_string(checkpoint.number), "a folder there has a number that no campaign reaches: remove it"});
  }
  detail::require_no_link(root);
  // Written behind the campaign's back, which may be moved away meanwhile.
  if (!fs::is_directory(campaign)) detail::fail_as_moved(campaign);
  detail::make_directories_durably(root);
  const std::string name = folder_name(checkpoint.number);
  const fs::path temporary = root / ("writing_" + name), folder = root / name;
  detail::remove_all(temporary);
  detail::remove_all(folder);
  if (!fs::is_directory(root)) detail::fail_as_moved(campaign);
  detail::make_directories_durably(temporary);

  const std::string digest = detail::sha256(checkpoint.tensors);
  bool linked = false;
  if (digest == previous.tensors_digest) {
    // Phases that do not touch the learner leave the tensors as they were: share the file that is already durable.
    std::error_code failed;
    fs::create_hard_link(previous.folder / tensors_name, temporary / tensors_name, failed);
    linked = !failed;
  }
  if (!linked) detail::write_file_durably(temporary / tensors_name, checkpoint.tensors);
  std::map<std::string, std::string> members = checkpoint.members;
  members["format"] = std::to_string(Checkpoint::format);
  members["files"] = Json{{tensors_name, digest}}.dump();
  const std::string content = object_of(members);
  std::string text = "{\"sha256\":\"";
  text.append(detail::sha256(content)).append("\",").append(content, 1).append("\n");
  if (text.size() > longest_json) {  // no reader would take it
    throw CheckpointError({"assay.checkpoint.size", folder.string(),
                           "at most " + std::to_string(longest_json) + " bytes of JSON", std::to_string(text.size()),
                           "keep what is large in the tensors of a component's state"});
  }
  detail::write_file_durably(temporary / json_name, text);
  detail::rename_durably(temporary, folder);
  std::int64_t kept = 0;
  for (const auto& [number, older] : folders_of(campaign)) {
    if (++kept > keep) remove_folder(older);
  }
  return {folder, digest};
}

Checkpoint decode_checkpoint(std::string_view json, std::string_view tensors, std::string_view where) {
  Checkpoint checkpoint;
  try {
    checkpoint.json = parse_json(json, where);
  } catch (const ConfigError& error) {
    checkpoint_refused(where, "JSON", error.what());
  }
  Json& content = checkpoint.json;
  if (!content.is_object() || !content.contains("sha256") || !content.contains("files") ||
      !content["files"].is_object()) {
    checkpoint_refused(where, "an object with 'sha256' and 'files'", "something else");
  }
  // The checksum is that of the object without it, in the canonical form that `dump` gives.
  const Json sum = std::move(content["sha256"]);
  content.erase("sha256");
  if (sum != detail::sha256(content.dump()))
    checkpoint_refused(where, "contents that match their checksum", "altered contents");
  const Json format = content.value("format", Json());
  if (!format.is_number_unsigned() || format.get<std::uint64_t>() > Checkpoint::format) {
    throw CheckpointError({.id = "assay.checkpoint.format",
                           .where = std::string(where),
                           .expected = "format " + std::to_string(Checkpoint::format) + " or older",
                           .got = format.dump(),
                           .advice = "it was written by a newer assay: use that version"});
  }
  if (content["files"].value(tensors_name, Json()) != detail::sha256(tensors)) {
    checkpoint_refused(std::string(where) + ", " + tensors_name, "contents that match their checksum",
                       "altered or torn contents");
  }
  checkpoint.tensors = from_safetensors(std::as_bytes(std::span(tensors)), where);
  return checkpoint;
}

Checkpoint read_checkpoint(const fs::path& folder) {
  detail::require_no_link(folder);
  Checkpoint checkpoint = decode_checkpoint(detail::read_own_file(folder / json_name, longest_json),
                                            detail::read_own_file(folder / tensors_name), folder.string());
  checkpoint.number = number_of(folder).value_or(0);
  return checkpoint;
}

std::vector<fs::path> checkpoint_folders(const fs::path& campaign) {
  std::vector<fs::path> folders;
  for (auto& [number, folder] : folders_of(campaign)) folders.push_back(std::move(folder));
  return folders;
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
