// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/random.hpp>
#include <assay/data/values.hpp>
#include <assay/json.hpp>

#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace assay {

/// How a variable's range is filled.
enum class Scale {
  linear,
  log,  ///< evenly in the logarithm; the range lies above zero
};

/// Which values a variable takes.
enum class Kind {
  real,
  integer,   ///< whole numbers from `low` to `high`, both included
  category,  ///< 0, 1, …, one for each name in `categories`; `low` and `high` are not looked at
};

/// A design variable and its range.
struct Variable {
  std::string name;
  double low = 0;
  double high = 1;
  Scale scale = Scale::linear;
  Kind kind = Kind::real;
  std::vector<std::string> categories = {};
  std::string unit = "";
  std::string description = "";
};

/// A linear condition on a design, at_least <= sum of factor · variable <= at_most: in JSON
/// `{"terms": {"radius": 2, "width": -1}, "at_most": 0}`.
struct Constraint {
  std::map<std::string, double> terms = {};
  std::optional<double> at_least = std::nullopt;
  std::optional<double> at_most = std::nullopt;
};

/// Design variables with their ranges, and what is feasible among them: designs that are not are never made, so they
/// are never chosen and cost nothing. Every variable is a float64 field, whole numbers and categories too.
class Space {
 public:
  /// \return [n] bool: which rows of a batch of designs can be made.
  using Predicate = std::function<torch::Tensor(const Values& designs)>;

  /// Errors: `ConfigError` with every empty range, name that stands twice, log scale of a range that reaches zero,
  /// whole-number range without a whole number, and category without names.
  Space(std::initializer_list<Variable> variables) : Space(std::vector<Variable>(variables)) {}
  /// Errors: also constraints without a bound, or on what is no variable.
  explicit Space(std::vector<Variable> variables, std::vector<Constraint> constraints = {});

  /// Adds a condition that no linear constraint expresses, under a name that stands for it in JSON.
  Space& require(std::string name, Predicate feasible);

  const std::vector<Variable>& variables() const noexcept { return variables_; }
  const std::vector<Constraint>& constraints() const noexcept { return constraints_; }
  const std::vector<std::pair<std::string, Predicate>>& predicates() const noexcept { return predicates_; }
  std::vector<std::string> names() const;
  /// Number of values that a variable takes; nothing for a real one.
  static std::optional<std::int64_t> levels(const Variable& variable);
  /// Scales points of the unit cube, [n, d], into the box: one float64 field [n] a variable. Feasible or not.
  Values scale(const torch::Tensor& unit) const;
  /// [n] bool: which rows satisfy all constraints and predicates. Errors: `ShapeError` for a predicate that gives
  /// anything but n truth values.
  torch::Tensor feasible(const Values& designs) const;
  /// Why a design lies outside the space, in words; nothing if it is inside and feasible.
  std::optional<std::string> outside(const Values& design) const;

 private:
  std::vector<Variable> variables_;
  std::vector<Constraint> constraints_;
  std::vector<std::pair<std::string, Predicate>> predicates_;
};

/// `{"variables": [...], "constraints": [...], "predicates": [names]}`.
Json space_to_json(const Space& space);
/// The inverse; a bare list of variables will do. \param predicates what the names stand for.
/// Errors: `ConfigError` with every problem and its JSON path.
Space space_from_json(const Json& json, const std::map<std::string, Space::Predicate>& predicates = {});

struct SobolOptions {
  std::int64_t skip = 0;
  std::optional<std::uint64_t> scramble = std::nullopt;
};

/// \name Points that fill a space, as one batch of float64 fields
/// In a space with conditions, infeasible points are left out and more are drawn, until there are `count` feasible
/// ones. Where fewer than one in 10,000 is, as of w0 + ... + w9 <= 1, all points are drawn by hit-and-run instead:
/// uniform over what is feasible, in the variables' scales; point i does not depend on `count`.
/// Errors: `ConfigError` `assay.space.feasible` where none is found; for more points than the machine has memory for.
/// @{
/// Points `skip` … `skip + count - 1` of Sobol's sequence (of its feasible points): sets with different `skip`
/// complement each other. With a seed to `scramble` by, the sequence is randomised without losing its evenness: an
/// independent replicate for each seed. Errors: `ConfigError` for more than 21,201 variables. Source: Sobol 1967, with
/// the direction numbers of Joe and Kuo 2010 and the linear matrix scrambling with a digital shift of Matoušek 1998, as
/// LibTorch has them.
Values sobol(const Space& space, std::int64_t count, SobolOptions options = {});
/// Latin hypercube: each variable has one point in each of `count` equal strata; in a space with conditions, of as many
/// strata as it took to find them.
/// Source: McKay, Beckman and Conover 1979.
Values latin_hypercube(const Space& space, std::int64_t count, const RandomKey& key);
/// A Latin hypercube whose points keep their distance: values of one variable are exchanged between two points where
/// that lowers the sum of 1/distance^15, `sweeps` times around all points. At most 4,096 points, and no conditions.
/// Cost: O(sweeps · count² · d).
/// Source: Morris and Mitchell 1995, "Exploratory designs for computational experiments", eq. 3; exchange as in Jin,
/// Chen and Sudjianto 2005.
Values maximin(const Space& space, std::int64_t count, const RandomKey& key, std::int64_t sweeps = 20);
/// Independent uniform points; point i does not depend on `count`.
Values uniform(const Space& space, std::int64_t count, const RandomKey& key);
/// Every combination of `levels` evenly spaced values of each variable, ends included (of all values of one that has no
/// more), the last variable fastest; the feasible ones. Errors: `ConfigError` `assay.space.feasible` if there is none.
Values grid(const Space& space, std::int64_t levels);
/// @}

}  // namespace assay
