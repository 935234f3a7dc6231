// SPDX-License-Identifier: Apache-2.0
#pragma once

// The whole library. Programs that care for compile time include what they use.
#include <assay/campaign_hash.hpp>
#include <assay/checkpoint.hpp>
#include <assay/config.hpp>
#include <assay/data/fresh_candidates.hpp>
#include <assay/data/npy.hpp>
#include <assay/data/range_pool.hpp>
#include <assay/data/safetensors.hpp>
#include <assay/data/space.hpp>
#include <assay/driver.hpp>
#include <assay/label/label.hpp>
#include <assay/learner/ensemble.hpp>
#include <assay/learner/mlp.hpp>
#include <assay/learner/module_learner.hpp>
#include <assay/metrology/metrology.hpp>
#include <assay/observer/console_log.hpp>
#include <assay/query/query.hpp>
#include <assay/registries.hpp>
#include <assay/select/bait.hpp>
#include <assay/select/frank_wolfe.hpp>
#include <assay/select/k_center.hpp>
#include <assay/select/kmeans_pp.hpp>
#include <assay/select/lcmd.hpp>
#include <assay/select/max_det.hpp>
#include <assay/select/methods.hpp>
#include <assay/select/prob_cover.hpp>
#include <assay/select/stochastic.hpp>
#include <assay/select/top_k.hpp>
#include <assay/select/typiclust.hpp>
#include <assay/stop/stop.hpp>
#include <assay/training/adam.hpp>
#include <assay/training/adamw.hpp>
#include <assay/training/default_training_loop.hpp>
#include <assay/training/sgd.hpp>
#include <assay/training/torch_optimizer.hpp>
