// SPDX-License-Identifier: Apache-2.0
// Moves every option of every component of a registry, and looks for what changes.
#pragma once

#include "catch.hpp"

#include <assay/config.hpp>
#include <assay/error.hpp>

#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace option_law {

using namespace assay;

/// Everything a component did, as numbers: compared bit by bit.
using Doings = std::vector<double>;

inline void note(Doings& doings, const torch::Tensor& tensor) {
  const torch::Tensor flat = tensor.detach().to(torch::kFloat64).contiguous();
  doings.push_back(static_cast<double>(flat.numel()));
  doings.insert(doings.end(), flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel());
}

inline void note(Doings& doings, const std::string& text) {
  for (const char c : text) doings.push_back(c);
}

inline bool same(const Doings& a, const Doings& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

/// What the law has to know of a role beside its registry.
struct Role {
  /// Configurations under which some options matter: by key in place of the defaults, or "" for all others beside them.
  std::map<std::string, std::vector<Json>> bases;
  /// Values to try, by "key/option" or "option": where the rule below has none.
  std::map<std::string, std::vector<Json>> values;
  /// Options that change nothing here, by "key/option" or "option", each with the reason.
  std::map<std::string, std::string> nothing;
};

template <class Map>
const typename Map::mapped_type* look_up(const Map& map, const std::string& key, const std::string& option) {
  if (const auto found = map.find(key + "/" + option); found != map.end()) return &found->second;
  if (const auto found = map.find(option); found != map.end()) return &found->second;
  return nullptr;
}

/// Other values than the default, by its type.
inline std::vector<Json> others(const Json& value, const std::string& type) {
  if (value.is_boolean()) return {!value.get<bool>()};
  if (value.is_number_integer()) {
    const auto n = value.get<std::int64_t>();
    return {1, 2, n + 1, 2 * n + 1, n / 2};
  }
  if (value.is_number()) {
    const auto x = value.get<double>();
    return {x == 0 ? Json(0.25) : Json(x / 4), x == 0 ? Json(0.9) : Json(x * 4), 0.5};
  }
  std::vector<Json> names;
  for (std::size_t begin = 0; type.find(" | ") != std::string::npos && begin < type.size();) {
    const std::size_t end = std::min(type.find(" | ", begin), type.size());
    if (const Json name = type.substr(begin, end - begin); name != value) names.push_back(name);
    begin = end + 3;
  }
  return names;
}

/// The options of a component and of the structs in it, as paths: "features/sigma".
inline void leaves(const std::string& path, const Json& value, std::vector<std::pair<std::string, Json>>& found) {
  if (!value.is_object() || value.empty() || value.contains("type")) {
    found.emplace_back(path, value);
    return;
  }
  for (const auto& item : value.items()) leaves(path + "/" + item.key(), item.value(), found);
}

/// Names what is moved and changes nothing. \param doings of `(const Any&)`.
template <class Any, class Do>
void check_law(const Registry<Any>& registry, const Registries& registries, const Role& role, Do doings) {
  const auto configure = [&](const std::string& key, Json spec) -> std::optional<Doings> {
    spec["type"] = key;
    try {
      return doings(registry.make(spec, registries));
    } catch (const ConfigError&) {
      return std::nullopt;  // not allowed together
    } catch (const TrainingError& error) {
      Doings failure;
      note(failure, error.what());
      return failure;
    }
  };
  for (const RegistryRow& row : registry.rows()) {
    std::vector<Json> bases{Json::object()};
    if (const auto own = role.bases.find(row.key); own != role.bases.end()) {
      bases = own->second;
    } else if (const auto more = role.bases.find(""); more != role.bases.end()) {
      bases.insert(bases.end(), more->second.begin(), more->second.end());
    }
    std::vector<std::pair<Json, Doings>> starts;
    for (const Json& base : bases) {
      if (std::optional<Doings> found = configure(row.key, base)) starts.emplace_back(base, std::move(*found));
    }
    for (const OptionRow& option : row.options) {
      std::vector<std::pair<std::string, Json>> all;
      leaves(option.name, option.default_value, all);
      for (const auto& [path, default_value] : all) {
        if (const std::string* reason = look_up(role.nothing, row.key, path)) {
          CHECK(reason->size() > 10);
          continue;
        }
        const std::vector<Json>* given = look_up(role.values, row.key, path);
        const std::vector<Json> values = given ? *given : others(default_value, path == option.name ? option.type : "");
        bool moved = false;
        for (std::size_t i = 0; i < starts.size() && !moved; ++i) {
          for (const Json& value : values) {
            Json spec = starts[i].first;
            spec[Json::json_pointer("/" + path)] = value;
            const std::optional<Doings> found = configure(row.key, spec);
            if (found && !same(*found, starts[i].second)) moved = true;
            if (moved) break;
          }
        }
        INFO(registry.role() << " " << row.key << ": option " << path << " changes nothing, moved from "
                             << default_value.dump());
        CHECK(moved);
      }
    }
  }
}

}  // namespace option_law
