// SPDX-License-Identifier: Apache-2.0
#pragma once

// All metrology strategies.
#include <assay/metrology/accuracy.hpp>
#include <assay/metrology/classification_report.hpp>
#include <assay/metrology/coverage.hpp>
#include <assay/metrology/log_likelihood.hpp>
#include <assay/metrology/mae.hpp>
#include <assay/metrology/max_error.hpp>
#include <assay/metrology/metrics.hpp>
#include <assay/metrology/no_metrology.hpp>
#include <assay/metrology/r2.hpp>
#include <assay/metrology/rmse.hpp>
