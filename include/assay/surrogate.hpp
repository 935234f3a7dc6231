// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

namespace detail {
class ExportedSurrogate;
}

/// An exported learner in a solver: `learner.json` and `learner.safetensors` of an `mlp`, an `ensemble`, a
/// `gaussian_process`, or a `transformed` one of these with the transforms `log` and `standardise`. This header needs
/// neither LibTorch nor anything else of assay; link `assay::surrogate` alone, or `assay::assay` where that is there
/// anyway.
///
///     const assay::Surrogate drag("surrogates/drag");
///     std::array<double, 3> x{angle, speed, density};
///     double mean, deviation;
///     if (drag.inside(x)) drag.predict(x, {&mean, 1}, {&deviation, 1});
///
/// All members are const and may be called from any number of threads at once; none starts threads of its own. A thread
/// keeps the memory that its largest call needed.
class Surrogate {
 public:
  struct Field {
    std::string name;
    std::vector<std::int64_t> shape;      ///< of one point; empty for a number
    std::string unit;                     ///< empty where the export knows none
    std::vector<std::string> categories;  ///< of an input whose numbers are indices of these
    /// Of an input: the least and the largest that the labeled samples have, one for each number of a point, or one for
    /// all numbers of a large field. Empty where the export, of an earlier version, knows none.
    std::vector<double> low, high;
    std::vector<std::int64_t> seen;  ///< of a category: the indices that labeled samples have
  };

  /// Where it comes from; empty or zero where it was exported without its campaign.
  struct Provenance {
    std::string learner;   ///< its type, as "ensemble"
    std::string campaign;  ///< id
    std::string hash;      ///< that `assay hash` gives of the campaign
    std::string label_version;
    std::int64_t round = 0;   ///< the last in which samples were chosen
    std::int64_t labels = 0;  ///< for training, that were simulated
  };

  /// Errors: `CheckpointError` for files that are not there, or are no exported learner, or not of one export, and for
  /// a learner or transform of another kind.
  explicit Surrogate(const std::filesystem::path& directory);
  Surrogate(Surrogate&&) noexcept;
  Surrogate& operator=(Surrogate&&) noexcept;
  ~Surrogate();

  /// Whether a learner of this type, as `"ensemble"`, can be loaded, by itself or inside a `transformed` one.
  static bool loads(std::string_view learner) noexcept;

  /// What a point consists of: the fields one behind the other, each in C order.
  const std::vector<Field>& inputs() const noexcept;
  const std::vector<Field>& targets() const noexcept;
  const Provenance& provenance() const noexcept;
  /// Numbers of a point.
  std::int64_t input_size() const noexcept;
  /// Numbers predicted for a point; of a classification the probability of each class.
  std::int64_t target_size() const noexcept;
  /// Of a classification; 0: a regression.
  std::int64_t classes() const noexcept;
  /// Whether there is a predictive deviation: of an ensemble, a network with loss "gaussian", or a Gaussian process
  /// (the noise of a new label included); not of a classification, whose probabilities say what is uncertain.
  bool has_deviation() const noexcept;

  /// Whether a point lies where labeled samples were: each number between the least and the largest that these have, a
  /// category among those seen. Outside, a surrogate extrapolates, and its deviation is no bound.
  /// Errors: `ShapeError` for another number of numbers; `DataError` for an export that knows no ranges.
  bool inside(std::span<const double> point) const;

  /// Predicts n points, in physical units.
  /// \param points [n, input_size] in C order. \param means [n, target_size]. \param deviations as `means`, or empty.
  /// Errors: `ShapeError` for spans that do not fit together, and for deviations of a learner without; `DataError`
  /// for a number that has no logarithm where the learner takes one, or is no index of a category.
  /// Cost: of a network n forward passes of each member; of a Gaussian process of m samples n m for the mean, n m² with
  /// deviations. Below 64 Ki points in one block of memory a thread.
  void predict(std::span<const double> points, std::span<double> means, std::span<double> deviations = {}) const;

  /// The same, with the derivatives of the means by the inputs, as Newton's method and implicit integrators need them.
  /// \param jacobians [n, target_size, input_size], in physical units; 0 by the index of a category.
  /// Errors: as `predict`. Cost: that of 1 + input_size predictions of a network; about twice one of a Gaussian
  /// process.
  void predict_with_jacobian(std::span<const double> points, std::span<double> means, std::span<double> jacobians,
                             std::span<double> deviations = {}) const;

 private:
  std::unique_ptr<const detail::ExportedSurrogate> exported_;
};

}  // namespace assay
