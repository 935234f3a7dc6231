// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace assay {

/// What every assay error says: where it arose, what was expected, what came, and what to do about it.
struct ErrorParts {
  std::string id;        ///< stable, dotted: "assay.config.range"
  std::string where;     ///< a JSON path, a file, a sample, a slot of the driver
  std::string expected;  ///< "an integer >= 1"
  std::string got;       ///< "-3"
  std::string advice;    ///< what to do; may be empty
};

/// `[id] where: expected X, got Y; advice`, leaving out what is empty.
std::string describe(const ErrorParts& parts);

/// Base of everything that assay throws of its own accord.
class Error : public std::runtime_error {
 public:
  explicit Error(ErrorParts parts) : std::runtime_error(describe(parts)), parts_(std::move(parts)) {}
  /// For texts that hold several problems; `what()` is the text itself.
  Error(ErrorParts parts, const std::string& text) : std::runtime_error(text), parts_(std::move(parts)) {}

  const std::string& id() const noexcept { return parts_.id; }
  const ErrorParts& parts() const noexcept { return parts_; }

 private:
  ErrorParts parts_;
};

/// A configuration that cannot be used. Holds every problem found, not only the first.
class ConfigError : public Error {
 public:
  explicit ConfigError(ErrorParts problem) : ConfigError(std::vector<ErrorParts>{std::move(problem)}) {}
  /// \param problems at least one.
  explicit ConfigError(std::vector<ErrorParts> problems);

  const std::vector<ErrorParts>& problems() const noexcept { return problems_; }

 private:
  std::vector<ErrorParts> problems_;
};

/// A tensor whose shape, dtype or device is not the one agreed on.
class ShapeError : public Error {
 public:
  using Error::Error;
};

/// Pools and values that cannot be used: non-finite numbers, missing fields, empty or exhausted pools.
class DataError : public Error {
 public:
  using Error::Error;
};

/// Labeling that cannot go on: a missing program, an unknown sample id, an outcome told twice.
class LabelError : public Error {
 public:
  using Error::Error;
};

/// A campaign directory, ledger or checkpoint that cannot be read, written or continued.
class CheckpointError : public Error {
 public:
  using Error::Error;
};

/// Training that cannot go on: a non-finite loss, a learner without parameters.
class TrainingError : public Error {
 public:
  using Error::Error;
};

}  // namespace assay
