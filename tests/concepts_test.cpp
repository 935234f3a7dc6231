// SPDX-License-Identifier: Apache-2.0
// The protocols, tried on the smallest types that satisfy them and on types that miss one requirement.
#include "support/catch.hpp"

#include <assay/any/any_label.hpp>
#include <assay/any/any_learner.hpp>
#include <assay/any/any_metrology.hpp>
#include <assay/any/any_observer.hpp>
#include <assay/any/any_query.hpp>
#include <assay/any/any_stop.hpp>
#include <assay/any/any_training_loop.hpp>
#include <assay/concepts/data_pool.hpp>
#include <assay/data/tensor_pool.hpp>
#include <assay/learner/ensemble.hpp>
#include <assay/learner/mlp.hpp>
#include <assay/training/default_training_loop.hpp>

using namespace assay;

namespace {

struct PlainQuery {
  Selection select(const QueryContext&) const { return {}; }
};
struct NeedsVariance {
  Selection select(const QueryContextWith<Variance, Embeddings>&) const { return {}; }
};
struct NeedsDraws {
  Selection select(const QueryContextWith<PosteriorDraws>&) const { return {}; }
};
struct Remembers {
  Selection select(const QueryContext&) { return {}; }
};
struct RemembersDurably : Remembers {
  Selection select(const QueryContext&) { return {}; }
  State save() const { return {}; }
  void load(const State&) {}
};
struct TemplateSelect {
  template <class C>
  Selection select(const C&) const {
    return {};
  }
};
struct WrongReturn {
  int select(const QueryContext&) const { return 0; }
};
static_assert(QueryStrategy<PlainQuery> && QueryStrategy<NeedsVariance> && QueryStrategy<RemembersDurably> &&
              QueryStrategy<AnyQuery>);
static_assert(!QueryStrategy<Remembers> && !QueryStrategy<TemplateSelect> && !QueryStrategy<WrongReturn> &&
              !QueryStrategy<int>);
static_assert(QueryFor<NeedsDraws, Ensemble> && !QueryFor<NeedsDraws, Mlp> && QueryFor<NeedsDraws, AnyLearner>);

struct PlainPool {
  std::int64_t size() const { return 0; }
  Values gather(std::span<const std::int64_t>) const { return {}; }
};
struct Unsized {
  Values gather(std::span<const std::int64_t>) const { return {}; }
};
static_assert(DataPool<PlainPool> && DataPool<TensorPool> && !DataPool<Unsized>);

struct PlainLabel {
  void label(LabelContext&) {}
  std::vector<std::string> provides() const { return {}; }
};
struct Promiseless {
  void label(LabelContext&) {}
};
static_assert(LabelStrategy<PlainLabel> && LabelStrategy<AnyLabel> && !LabelStrategy<Promiseless>);

struct PlainMetric {
  Measurements measure(const MetrologyContext&) const { return {}; }
};
struct Counting {
  Measurements measure(const MetrologyContext&) { return {}; }
};
static_assert(MetrologyStrategy<PlainMetric> && MetrologyStrategy<AnyMetrology> && !MetrologyStrategy<Counting>);

struct PlainStop {
  std::optional<std::string> should_stop(const StopContext&) const { return {}; }
};
struct ForgetfulStop {
  std::optional<std::string> should_stop(const StopContext&) { return {}; }
};
static_assert(StopCriterion<PlainStop> && StopCriterion<AnyStop> && !StopCriterion<ForgetfulStop>);

struct Watcher {
  void observe(const Event&) {}
};
static_assert(Observer<Watcher> && Observer<AnyObserver> && !Observer<int>);

struct StatelessLoop {
  TrainingReport train(LearnerRef, TrainingContext&) { return {}; }
};
static_assert(TrainingLoop<DefaultTrainingLoop> && TrainingLoop<AnyTrainingLoop> && !TrainingLoop<StatelessLoop>);

static_assert(LearnerProtocol<Mlp> && LearnerProtocol<Ensemble> && LearnerProtocol<AnyLearner> &&
              !LearnerProtocol<PlainQuery>);
static_assert(ProvidesVariance<Ensemble> && !ProvidesPosteriorDraws<Mlp> && ProvidesEmbeddings<Mlp> &&
              ProvidesGradientFeatures<Mlp> && ProvidesPosteriorDraws<Ensemble> && ProvidesClassProbabilities<Mlp>);
static_assert(std::is_convertible_v<QueryContextWith<Variance, Embeddings>, QueryContext> &&
              !std::is_constructible_v<QueryContextWith<Variance>, QueryContext>);

}  // namespace

TEST_CASE("erased owners know what their strategy needs", "[concepts]") {
  CHECK(describe(AnyQuery(NeedsVariance()).requirements()) == "variance, embeddings");
  CHECK(AnyQuery(PlainQuery()).requirements().empty());
  CHECK(AnyQuery(PlainQuery()).spec()["type"].is_null());
}
