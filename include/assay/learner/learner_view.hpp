// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/any/any_learner.hpp>
#include <assay/data/pool_view.hpp>

#include <memory>

namespace assay {

namespace detail {
struct LearnerAccess;
}  // namespace detail

/// The trained learner as a strategy sees it: read-only, asked about views of pools, in blocks of bounded memory.
///
/// Cost: every member is one forward pass over the view, without gradients; nothing is cached.
class LearnerView {
 public:
  /// \param target_variance variance of every component of every target over the labeled pool, for scaling; empty
  ///   entries count as one.
  explicit LearnerView(LearnerRef learner, Values target_variance = {});

  std::vector<std::string> inputs() const { return learner_->inputs(); }
  std::vector<std::string> targets() const { return learner_->targets(); }
  CapabilitySet capabilities() const { return learner_->capabilities(); }

  /// Targets in physical units, each [n, shape...].
  Values predict(const PoolView& pool) const;
  /// The same for inputs that are in no pool: a batch of fields, each [n, shape...], in one forward pass.
  Values predict(const Values& inputs) const { return learner_->predict(inputs); }
  /// [n, d] float64: the inputs in the form in which the learner takes them (logarithms, a column for each value of a
  /// category), before any scaling.
  torch::Tensor input_columns(const PoolView& pool) const;
  torch::Tensor input_columns(const Values& inputs) const { return learner_->input_columns(inputs); }
  /// What one component of a target counts beside those of others. \param components of the target.
  double component_weight(const std::string& target, std::int64_t components) const;
  const Values& target_variance() const noexcept { return *target_variance_; }

 private:
  friend struct detail::LearnerAccess;

  LearnerRef learner_;
  std::shared_ptr<const Values> target_variance_;
};

namespace detail {
Values variances(const LearnerView& learner, const PoolView& pool);
torch::Tensor scaled_variance(const LearnerView& learner, const PoolView& pool,
                              const std::vector<std::string>& targets);
torch::Tensor embeddings(const LearnerView& learner, const PoolView& pool);
torch::Tensor posterior_draws(const LearnerView& learner, const PoolView& pool, std::int64_t draws, std::uint64_t seed);
torch::Tensor class_probabilities(const LearnerView& learner, const PoolView& pool);
torch::Tensor gradient_features(const LearnerView& learner, const PoolView& pool, const GradientOptions& options);
}  // namespace detail

/// \name Capability tags: `QueryContextWith<Variance>` has a learner with `variance`
/// Each tag says which learners provide it and which members it gives their view.
/// @{
struct Variance {
  static constexpr Capability capability = Capability::variance;
  template <class L>
  static constexpr bool provided_by = ProvidesVariance<L>;
  template <class View>
  struct Members {
    /// [n] float64: predictive variance, each target component divided by its variance over the labeled pool, then
    /// averaged over targets, each with its weight.
    /// \param targets those that count; empty: all. Errors: `ConfigError` for one that the learner does not predict.
    torch::Tensor variance(const PoolView& pool, const std::vector<std::string>& targets = {}) const {
      return detail::scaled_variance(static_cast<const View&>(*this), pool, targets);
    }
    /// Predictive variance of every target in squared physical units, each [n, shape...].
    Values variances(const PoolView& pool) const { return detail::variances(static_cast<const View&>(*this), pool); }
  };
};

struct Embeddings {
  static constexpr Capability capability = Capability::embeddings;
  template <class L>
  static constexpr bool provided_by = ProvidesEmbeddings<L>;
  template <class View>
  struct Members {
    /// [n, d]: the representation before the last layer.
    torch::Tensor embeddings(const PoolView& pool) const {
      return detail::embeddings(static_cast<const View&>(*this), pool);
    }
  };
};

struct PosteriorDraws {
  static constexpr Capability capability = Capability::posterior_draws;
  template <class L>
  static constexpr bool provided_by = ProvidesPosteriorDraws<L>;
  template <class View>
  struct Members {
    /// [draws, n, k]: standardised outputs, or class probabilities, of `draws` functions drawn with `seed`.
    torch::Tensor posterior_draws(const PoolView& pool, std::int64_t draws, std::uint64_t seed) const {
      return detail::posterior_draws(static_cast<const View&>(*this), pool, draws, seed);
    }
  };
};

struct ClassProbabilities {
  static constexpr Capability capability = Capability::class_probabilities;
  template <class L>
  static constexpr bool provided_by = ProvidesClassProbabilities<L>;
  template <class View>
  struct Members {
    /// [n, classes], rows summing to one.
    torch::Tensor class_probabilities(const PoolView& pool) const {
      return detail::class_probabilities(static_cast<const View&>(*this), pool);
    }
  };
};

struct GradientFeatures {
  static constexpr Capability capability = Capability::gradient_features;
  template <class L>
  static constexpr bool provided_by = ProvidesGradientFeatures<L>;
  template <class View>
  struct Members {
    /// [n, d]: features whose inner products are those of output gradients with respect to the parameters.
    torch::Tensor gradient_features(const PoolView& pool, const GradientOptions& options = {}) const {
      return detail::gradient_features(static_cast<const View&>(*this), pool, options);
    }
  };
};
/// @}

/// A learner view with the members of the listed capabilities and no others: undeclared use does not compile.
template <class... Capabilities>
class LearnerViewWith : public LearnerView, public Capabilities::template Members<LearnerViewWith<Capabilities...>>... {
 public:
  explicit LearnerViewWith(LearnerView view) : LearnerView(std::move(view)) {}
};

namespace detail {
template <class One, class... List>
inline constexpr bool is_listed = (std::same_as<One, List> || ...);
}  // namespace detail

}  // namespace assay
