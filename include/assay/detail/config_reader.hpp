// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/error.hpp>
#include <assay/json.hpp>

#include <string>
#include <vector>

namespace assay {

struct Registries;

/// A place in a configuration: the JSON there, its path, and where problems are collected.
class ConfigReader {
 public:
  ConfigReader(const Json& json, std::string path, std::vector<ErrorParts>& problems, const Registries* registries)
      : json_(&json), path_(std::move(path)), problems_(&problems), registries_(registries) {}

  /// Null where nothing stands.
  const Json& json() const noexcept;
  bool present() const noexcept { return json_ != nullptr; }
  const std::string& path() const noexcept { return path_; }
  /// What components are built from; nullptr where none may be.
  const Registries* registries() const noexcept { return registries_; }

  ConfigReader child(const std::string& key) const;
  ConfigReader child(std::size_t index) const;

  void problem(std::string id, std::string expected, std::string got, std::string advice = {}) const;
  /// Keeps the first 100 problems, with long texts cut short.
  void problem(ErrorParts parts) const;
  bool has_problems() const noexcept { return !problems_->empty(); }
  /// Reports `assay.config.type` unless `good`; gives `good`.
  bool expect(bool good, const std::string& expected) const;
  bool expect_object() const { return expect(json().is_object(), "an object"); }
  /// Reports every key of the object that is not in `known`, with the nearest one that is.
  void reject_unknown(const std::vector<std::string>& known) const;

 private:
  ConfigReader(const Json* json, std::string path, const ConfigReader& parent)
      : json_(json), path_(std::move(path)), problems_(parent.problems_), registries_(parent.registries_) {}

  const Json* json_;
  std::string path_;
  std::vector<ErrorParts>* problems_;
  const Registries* registries_;
};

namespace detail {

/// "; did you mean 'entropy'?" and the list of all, for a name that is none of `known`.
std::string suggest(std::string_view name, const std::vector<std::string>& known);

}  // namespace detail

}  // namespace assay
