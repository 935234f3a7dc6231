// SPDX-License-Identifier: Apache-2.0
// The strategies that choose a batch by the candidates' features.
#include <assay/error.hpp>
#include <assay/query/badge.hpp>
#include <assay/query/bait.hpp>
#include <assay/query/frank_wolfe.hpp>
#include <assay/query/kmeans_pp.hpp>
#include <assay/query/lcmd.hpp>
#include <assay/query/max_det.hpp>
#include <assay/query/prob_cover.hpp>
#include <assay/query/typiclust.hpp>
#include <assay/select/bait.hpp>
#include <assay/select/frank_wolfe.hpp>
#include <assay/select/kmeans_pp.hpp>
#include <assay/select/lcmd.hpp>
#include <assay/select/max_det.hpp>
#include <assay/select/prob_cover.hpp>
#include <assay/select/typiclust.hpp>

#include <optional>

namespace assay {

namespace {

/// \param choose `SelectedBatch(const SelectionProblem&)`.
template <class Choose>
Selection select_by_features(const QueryContext& context, const FeatureOptions& features, bool labeled,
                             std::int64_t max_samples, Choose choose) {
  if (context.unlabeled().empty()) return {};
  const FeaturePair pair = make_features(context, features);
  SelectionProblem problem{.pool = FeatureMatrix(pair.unlabeled, "candidates"),
                           .count = max_samples,
                           .seed = context.random().with("choice").bits(),
                           .ids = context.unlabeled().ids()};
  if (labeled && pair.labeled.defined()) problem.train = FeatureMatrix(pair.labeled, "labeled samples");
  SelectedBatch batch = choose(problem);
  return {.positions = std::move(batch.rows), .scores = std::move(batch.scores), .strategies = {}};
}

/// The classes that the learner tells apart, if it does.
std::optional<std::int64_t> classes_of(const QueryContext& context) {
  if (!context.learner().capabilities().has(Capability::class_probabilities)) return std::nullopt;
  const std::vector<std::int64_t> one{0};
  return detail::class_probabilities(context.learner(), context.unlabeled().subset(one)).size(1);
}

template <class Options>
void require_unconditioned(const Options& options, std::string_view key) {
  require_valid(options, key);
  if (!options.features.posterior) return;
  throw ConfigError({"assay.config.value", std::string(key).append("/features/posterior"), "false", "true",
                     "the method conditions on the labeled samples itself"});
}

}  // namespace

Lcmd::Lcmd(LcmdOptions options_) : options(options_) { require_valid(options, key); }
Selection Lcmd::select(const QueryContext& context) const {
  return select_by_features(context, options.features, options.labeled, options.max_samples,
                            [](const SelectionProblem& problem) { return lcmd(problem); });
}

KMeansPp::KMeansPp(KMeansPpOptions options_) : options(options_) { require_valid(options, key); }
Selection KMeansPp::select(const QueryContext& context) const {
  return select_by_features(context, options.features, options.labeled, options.max_samples,
                            [](const SelectionProblem& problem) { return kmeans_pp(problem); });
}

FrankWolfe::FrankWolfe(FrankWolfeOptions options_) : options(options_) { require_valid(options, key); }
Selection FrankWolfe::select(const QueryContext& context) const {
  return select_by_features(context, options.features, false, options.max_samples,
                            [](const SelectionProblem& problem) { return frank_wolfe(problem); });
}

MaxDet::MaxDet(MaxDetQueryOptions options_) : options(options_) { require_unconditioned(options, key); }
Selection MaxDet::select(const QueryContext& context) const {
  return select_by_features(
      context, options.features, options.labeled, options.max_samples,
      [&](const SelectionProblem& problem) { return max_det(problem, {.sigma = options.sigma}); });
}

Bait::Bait(BaitQueryOptions options_) : options(options_) { require_unconditioned(options, key); }
Selection Bait::select(const QueryContext& context) const {
  return select_by_features(context, options.features, options.labeled, options.max_samples,
                            [&](const SelectionProblem& problem) { return bait(problem, {.sigma = options.sigma}); });
}

Typiclust::Typiclust(TypiclustQueryOptions options_) : options(options_) { require_valid(options, key); }
Selection Typiclust::select(const QueryContext& context) const {
  return select_by_features(
      context, options.features, options.labeled, options.max_samples, [&](const SelectionProblem& problem) {
        return typiclust(problem, {.max_clusters = options.max_clusters, .neighbors = options.neighbors});
      });
}

ProbCover::ProbCover(ProbCoverQueryOptions options_) : options(options_) { require_valid(options, key); }
Selection ProbCover::select(const QueryContext& context) const {
  return select_by_features(
      context, options.features, options.labeled, options.max_samples, [&](const SelectionProblem& problem) {
        const double radius = options.radius ? *options.radius
                                             : pure_radius(problem, {.clusters = classes_of(context).value_or(10)});
        return prob_cover(problem, {.radius = radius});
      });
}

Selection Badge::select(const QueryContextWith<Embeddings, ClassProbabilities>& context) const {
  return select_by_features(context, {.of = FeatureBase::loss_gradients, .sketch = options.sketch}, false,
                            options.max_samples, [](const SelectionProblem& problem) { return kmeans_pp(problem); });
}

}  // namespace assay
