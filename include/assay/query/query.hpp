// SPDX-License-Identifier: Apache-2.0
#pragma once

// All query strategies.
#include <assay/query/chain.hpp>
#include <assay/query/core_set.hpp>
#include <assay/query/entropy.hpp>
#include <assay/query/least_confidence.hpp>
#include <assay/query/margin.hpp>
#include <assay/query/random.hpp>
#include <assay/query/variance.hpp>
