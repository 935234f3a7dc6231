// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/json.hpp>
#include <assay/surrogate.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace assay::detail {

constexpr std::int64_t most_surrogate_numbers = std::int64_t{1} << 31;

/// From the plain numbers of points to the columns that a learner reads: logarithms, and a column for each category.
class SurrogateForms {
 public:
  /// Errors: `CheckpointError` for a form that there is not, and for points that do not fit into memory.
  SurrogateForms(const Json& inputs, std::vector<std::string> names, const std::string& where);
  SurrogateForms() = default;

  std::int64_t columns() const noexcept { return columns_; }
  /// \param points [count, numbers] \param columns [count, columns()]
  /// Errors: `DataError` for a number without a logarithm, or that is no index.
  void apply(std::int64_t count, const double* points, double* columns) const;
  /// Of one point: derivatives by its columns, [columns()], to those by its numbers.
  void pull_back(const double* point, const double* by_columns, double* by_numbers) const;

 private:
  struct Form {
    std::int64_t numbers = 1;
    bool log = false;
    std::int64_t categories = 0;  ///< over 0: a number is the index of one of so many, each a column of its own
  };
  std::vector<Form> forms_;  // one a field
  std::vector<std::string> names_;
  std::int64_t columns_ = 0;
};

}  // namespace assay::detail
