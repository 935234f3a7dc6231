// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/observer/event.hpp>
#include <assay/options.hpp>

#include <array>
#include <memory>
#include <string_view>

namespace assay {

struct ConsoleLogOptions {
  bool every_failure = false;

  static constexpr std::array describe{OptionInfo{
      .name = "every_failure", .help = "a line for each simulation that failed; else the first of each reason"}};
};

/// Tells a person what happens, on stderr: one line for what matters, each with round and phase, and a progress bar
/// for what takes long (on a terminal; else a plain line now and then). Of simulations that fail for the same reason
/// the first has a line, and the others one together when the labeling is over.
///
/// Copies share the terminal. No global logger is touched.
class ConsoleLog {
 public:
  static constexpr std::string_view key = "console";
  static constexpr std::string_view summary = "lines and progress bars on stderr";

  explicit ConsoleLog(ConsoleLogOptions options = {});
  void observe(const Event& event);

  ConsoleLogOptions options;

 private:
  struct Console;
  std::shared_ptr<Console> console_;
};

}  // namespace assay
