// SPDX-License-Identifier: Apache-2.0
// What the functions of assay.h say of arguments that cannot be, in process and through a server: null if they can.
#pragma once

#include <cstdint>

namespace assay::c_interface {

inline const char* wrong_for_new(const void* directory, const void* config_file, const void* campaign) {
  return directory && config_file && campaign ? nullptr : "assay_new: a null pointer";
}

inline const char* wrong_for_open(const void* directory, const void* campaign) {
  return directory && campaign ? nullptr : "assay_open: a null pointer";
}

inline const char* wrong_for_advance(const void* campaign) {
  return campaign ? nullptr : "assay_advance: a null pointer";
}

inline const char* wrong_for_ask(const void* campaign, std::int64_t count, const void* ids, const void* inputs) {
  return campaign && ids && inputs && count >= 0 ? nullptr : "assay_ask: a null pointer, or a negative count";
}

inline const char* wrong_for_tell(const void* campaign, const void* targets, std::int64_t count) {
  return campaign && targets && count >= 0 ? nullptr : "assay_tell: a null pointer, or a negative count";
}

inline const char* wrong_for_tell_failed(const void* campaign, const void* reason) {
  return campaign && reason ? nullptr : "assay_tell_failed: a null pointer";
}

inline const char* wrong_for_tell_infeasible(const void* campaign, const void* reason) {
  return campaign && reason ? nullptr : "assay_tell_infeasible: a null pointer";
}

inline const char* wrong_for_predict(const void* campaign, std::int64_t count, const void* inputs, const void* means) {
  return campaign && inputs && means && count >= 0 ? nullptr : "assay_predict: a null pointer, or a negative count";
}

}  // namespace assay::c_interface
