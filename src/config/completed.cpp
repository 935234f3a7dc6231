// SPDX-License-Identifier: Apache-2.0
#include "completed.hpp"

#include <assay/label/process_label.hpp>

#include <string>
#include <string_view>

namespace assay::detail {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view folder_word = "{{folder}}";

void make_absolute(Json& path, const fs::path& folder) {
  if (!path.is_string()) return;
  const fs::path given = path.get<std::string>();
  if (!given.empty() && given.is_relative()) path = (folder / given).lexically_normal().string();
}

/// The words of a command: the first is a program.
void complete_command(Json& command, const fs::path& folder) {
  if (!command.is_array()) return;
  for (Json& word : command) {
    if (!word.is_string()) continue;
    auto text = word.get<std::string>();
    for (std::size_t at = text.find(folder_word); at != std::string::npos; at = text.find(folder_word))
      text.replace(at, folder_word.size(), folder.string());
    word = text;
  }
  if (!command.empty() && command[0].is_string() && command[0].get<std::string>().find('/') != std::string::npos)
    make_absolute(command[0], folder);
}

bool runs_a_program(const Json& label) {
  return label.is_object() && label.contains("type") && label.at("type") == ProcessLabel::key;
}

}  // namespace

Json with_absolute_paths(Json configuration, const fs::path& given) {
  if (!configuration.is_object()) return configuration;
  const fs::path folder = fs::absolute(given.empty() ? fs::path(".") : given).lexically_normal();
  if (const auto pools = configuration.find("pools"); pools != configuration.end() && pools->is_object()) {
    for (Json& pool : *pools) {
      if (!pool.is_object()) continue;
      if (const auto file = pool.find("file"); file != pool.end()) make_absolute(*file, folder);
      if (const auto fields = pool.find("fields"); fields != pool.end() && fields->is_object()) {
        for (Json& path : *fields) make_absolute(path, folder);
      }
    }
  }
  if (const auto label = configuration.find("label"); label != configuration.end() && runs_a_program(*label)) {
    for (const char* command : {"command", "solver_version"}) {
      if (const auto words = label->find(command); words != label->end()) complete_command(*words, folder);
    }
    if (const auto templates = label->find("templates"); templates != label->end() && templates->is_object()) {
      for (Json& path : *templates) make_absolute(path, folder);
    }
  }
  return configuration;
}

Json with_category_names(Json configuration) {
  if (!configuration.is_object()) return configuration;
  const auto label = configuration.find("label"), pools = configuration.find("pools");
  if (label == configuration.end() || pools == configuration.end() || !pools->is_object()) return configuration;
  if (!runs_a_program(*label) || label->contains("categories")) return configuration;
  Json names = Json::object();
  const auto add = [&](const Json& space) {
    const Json& variables = space.is_object() && space.contains("variables") ? space.at("variables") : space;
    if (!variables.is_array()) return;
    for (const Json& variable : variables) {
      if (!variable.is_object() || !variable.contains("name") || !variable.at("name").is_string()) continue;
      if (variable.contains("categories") && !variable.at("categories").empty())
        names[variable.at("name").get<std::string>()] = variable.at("categories");
    }
  };
  if (const auto space = configuration.find("space"); space != configuration.end()) add(*space);
  for (const Json& pool : *pools) {
    if (pool.is_object() && pool.contains("space")) add(pool.at("space"));
  }
  if (!names.empty()) (*label)["categories"] = std::move(names);
  return configuration;
}

}  // namespace assay::detail
