// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace assay {

namespace detail {
class SurrogateNet;
}

/// An exported network in a solver: `learner.json` and `learner.safetensors` of an `mlp` or an `ensemble` (a
/// regression), or of a `transformed` one with the transforms `log` and `standardise`. This header needs neither
/// LibTorch nor anything else of assay; link `assay::surrogate` alone, or `assay::assay` where that is there anyway.
///
///     const assay::Surrogate drag("surrogates/drag");
///     std::array<double, 3> x{angle, speed, density};
///     double mean, deviation;
///     drag.predict(x, {&mean, 1}, {&deviation, 1});
///
/// All members are const and may be called from any number of threads at once; none starts threads of its own. A thread
/// keeps the memory that its largest call needed.
class Surrogate {
 public:
  struct Field {
    std::string name;
    std::vector<std::int64_t> shape;  ///< of one point; empty for a number
  };

  /// Errors: `DataError` for files that are not there; `CheckpointError` for others than an exported network, and for a
  /// network or transform of another kind.
  explicit Surrogate(const std::filesystem::path& directory);
  Surrogate(Surrogate&&) noexcept;
  Surrogate& operator=(Surrogate&&) noexcept;
  ~Surrogate();

  /// What a point consists of: the fields one behind the other, each in C order.
  const std::vector<Field>& inputs() const noexcept;
  const std::vector<Field>& targets() const noexcept;
  /// Numbers of a point.
  std::int64_t input_size() const noexcept;
  std::int64_t target_size() const noexcept;
  /// Whether there is a predictive deviation: of an ensemble, or a network with loss "gaussian".
  bool has_deviation() const noexcept;

  /// Predicts n points, in physical units.
  /// \param points [n, input_size] in C order. \param means [n, target_size]. \param deviations as `means`, or empty.
  /// Errors: `ShapeError` for spans that do not fit together, and for deviations of a network without; `DataError`
  /// for a number that has no logarithm where the network takes one, or is no index of a category.
  /// Cost: n forward passes of each member; below 64 Ki points in one block of memory a thread.
  void predict(std::span<const double> points, std::span<double> means, std::span<double> deviations = {}) const;

 private:
  std::unique_ptr<const detail::SurrogateNet> net_;
};

}  // namespace assay
