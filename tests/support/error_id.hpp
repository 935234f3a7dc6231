// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/error.hpp>

#include <functional>
#include <string>

/// The id of the error that an act throws.
inline std::string id_of_error(const std::function<void()>& act) {
  try {
    act();
  } catch (const assay::Error& error) {
    return std::string(error.id());
  }
  return "no error";
}
