// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/concepts/label_strategy.hpp>
#include <assay/concepts/learner.hpp>
#include <assay/concepts/metrology_strategy.hpp>
#include <assay/concepts/query_strategy.hpp>
#include <assay/concepts/training_loop.hpp>
#include <assay/detail/slot_checks.hpp>

namespace assay::detail {

/// One sentence for every way in which a type can miss a protocol, each on the failing path only. The driver derives
/// its checks from this so that the first lines of a compiler's output are ours.
template <class T>
consteval bool check_learner() {
  if constexpr (!LearnerProtocol<T>) {
    static_assert(
        requires(const T& c) {
          { c.inputs() } -> std::convertible_to<std::vector<std::string>>;
        }, "assay: a learner needs 'std::vector<std::string> inputs() const'");
    static_assert(
        requires(const T& c) {
          { c.targets() } -> std::convertible_to<std::vector<std::string>>;
        }, "assay: a learner needs 'std::vector<std::string> targets() const'");
    static_assert(
        requires(const T& c) {
          { c.parameters() } -> std::same_as<std::vector<torch::Tensor>>;
        }, "assay: a learner needs 'std::vector<torch::Tensor> parameters() const'");
    static_assert(
        requires(const T& c, const Values& v, std::span<const SampleId> ids) {
          { c.pack(v, ids) } -> std::same_as<Batch>;
        }, "assay: a learner needs 'Batch pack(const Values& samples, std::span<const SampleId> ids) const'");
    static_assert(
        requires(T& l, const Batch& b) {
          { l.training_step(b) } -> std::same_as<torch::Tensor>;
        }, "assay: a learner needs 'torch::Tensor training_step(const Batch&)'");
    static_assert(
        requires(const T& c, const Values& v) {
          { c.predict(v) } -> std::same_as<Values>;
        }, "assay: a learner needs 'Values predict(const Values& inputs) const'");
    static_assert(requires(T& l) { l.set_training(true); }, "assay: a learner needs 'void set_training(bool)'");
    static_assert(
        requires(T& l) { l.reset(std::uint64_t{}); }, "assay: a learner needs 'void reset(std::uint64_t seed)'");
    static_assert(Stateful<T>, "assay: a learner needs 'State save() const' and 'void load(const State&)'");
  }
  return LearnerProtocol<T>;
}

template <class T>
consteval bool check_query() {
  if constexpr (!QueryStrategy<T>) {
    static_assert(HasSelect<T>, "assay: a QueryStrategy needs 'Selection select(const QueryContext&) const'");
    if constexpr (HasSelect<T>) {
      static_assert(SelectSignature<T>::valid,
                    "assay: 'select' of a QueryStrategy takes one 'const QueryContextWith<...>&' and is no template");
      if constexpr (SelectSignature<T>::valid) {
        static_assert(std::same_as<typename SelectSignature<T>::Returns, Selection>,
                      "assay: 'select' of a QueryStrategy returns a 'Selection'");
        static_assert(SelectSignature<T>::is_const || Stateful<T>,
                      "assay: a QueryStrategy with a non-const 'select' needs 'State save() const' and "
                      "'void load(const State&)', or a campaign could not be resumed");
      }
    }
  }
  return QueryStrategy<T>;
}

template <class T>
consteval bool check_label() {
  if constexpr (!LabelStrategy<T>) {
    static_assert(HasLabel<T>, "assay: a LabelStrategy needs 'void label(LabelContext&)'");
    static_assert(HasProvides<T>, "assay: a LabelStrategy needs 'std::vector<std::string> provides() const'");
  }
  return LabelStrategy<T>;
}

template <class T>
consteval bool check_metrology() {
  if constexpr (!MetrologyStrategy<T>) {
    static_assert(HasMeasure<T>,
                  "assay: a MetrologyStrategy needs 'Measurements measure(const MetrologyContext&) const'");
    if constexpr (HasMeasure<T>) {
      static_assert(
          MeasureSignature<T>::valid,
          "assay: 'measure' of a MetrologyStrategy takes one 'const MetrologyContextWith<...>&' and is no template");
      if constexpr (MeasureSignature<T>::valid) {
        static_assert(std::same_as<typename MeasureSignature<T>::Returns, Measurements>,
                      "assay: 'measure' of a MetrologyStrategy returns 'Measurements'");
        static_assert(MeasureSignature<T>::is_const || Stateful<T>,
                      "assay: a MetrologyStrategy with a non-const 'measure' needs 'State save() const' and "
                      "'void load(const State&)', or a campaign could not be resumed");
      }
    }
  }
  return MetrologyStrategy<T>;
}

template <class T>
consteval bool check_loop() {
  static_assert(
      TrainingLoop<T>,
      "assay: a TrainingLoop needs 'TrainingReport train(LearnerRef, TrainingContext&)', 'State save() const' "
      "and 'void load(const State&)'");
  return TrainingLoop<T>;
}

template <class Query, class Learner>
consteval bool check_match() {
  if constexpr (QueryStrategy<Query> && LearnerProtocol<Learner>) {
    static_assert(QueryFor<Query, Learner>,
                  "assay: the query strategy needs a capability (see the parameter of its 'select') that the learner "
                  "does not provide");
  }
  return true;
}

template <class Metrology, class Learner>
consteval bool check_metrology_match() {
  if constexpr (MetrologyStrategy<Metrology> && LearnerProtocol<Learner>) {
    static_assert(MetrologyFor<Metrology, Learner>,
                  "assay: the metrology strategy needs a capability (see the parameter of its 'measure') that the "
                  "learner does not provide");
  }
  return true;
}

/// Throws `ConfigError` `assay.driver.capability` naming the slot and what is missing.
void require_capabilities(std::string_view slot, CapabilitySet required, CapabilitySet provided);

}  // namespace assay::detail
