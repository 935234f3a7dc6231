// SPDX-License-Identifier: Apache-2.0
// Every requirement of every protocol, by the archetype that lacks it alone.
#include "static/archetypes.hpp"

#include <assay/any/any_label.hpp>
#include <assay/any/any_learner.hpp>
#include <assay/any/any_metrology.hpp>
#include <assay/any/any_observer.hpp>
#include <assay/any/any_pool.hpp>
#include <assay/any/any_query.hpp>
#include <assay/any/any_stop.hpp>

using namespace archetype;

namespace {

static_assert(LearnerProtocol<Learner<>> && LearnerProtocol<AnyLearner>);
static_assert(!LearnerProtocol<Learner<inputs>>);
static_assert(!LearnerProtocol<Learner<targets>>);
static_assert(!LearnerProtocol<Learner<parameters>>);
static_assert(!LearnerProtocol<Learner<pack>>);
static_assert(!LearnerProtocol<Learner<training_step>>);
static_assert(!LearnerProtocol<Learner<predict>>);
static_assert(!LearnerProtocol<Learner<constness>>);
static_assert(!LearnerProtocol<Learner<set_training>>);
static_assert(!LearnerProtocol<Learner<reset>>);
static_assert(!LearnerProtocol<Learner<save>>);
static_assert(!LearnerProtocol<Learner<load>>);

using GivesValues = Capable<Values>;
using GivesTensor = Capable<torch::Tensor>;
static_assert(ProvidesVariance<GivesValues> && !ProvidesVariance<GivesTensor> && !ProvidesVariance<Learner<>>);
static_assert(ProvidesEmbeddings<GivesTensor> && !ProvidesEmbeddings<GivesValues> && !ProvidesEmbeddings<Learner<>>);
static_assert(ProvidesPosteriorDraws<GivesTensor> && !ProvidesPosteriorDraws<GivesValues> &&
              !ProvidesPosteriorDraws<Learner<>>);
static_assert(ProvidesClassProbabilities<GivesTensor> && !ProvidesClassProbabilities<GivesValues> &&
              !ProvidesClassProbabilities<Learner<>>);
static_assert(ProvidesGradientFeatures<GivesTensor> && !ProvidesGradientFeatures<GivesValues> &&
              !ProvidesGradientFeatures<Learner<>>);

static_assert(DataPool<Pool<>> && DataPool<AnyPool>);
static_assert(!DataPool<Pool<size>> && !DataPool<Pool<gather>> && !DataPool<Pool<result>>);

static_assert(QueryStrategy<archetype::Query<>> && QueryStrategy<StatefulQuery<>> && QueryStrategy<AnyQuery>);
static_assert(!QueryStrategy<archetype::Query<Lacks::select>> && !QueryStrategy<archetype::Query<result>> &&
              !QueryStrategy<archetype::Query<context>> && !QueryStrategy<archetype::Query<constness>>);
static_assert(!QueryStrategy<StatefulQuery<save>> && !QueryStrategy<StatefulQuery<load>>);

static_assert(LabelStrategy<archetype::Label<>> && LabelStrategy<AnyLabel>);
static_assert(!LabelStrategy<archetype::Label<label>> && !LabelStrategy<archetype::Label<provides>>);

static_assert(MetrologyStrategy<Metric<>> && MetrologyStrategy<StatefulMetric<>> && MetrologyStrategy<AnyMetrology>);
static_assert(!MetrologyStrategy<Metric<measure>> && !MetrologyStrategy<Metric<result>> &&
              !MetrologyStrategy<Metric<context>> && !MetrologyStrategy<Metric<constness>>);
static_assert(!MetrologyStrategy<StatefulMetric<save>> && !MetrologyStrategy<StatefulMetric<load>>);

static_assert(StopCriterion<Stop<>> && StopCriterion<StatefulStop<>> && StopCriterion<AnyStop>);
static_assert(!StopCriterion<Stop<should_stop>> && !StopCriterion<Stop<result>> && !StopCriterion<Stop<constness>>);
static_assert(!StopCriterion<StatefulStop<save>> && !StopCriterion<StatefulStop<load>>);

static_assert(TrainingLoop<Loop<>> && TrainingLoop<AnyTrainingLoop>);
static_assert(!TrainingLoop<Loop<train>> && !TrainingLoop<Loop<result>> && !TrainingLoop<Loop<save>> &&
              !TrainingLoop<Loop<load>>);

static_assert(assay::Observer<archetype::Observer<>> && assay::Observer<AnyObserver>);
static_assert(!assay::Observer<archetype::Observer<observe>>);

// The constructors that say what is missing are for single components: containers still find out by asking.
static_assert(!std::is_convertible_v<int, AnyStop> && !std::is_convertible_v<std::vector<AnyStop>, AnyStop> &&
              !std::is_convertible_v<std::vector<AnyObserver>, AnyObserver> && !std::is_convertible_v<int, AnyPool>);
static_assert(std::is_convertible_v<Values, AnyPool> && std::is_convertible_v<Stop<>, AnyStop>);

}  // namespace
