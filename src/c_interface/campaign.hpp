// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>

/// What stands behind a handle of assay.h: a campaign in this process, or in a server. Each function is the one of its
/// name there, with arguments that can be; what it throws becomes a code and a message.
struct assay_campaign {
  assay_campaign() = default;
  assay_campaign(const assay_campaign&) = delete;
  assay_campaign& operator=(const assay_campaign&) = delete;
  virtual ~assay_campaign() = default;

  virtual std::int64_t input_size() const = 0;
  virtual std::int64_t target_size() const = 0;
  virtual int advance() = 0;
  virtual std::int64_t ask(std::int64_t count, std::int64_t* ids, double* inputs) = 0;
  virtual int tell(std::int64_t id, std::span<const double> targets) = 0;
  virtual int tell_failed(std::int64_t id, const char* reason, bool retry) = 0;
  virtual int tell_infeasible(std::int64_t id, const char* reason) = 0;
  /// \param count at least 1. \param deviations may be null.
  virtual int predict(std::int64_t count, const double* inputs, double* means, double* deviations) const = 0;

  /// At the end of the program, of a campaign that a call is under way in: gives it up, where that can be done. \return
  /// whether it was, and is not to be closed.
  virtual bool abandon_if_busy() { return false; }
};

namespace assay::c_interface {

/// Each library with assay.h has its own.
std::unique_ptr<assay_campaign> start(const char* directory, const char* config_file);
std::unique_ptr<assay_campaign> open(const char* directory);

}  // namespace assay::c_interface
