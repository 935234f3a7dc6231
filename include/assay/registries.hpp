// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/any/any_label.hpp>
#include <assay/any/any_learner.hpp>
#include <assay/any/any_metrology.hpp>
#include <assay/any/any_observer.hpp>
#include <assay/any/any_pool.hpp>
#include <assay/any/any_query.hpp>
#include <assay/any/any_stop.hpp>
#include <assay/any/any_training_loop.hpp>
#include <assay/any/any_transform.hpp>
#include <assay/label/function_label.hpp>
#include <assay/label/process_label.hpp>
#include <assay/registry.hpp>
#include <assay/training/optimizer.hpp>
#include <assay/training/scheduler.hpp>

namespace assay {

struct AnyModule;

/// Everything a configuration or a checkpoint can name. Starts with all that assay brings; add your own:
///
///     assay::Registries registries;
///     registries.query.add<NearStall>();
///     registries.functions.add("drag", [](const assay::Values& x) { return drag(x); });
struct Registries {
  Registries();

  Registry<AnyLearner> learner{"learner"};
  Registry<AnyQuery> query{"query strategy"};
  Registry<AnyLabel> label{"label strategy"};
  Registry<AnyMetrology> metrology{"metrology strategy"};
  Registry<AnyTrainingLoop> loop{"training loop"};
  Registry<AnyOptimizer> optimizer{"optimizer"};
  Registry<AnyScheduler> scheduler{"scheduler"};
  Registry<AnyStop> stop{"stop criterion"};
  Registry<AnyObserver> observer{"observer"};
  Registry<AnyPool> pool{"pool"};
  Registry<AnyTransform> transform{"target transform"};

  /// For `FunctionLabel`.
  NamedTable<std::function<Values(const Values&)>> functions{"function"};
  /// For `ProcessLabel`.
  NamedTable<ProcessLabel::Writer> writers{"writer of input files"};
  NamedTable<ProcessLabel::Reader> readers{"reader of output files"};
  /// For `Filter`: a batch of candidates → which may be picked, [n] of true and false.
  NamedTable<std::function<torch::Tensor(const Values&)>> predicates{"predicate"};
  /// For `ModuleLearner`: makes the module with its loss.
  NamedTable<std::function<AnyModule()>> modules{"module"};
};

}  // namespace assay
