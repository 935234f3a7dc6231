// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/error.hpp>
#include <assay/status.h>

#include <exception>
#include <string>
#include <utility>

namespace assay::c_interface {

/// A code and a message that another process has made already: passed on as they are.
class Refused : public std::exception {
 public:
  Refused(int code, std::string message) : code_(code), message_(std::move(message)) {}
  int code() const { return code_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  int code_;
  std::string message_;
};

/// \param message of this thread, for the caller to ask for. \return the code.
inline int failed_with(std::string& message, int code, std::string text) {
  message = std::move(text);
  return code;
}

/// Calls `use` and turns whatever it throws into a code with a message: nothing may leave into C.
template <class Use>
auto guarded(std::string& message, Use use) noexcept -> decltype(use()) {
  try {
    return use();
  } catch (const Refused& error) {
    return failed_with(message, error.code(), error.what());
  } catch (const ConfigError& error) {
    return failed_with(message, ASSAY_ERROR_CONFIG, error.what());
  } catch (const ShapeError& error) {
    return failed_with(message, ASSAY_ERROR_SHAPE, error.what());
  } catch (const DataError& error) {
    return failed_with(message, ASSAY_ERROR_DATA, error.what());
  } catch (const LabelError& error) {
    return failed_with(message, ASSAY_ERROR_LABEL, error.what());
  } catch (const CheckpointError& error) {
    return failed_with(message, ASSAY_ERROR_CHECKPOINT, error.what());
  } catch (const TrainingError& error) {
    return failed_with(message, ASSAY_ERROR_TRAINING, error.what());
  } catch (const std::exception& error) {
    return failed_with(message, ASSAY_ERROR, error.what());
  } catch (...) {
    return failed_with(message, ASSAY_ERROR, "an exception that is none of C++'s own");
  }
}

}  // namespace assay::c_interface
