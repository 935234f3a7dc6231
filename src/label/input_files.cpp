// SPDX-License-Identifier: Apache-2.0
#include "input_files.hpp"

#include "simulation_files.hpp"

#include <assay/detail/files.hpp>
#include <assay/error.hpp>

#include <algorithm>
#include <functional>

namespace assay::detail {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void input_file_failed(const fs::path& file, std::string expected, std::string got) {
  throw LabelError({"assay.label.template", file.string(), std::move(expected), std::move(got), ""});
}

/// Copies what is no template: a file as it is, a link as one to the same place, or to what is made of that.
/// \param is_made whether a path from the folder of the link is one of those that are written.
void copy_entry(const fs::path& source, const fs::path& target, const std::function<bool(const fs::path&)>& is_made) {
  std::error_code error;
  if (!fs::is_symlink(fs::symlink_status(source, error))) {
    fs::copy_file(source, target, fs::copy_options::overwrite_existing, error);
  } else {
    // A relative one that leads out of the copy would lead elsewhere from there.
    const fs::path leads_to = fs::read_symlink(source, error);
    const bool as_it_is = !error && (leads_to.is_absolute() || is_made(leads_to));
    if (!error) fs::create_symlink(as_it_is ? leads_to : fs::absolute(source.parent_path() / leads_to), target, error);
  }
  if (error) input_file_failed(source, "to copy it to " + target.string(), error.message());
}

}  // namespace

InputFiles::InputFiles(const std::map<std::string, fs::path>& templates) {
  for (const auto& [target, source] : templates) {
    std::error_code error;
    if (fs::is_directory(source, error)) {
      if (fs::is_empty(source, error))
        input_file_failed(source, "a template that can be read, or a folder of them", "an empty folder");
      add_folder(target, source);
    } else if (fs::is_regular_file(source, error)) {
      add_file(target, source);
    } else {
      input_file_failed(source, "a template that can be read, or a folder of them",
                        error ? error.message() : "no file");
    }
  }
}

void InputFiles::add_file(const fs::path& target, const fs::path& source) {
  std::string text;
  try {
    text = read_file(source);
  } catch (const CheckpointError& unreadable) {
    input_file_failed(source, "a template that can be read", unreadable.parts().got);
  }
  if (text.find('\0') == std::string::npos) {
    InputTemplate filled(std::move(text), source.string());
    if (filled.has_fields()) {
      filled_.push_back({target, std::move(filled), fs::status(source).permissions()});
      return;
    }
  }
  copied_.push_back({target, source});
}

void InputFiles::add_folder(const fs::path& target, const fs::path& source) {
  folders_.push_back(target);
  std::error_code error;
  std::vector<fs::path> entries;
  for (fs::directory_iterator entry(source, error), end; !error && entry != end; entry.increment(error))
    entries.push_back(entry->path());
  if (error) input_file_failed(source, "a folder that can be read", error.message());
  std::sort(entries.begin(), entries.end());
  for (const fs::path& entry : entries) {
    const fs::path into = target / entry.filename();
    if (const std::string problem = problem_of_target(into.lexically_normal().string()); !problem.empty())
      input_file_failed(entry, "a file for the directory of a simulation", problem);
    const fs::file_status status = fs::symlink_status(entry, error);
    if (fs::is_directory(status)) {
      add_folder(into, entry);
    } else if (fs::is_symlink(status)) {
      copied_.push_back({into, entry});
    } else if (fs::is_regular_file(status)) {
      add_file(into, entry);
    } else {
      input_file_failed(entry, "files, folders and links", "something else");
    }
  }
}

void InputFiles::write(const fs::path& directory, const Values& inputs, const CategoryNames& categories) const {
  const auto make_folder = [](const fs::path& folder) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) input_file_failed(folder, "to make this folder", error.message());
  };
  for (const fs::path& folder : folders_) make_folder(directory / folder);
  const auto is_made = [&](const fs::path& path) {
    const auto is = [&](const fs::path& made) {
      return (made / "").lexically_normal() == (path / "").lexically_normal();
    };
    return std::any_of(folders_.begin(), folders_.end(), is) ||
           std::any_of(copied_.begin(), copied_.end(), [&](const Copied& file) { return is(file.target); }) ||
           std::any_of(filled_.begin(), filled_.end(), [&](const Filled& file) { return is(file.target); });
  };
  for (const Copied& file : copied_) {
    make_folder((directory / file.target).parent_path());
    copy_entry(file.source, directory / file.target,
               [&](const fs::path& leads_to) { return is_made(file.target.parent_path() / leads_to); });
  }
  for (const Filled& file : filled_) {
    make_folder((directory / file.target).parent_path());
    write_file(directory / file.target, file.text.filled(inputs, categories));
    std::error_code error;
    fs::permissions(directory / file.target, file.mode | fs::perms::owner_write, error);
    if (error) input_file_failed(directory / file.target, "to let it be run as its template can", error.message());
  }
}

std::vector<std::pair<fs::path, std::string>> InputFiles::fields() const {
  std::vector<std::pair<fs::path, std::string>> fields;
  for (const Filled& file : filled_) {
    for (std::string& name : file.text.names()) fields.emplace_back(file.target, std::move(name));
  }
  return fields;
}

std::string problem_of_target(const std::string& target) {
  const fs::path path = fs::path(target).lexically_normal();
  if (target.empty() || path.is_absolute()) return "'" + target + "'";
  for (const fs::path& part : path) {
    if (part == "..") return "'" + target + "', outside of it";
  }
  return *path.begin() == own_folder ? "'" + target + "', which is assay's own" : "";
}

}  // namespace assay::detail
