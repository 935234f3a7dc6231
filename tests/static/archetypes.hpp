// SPDX-License-Identifier: Apache-2.0
// The smallest types that satisfy the protocols. Each leaves out the one requirement that its parameter names.
#pragma once

#include <assay/any/any_training_loop.hpp>
#include <assay/concepts/data_pool.hpp>
#include <assay/concepts/label_strategy.hpp>
#include <assay/concepts/learner.hpp>
#include <assay/concepts/metrology_strategy.hpp>
#include <assay/concepts/observer.hpp>
#include <assay/concepts/query_strategy.hpp>
#include <assay/concepts/stop_criterion.hpp>

#include <optional>
#include <string>
#include <vector>

namespace archetype {

using namespace assay;

enum class Lacks {
  nothing,
  inputs,
  targets,
  parameters,
  pack,
  training_step,
  predict,
  set_training,
  reset,
  save,
  load,
  size,
  gather,
  select,
  label,
  provides,
  measure,
  should_stop,
  train,
  observe,
  // Not absent, but not as the protocol has it:
  constness,
  context,
  result,
};
using enum Lacks;

/// The state of an archetype, without `save` or `load` if those are what it lacks.
template <Lacks lacks>
struct WithState {
  State save() const
    requires(lacks != Lacks::save)
  {
    return {};
  }
  void load(const State&)
    requires(lacks != Lacks::load)
  {}
};

template <Lacks lacks = nothing>
struct Learner : WithState<lacks> {
  std::vector<std::string> inputs() const
    requires(lacks != Lacks::inputs)
  {
    return {};
  }
  std::vector<std::string> targets() const
    requires(lacks != Lacks::targets)
  {
    return {};
  }
  std::vector<torch::Tensor> parameters() const
    requires(lacks != Lacks::parameters)
  {
    return {};
  }
  Batch pack(const Values&, std::span<const SampleId>) const
    requires(lacks != Lacks::pack)
  {
    return {};
  }
  torch::Tensor training_step(const Batch&)
    requires(lacks != Lacks::training_step)
  {
    return {};
  }
  Values predict(const Values& inputs) const
    requires(lacks != Lacks::predict && lacks != constness)
  {
    return inputs;
  }
  Values predict(const Values& inputs)
    requires(lacks == constness)
  {
    return inputs;
  }
  void set_training(bool)
    requires(lacks != Lacks::set_training)
  {}
  void reset(std::uint64_t)
    requires(lacks != Lacks::reset)
  {}
};

template <Lacks lacks = nothing>
struct Pool {
  std::int64_t size() const
    requires(lacks != Lacks::size)
  {
    return 0;
  }
  Values gather(std::span<const std::int64_t>) const
    requires(lacks != Lacks::gather && lacks != result)
  {
    return {};
  }
  std::vector<Values> gather(std::span<const std::int64_t>) const
    requires(lacks == result)
  {
    return {};
  }
};

template <Lacks lacks = nothing>
struct Query {
  Selection select(const QueryContext&) const { return {}; }
};
template <>
struct Query<Lacks::select> {};
template <>
struct Query<result> {
  int select(const QueryContext&) const { return 0; }
};
template <>
struct Query<context> {
  Selection select(const QueryInputs&) const { return {}; }
};
template <>
struct Query<constness> {
  Selection select(const QueryContext&) { return {}; }
};
/// Remembers, and may.
template <Lacks lacks = nothing>
struct StatefulQuery : WithState<lacks> {
  Selection select(const QueryContext&) { return {}; }
};

template <Lacks lacks = nothing>
struct Label {
  void label(LabelContext&)
    requires(lacks != Lacks::label)
  {}
  std::vector<std::string> provides() const
    requires(lacks != Lacks::provides)
  {
    return {};
  }
};

template <Lacks lacks = nothing>
struct Metric {
  Measurements measure(const MetrologyContext&) const { return {}; }
};
template <>
struct Metric<Lacks::measure> {};
template <>
struct Metric<result> {
  double measure(const MetrologyContext&) const { return 0; }
};
template <>
struct Metric<context> {
  Measurements measure(const Values&) const { return {}; }
};
template <>
struct Metric<constness> {
  Measurements measure(const MetrologyContext&) { return {}; }
};
template <Lacks lacks = nothing>
struct StatefulMetric : WithState<lacks> {
  Measurements measure(const MetrologyContext&) { return {}; }
};

template <Lacks lacks = nothing>
struct Stop {
  std::optional<std::string> should_stop(const StopContext&) const { return {}; }
};
template <>
struct Stop<Lacks::should_stop> {};
template <>
struct Stop<result> {
  bool should_stop(const StopContext&) const { return false; }
};
template <>
struct Stop<constness> {
  std::optional<std::string> should_stop(const StopContext&) { return {}; }
};
template <Lacks lacks = nothing>
struct StatefulStop : WithState<lacks> {
  std::optional<std::string> should_stop(const StopContext&) { return {}; }
};

template <Lacks lacks = nothing>
struct Loop : WithState<lacks> {
  TrainingReport train(LearnerRef, TrainingContext&)
    requires(lacks != Lacks::train && lacks != result)
  {
    return {};
  }
  void train(LearnerRef, TrainingContext&)
    requires(lacks == result)
  {}
};

template <Lacks lacks = nothing>
struct Observer {
  void observe(const Event&)
    requires(lacks != Lacks::observe)
  {}
};

/// A learner with one capability, or with something of its name that is not the capability.
template <class Result>
struct Capable : Learner<> {
  Result variance(const Values&) const { return {}; }
  Result embeddings(const Values&) const { return {}; }
  Result posterior_draws(const Values&, std::int64_t, std::uint64_t) const { return {}; }
  Result class_probabilities(const Values&) const { return {}; }
  Result gradient_features(const Values&, const GradientOptions&) const { return {}; }
};

}  // namespace archetype
