// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/random.hpp>
#include <assay/data/values.hpp>

#include <initializer_list>
#include <string>
#include <vector>

namespace assay {

/// A design variable and its range.
struct Variable {
  std::string name;
  double low = 0;
  double high = 1;
};

/// A box of design variables.
class Space {
 public:
  /// Errors: `ConfigError` for an empty range or a name that stands twice.
  Space(std::initializer_list<Variable> variables) : Space(std::vector<Variable>(variables)) {}
  explicit Space(std::vector<Variable> variables);

  const std::vector<Variable>& variables() const noexcept { return variables_; }
  std::vector<std::string> names() const;
  /// Scales points of the unit cube, [n, d], into the box: one float64 field [n] a variable.
  Values scale(const torch::Tensor& unit) const;

 private:
  std::vector<Variable> variables_;
};

struct SobolOptions {
  std::int64_t skip = 0;
};

/// \name Points that fill a space, as one batch of float64 fields
/// @{
/// Points `skip` … `skip + count - 1` of Sobol's sequence: sets with different `skip` complement each other.
/// Errors: `ConfigError` for more than 21,201 variables.
/// Source: Sobol 1967, with the direction numbers of Joe and Kuo 2010, as LibTorch has them.
Values sobol(const Space& space, std::int64_t count, SobolOptions options = {});
/// Latin hypercube: each variable has one point in each of `count` equal strata.
/// Source: McKay, Beckman and Conover 1979.
Values latin_hypercube(const Space& space, std::int64_t count, const RandomKey& key);
/// Independent uniform points; point i does not depend on `count`.
Values uniform(const Space& space, std::int64_t count, const RandomKey& key);
/// @}

}  // namespace assay
