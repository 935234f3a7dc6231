// SPDX-License-Identifier: Apache-2.0
#pragma once

// All stop criteria.
#include <assay/stop/label_budget.hpp>
#include <assay/stop/max_rounds.hpp>
#include <assay/stop/plateau.hpp>
#include <assay/stop/target_metric.hpp>
#include <assay/stop/wall_time.hpp>
