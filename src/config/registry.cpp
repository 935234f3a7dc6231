// SPDX-License-Identifier: Apache-2.0
#include <assay/registry.hpp>

namespace assay::detail {

namespace {

std::vector<std::string> keys_of(const std::vector<RegistryRow>& rows) {
  std::vector<std::string> keys;
  for (const RegistryRow& row : rows) keys.push_back(row.key);
  return keys;
}

}  // namespace

std::optional<std::size_t> find_key(const ConfigReader& reader, std::string_view role,
                                    const std::vector<RegistryRow>& rows) {
  const std::string what = "a " + std::string(role) + ", {\"type\": KEY, ...}";
  if (!reader.expect(reader.json().is_object(), what)) return std::nullopt;
  const ConfigReader type = reader.child("type");
  if (type.present() && type.json().is_null()) {
    const Json opaque = reader.json().value("opaque", Json("a type of the program"));
    reader.problem(
        "assay.registry.opaque", "a " + std::string(role) + " with a key",
        opaque.is_string() ? opaque.get<std::string>() : opaque.dump(),
        "it was given in C++ and has no key: resume from the program that made it, or give the type a key and "
        "register it");
    return std::nullopt;
  }
  if (!type.expect(type.json().is_string(), "the key of a " + std::string(role))) return std::nullopt;
  const auto key = type.json().get<std::string>();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].key == key) return i;
  }
  type.problem("assay.registry.unknown", "the key of a registered " + std::string(role), "'" + key + "'",
               suggest(key, keys_of(rows)));
  return std::nullopt;
}

void require_new_key(std::string_view role, const std::string& key, const std::vector<RegistryRow>& rows) {
  const std::vector<std::string> keys = keys_of(rows);
  if (std::find(keys.begin(), keys.end(), key) == keys.end()) return;
  throw ConfigError({"assay.registry.duplicate", std::string(role), "a key that is not taken", "'" + key + "'",
                     "choose another key"});
}

void report(const ConfigReader& reader, const ConfigError& error) {
  for (ErrorParts problem : error.problems()) {
    // A component names its own options "KEY/option"; here they have a place in the file.
    const std::size_t slash = problem.where.find('/');
    problem.where = reader.path() + (slash == std::string::npos ? "" : problem.where.substr(slash));
    reader.problem(std::move(problem));
  }
}

}  // namespace assay::detail
