// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/options.hpp>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace assay {

/// What a registry knows about one key.
struct RegistryRow {
  std::string key;
  std::string summary;
  std::vector<OptionRow> options;
};

namespace detail {
/// Position of the entry that `reader` names in "type"; reports what is wrong if there is none.
std::optional<std::size_t> find_key(const ConfigReader& reader, std::string_view role,
                                    const std::vector<RegistryRow>& rows);
void require_new_key(std::string_view role, const std::string& key, const std::vector<RegistryRow>& rows);
/// Reports the problems of a component that could not be constructed, under its own path.
void report(const ConfigReader& reader, const ConfigError& error);
}  // namespace detail

/// Builds components of one role from JSON, by key: `{"type": "entropy", "max_samples": 8}`.
///
/// An ordinary value: no registration happens behind the program's back.
template <class Any>
class Registry {
 public:
  using Factory = std::function<std::optional<Any>(const ConfigReader&)>;

  /// \param role what the components are, for messages: "query strategy".
  explicit Registry(std::string role) : role_(std::move(role)) {}

  /// Adds a type with a `static constexpr std::string_view key`; built from its public member `options`, if it has one.
  /// Errors: `ConfigError` `assay.registry.duplicate`.
  template <class T>
  void add() {
    std::string summary;
    if constexpr (requires { T::summary; }) summary = T::summary;
    if constexpr (requires(T t) { t.options; }) {
      add<decltype(T::options)>(std::string(T::key), std::move(summary),
                                [](auto options, const ConfigReader&) { return Any(T{std::move(options)}); });
    } else {
      add<Empty>(std::string(T::key), std::move(summary), [](Empty, const ConfigReader&) { return Any(T{}); });
    }
  }

  /// Adds a factory. \param make `(Options, const ConfigReader&)` to `Any`, or to `std::optional<Any>` after reporting
  /// why
  ///   there is none.
  template <class Options, class Make>
  void add(std::string key, std::string summary, Make make) {
    add({std::move(key), std::move(summary), option_rows<Options>()}, [make](const ConfigReader& reader) {
      std::vector<ErrorParts> problems;
      const ConfigReader own(reader.json(), reader.path(), problems, reader.registries());
      Options options = options_from_json<Options>(own, {"type"});
      for (ErrorParts& problem : problems) reader.problem(std::move(problem));
      return problems.empty() ? std::optional<Any>(make(std::move(options), reader)) : std::nullopt;
    });
  }

  /// Adds a factory that reads its options itself. \param make gives nothing after reporting why; a `ConfigError` that
  ///   it throws is reported for it.
  void add(RegistryRow row, Factory make) {
    detail::require_new_key(role_, row.key, rows_);
    rows_.push_back(std::move(row));
    factories_.push_back([make = std::move(make)](const ConfigReader& reader) -> std::optional<Any> {
      try {
        return make(reader);
      } catch (const ConfigError& error) {
        detail::report(reader, error);
        return std::nullopt;
      }
    });
  }

  /// Builds what the JSON at `reader` describes, or reports to it everything that is wrong.
  std::optional<Any> make(const ConfigReader& reader) const {
    const std::optional<std::size_t> found = detail::find_key(reader, role_, rows_);
    return found ? factories_[*found](reader) : std::nullopt;
  }

  /// Builds a component. Errors: `ConfigError` with everything that is wrong.
  Any make(const Json& json, const Registries& registries) const {
    std::vector<ErrorParts> problems;
    std::optional<Any> made = make(ConfigReader(json, "", problems, &registries));
    if (!made) throw ConfigError(std::move(problems));
    return std::move(*made);
  }

  const std::string& role() const noexcept { return role_; }
  /// All keys with their options, in the order they were added.
  const std::vector<RegistryRow>& rows() const noexcept { return rows_; }

 private:
  struct Empty {};

  std::string role_;
  std::vector<RegistryRow> rows_;
  std::vector<Factory> factories_;
};

/// Callables that configurations name: what JSON cannot carry.
template <class Callable>
class NamedTable {
 public:
  /// \param role what they are, for messages: "function".
  explicit NamedTable(std::string role) : role_(std::move(role)) {}

  /// Errors: `ConfigError` `assay.registry.duplicate`.
  void add(std::string name, Callable callable) {
    detail::require_new_key(role_, name, rows_);
    rows_.push_back({name, "", {}});
    callables_.emplace(std::move(name), std::move(callable));
  }

  /// The callable called `name`, or nullptr after reporting that the program did not register it.
  const Callable* find(const ConfigReader& reader, const std::string& name) const {
    const auto found = callables_.find(name);
    if (found != callables_.end()) return &found->second;
    std::vector<std::string> names;
    for (const RegistryRow& row : rows_) names.push_back(row.key);
    reader.problem("assay.registry.unregistered", "the name of a " + role_ + " that the program registered",
                   name.empty() ? "none" : "'" + name + "'",
                   "register it before the campaign is built; " + detail::suggest(name, names));
    return nullptr;
  }

 private:
  std::string role_;
  std::vector<RegistryRow> rows_;
  std::map<std::string, Callable> callables_;
};

}  // namespace assay
