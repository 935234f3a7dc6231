// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "forms.hpp"
#include "model.hpp"

#include <assay/surrogate.hpp>

#include <filesystem>
#include <memory>
#include <span>
#include <vector>

namespace assay::detail {

class SurrogateTensors;

/// Of one point.
inline std::int64_t numbers_of(const Surrogate::Field& field) {
  std::int64_t numbers = 1;
  for (const std::int64_t extent : field.shape) numbers *= extent;
  return numbers;
}

/// What the files of an exported learner hold.
class ExportedSurrogate {
 public:
  explicit ExportedSurrogate(const std::filesystem::path& directory);

  std::vector<Surrogate::Field> inputs, targets;
  Surrogate::Provenance provenance;
  std::int64_t input_size = 0, target_size = 0, classes = 0;
  bool has_deviation() const { return model_->has_variance(); }
  bool inside(std::span<const double> point) const;

  /// \param deviations, jacobians null: not asked for.
  void predict(std::int64_t count, const double* points, double* means, double* deviations, double* jacobians) const;

 private:
  /// z = (x - mean) / scale, or back.
  struct Scaling {
    std::vector<double> mean, scale;
  };
  /// How a component of the targets is inverted after the learner's own scale.
  struct Inverse {
    bool exponential = false;
    double factor = 1, shift = 0;  ///< y = factor · z + shift, where it is not exponential
  };

  void read_transforms(const Json& transforms, const SurrogateTensors& tensors, const std::string& where);
  void predict_block(std::int64_t count, const double* points, double* means, double* deviations,
                     double* jacobians) const;
  /// From the learner's own units, with the variance in place of the deviation, to those of the targets.
  void invert(std::int64_t count, double* means, double* variances, double* jacobians) const;

  SurrogateForms forms_;
  Scaling x_, y_;
  std::vector<Inverse> inverse_;  // one a component
  std::unique_ptr<const SurrogateModel> model_;
};

}  // namespace assay::detail
