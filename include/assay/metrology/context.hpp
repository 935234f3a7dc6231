// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/artifacts.hpp>
#include <assay/data/pool_view.hpp>
#include <assay/data/random.hpp>
#include <assay/learner/learner_view.hpp>
#include <assay/metrology/measurements.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

namespace assay {

/// What the driver knows when it has the learner measured.
struct MetrologyInputs {
  PoolView evaluation;  ///< the test pool, or the validation pool where there is none
  PoolView labeled;
  LearnerView learner;
  std::int64_t round = 0;
  RandomKey random{0};
  ArtifactFolders artifacts = {};
  /// Predictions on `evaluation`, made at the first use and shared by all metrics of the round.
  mutable std::optional<Values> predictions = std::nullopt;
  mutable std::optional<Values> truth = std::nullopt;
};

/// What a metrology strategy is given; capabilities as in `QueryContextWith`. Valid during `measure`.
template <class... Capabilities>
class MetrologyContextWith {
 public:
  explicit MetrologyContextWith(const MetrologyInputs& inputs) : inputs_(&inputs), learner_(inputs.learner) {}
  template <class... More>
    requires(sizeof...(More) > sizeof...(Capabilities) && (detail::is_listed<Capabilities, More...> && ...))
  MetrologyContextWith(const MetrologyContextWith<More...>& other) : MetrologyContextWith(other.all()) {}

  /// Labeled samples that training never sees: the test pool, else the validation pool; may be empty.
  const PoolView& evaluation() const noexcept { return inputs_->evaluation; }
  const PoolView& labeled() const noexcept { return inputs_->labeled; }
  const LearnerViewWith<Capabilities...>& learner() const noexcept { return learner_; }
  std::int64_t round() const noexcept { return inputs_->round; }
  const RandomKey& random() const noexcept { return inputs_->random; }

  /// The learner's predictions on `evaluation()`, in physical units; one forward pass a round for all metrics.
  const Values& predictions() const {
    if (!inputs_->predictions) inputs_->predictions = inputs_->learner.predict(inputs_->evaluation);
    return *inputs_->predictions;
  }
  /// The true targets of `evaluation()`.
  const Values& truth() const {
    if (!inputs_->truth) inputs_->truth = inputs_->evaluation.values().pick(inputs_->learner.targets());
    return *inputs_->truth;
  }

  /// A folder for the strategy's own files, `artifacts/metrology/NAME`: see `ArtifactFolders::folder`.
  std::filesystem::path artifacts(std::string_view name) const { return inputs_->artifacts.folder(name); }

  const MetrologyInputs& all() const noexcept { return *inputs_; }

 private:
  const MetrologyInputs* inputs_;
  LearnerViewWith<Capabilities...> learner_;
};

using MetrologyContext = MetrologyContextWith<>;

}  // namespace assay
