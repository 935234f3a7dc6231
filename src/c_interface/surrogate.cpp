// SPDX-License-Identifier: Apache-2.0
#include "guarded.hpp"

#include <assay/error.hpp>
#include <assay/surrogate.h>
#include <assay/surrogate.hpp>

#include <exception>
#include <new>
#include <span>
#include <string>
#include <utility>

struct assay_surrogate {
  assay::Surrogate surrogate;
};

namespace {

using namespace assay;

thread_local std::string message;

int failed_with(int code, std::string text) { return c_interface::failed_with(message, code, std::move(text)); }

template <class Use>
int guarded(Use use) noexcept {
  return c_interface::guarded(message, [&]() -> int { return use(); });
}

int require(bool holds, const char* function, const char* what) {
  return holds
             ? ASSAY_OK
             : failed_with(ASSAY_ERROR_ARGUMENT, std::string("[assay.c.argument] ") + function + ": expected " + what);
}

/// So many points that their numbers, and derivatives, can be counted.
bool can_be(std::int64_t count, const Surrogate& surrogate) {
  const double numbers = static_cast<double>(surrogate.input_size()) * static_cast<double>(surrogate.target_size() + 1);
  return count >= 0 && static_cast<double>(count) * numbers < 0x1p60;
}

std::span<const double> of(const double* numbers, std::int64_t count) {
  return {numbers, static_cast<std::size_t>(count)};
}
std::span<double> of(double* numbers, std::int64_t count) {
  return numbers ? std::span<double>(numbers, static_cast<std::size_t>(count)) : std::span<double>();
}

}  // namespace

extern "C" {

const char* assay_surrogate_message(void) { return message.c_str(); }

int assay_surrogate_open(const char* directory, assay_surrogate** surrogate) {
  if (surrogate) *surrogate = nullptr;
  if (const int wrong = require(directory && surrogate, __func__, "a directory and a place for the surrogate"))
    return wrong;
  return guarded([&] {
    *surrogate = new assay_surrogate{Surrogate(directory)};
    return ASSAY_OK;
  });
}

void assay_surrogate_close(assay_surrogate* surrogate) { delete surrogate; }

std::int64_t assay_surrogate_input_size(const assay_surrogate* surrogate) {
  return surrogate ? surrogate->surrogate.input_size()
                   : failed_with(ASSAY_ERROR_ARGUMENT, "[assay.c.argument] expected a surrogate that is open");
}

std::int64_t assay_surrogate_target_size(const assay_surrogate* surrogate) {
  return surrogate ? surrogate->surrogate.target_size()
                   : failed_with(ASSAY_ERROR_ARGUMENT, "[assay.c.argument] expected a surrogate that is open");
}

int assay_surrogate_has_deviation(const assay_surrogate* surrogate) {
  if (const int wrong = require(surrogate, __func__, "a surrogate that is open")) return wrong;
  return surrogate->surrogate.has_deviation() ? 1 : 0;
}

int assay_surrogate_inside(const assay_surrogate* surrogate, const double* point) {
  if (const int wrong = require(surrogate && point, __func__, "a surrogate that is open, and a point")) return wrong;
  return guarded([&] {
    const Surrogate& own = surrogate->surrogate;
    return own.inside(of(point, own.input_size())) ? 1 : 0;
  });
}

int assay_surrogate_predict(const assay_surrogate* surrogate, std::int64_t count, const double* points, double* means,
                            double* deviations) {
  if (const int wrong = require(
          surrogate && can_be(count, surrogate->surrogate) && (count == 0 || (points && means)), __func__,
          "a surrogate that is open, a number of points that fits into memory, points, and room for means"))
    return wrong;
  return guarded([&] {
    const Surrogate& own = surrogate->surrogate;
    const std::int64_t out = count * own.target_size();
    own.predict(of(points, count * own.input_size()), of(means, out), of(deviations, out));
    return ASSAY_OK;
  });
}

int assay_surrogate_predict_with_jacobian(const assay_surrogate* surrogate, std::int64_t count, const double* points,
                                          double* means, double* jacobians, double* deviations) {
  if (const int wrong = require(
          surrogate && can_be(count, surrogate->surrogate) && (count == 0 || (points && means && jacobians)), __func__,
          "a surrogate that is open, a number of points that fits into memory, points, and room for means and "
          "jacobians"))
    return wrong;
  return guarded([&] {
    const Surrogate& own = surrogate->surrogate;
    const std::int64_t out = count * own.target_size();
    own.predict_with_jacobian(of(points, count * own.input_size()), of(means, out),
                              of(jacobians, out * own.input_size()), of(deviations, out));
    return ASSAY_OK;
  });
}

}  // extern "C"
