// SPDX-License-Identifier: Apache-2.0
#pragma once

// All query strategies.
#include <assay/query/badge.hpp>
#include <assay/query/bait.hpp>
#include <assay/query/bald.hpp>
#include <assay/query/batch_bald.hpp>
#include <assay/query/chain.hpp>
#include <assay/query/cold_start.hpp>
#include <assay/query/core_set.hpp>
#include <assay/query/entropy.hpp>
#include <assay/query/expected_value.hpp>
#include <assay/query/features.hpp>
#include <assay/query/filter.hpp>
#include <assay/query/frank_wolfe.hpp>
#include <assay/query/greedy_sampling.hpp>
#include <assay/query/kmeans_pp.hpp>
#include <assay/query/lcmd.hpp>
#include <assay/query/least_confidence.hpp>
#include <assay/query/margin.hpp>
#include <assay/query/max_det.hpp>
#include <assay/query/mix.hpp>
#include <assay/query/power_bald.hpp>
#include <assay/query/prob_cover.hpp>
#include <assay/query/query_by_committee.hpp>
#include <assay/query/random.hpp>
#include <assay/query/random_share.hpp>
#include <assay/query/subsample.hpp>
#include <assay/query/typiclust.hpp>
#include <assay/query/variance.hpp>
