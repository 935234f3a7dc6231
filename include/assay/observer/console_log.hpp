// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/observer/event.hpp>

#include <memory>
#include <string_view>

namespace assay {

/// Tells a person what happens, on stderr: one line for what matters, each with round and phase, and a progress bar
/// for what takes long (on a terminal; else a plain line now and then).
///
/// Copies share the terminal. No global logger is touched.
class ConsoleLog {
 public:
  static constexpr std::string_view key = "console";
  static constexpr std::string_view summary = "lines and progress bars on stderr";

  ConsoleLog();
  void observe(const Event& event);

 private:
  struct Console;
  std::shared_ptr<Console> console_;
};

}  // namespace assay
