// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/detail/scratch.hpp>
#include <assay/label/context.hpp>
#include <assay/options.hpp>

#include <array>
#include <concepts>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace assay {

namespace detail {
class Refusals;
}  // namespace detail

struct FunctionLabelOptions {
  std::vector<std::string> provides = {};
  std::int64_t threads = 1;
  std::string function = "";

  static constexpr std::array describe{
      OptionInfo{.name = "provides", .help = "fields the function gives for every sample", .required = true},
      OptionInfo{.name = "threads", .help = "calls at once; the function must then be thread-safe", .min = 1},
      OptionInfo{.name = "function", .help = "name under which the program registered the function"},
  };
};

/// Labels by calling a function of the program, `Values(const Values& inputs)` or `Values(const Job&)`.
///
/// What the function throws becomes a failed simulation, with the text of the exception as the reason; an
/// `assay::Infeasible` says that the design cannot be.
/// Labels are durable one by one, but for calls that take microseconds: with one thread as many as take 5 ms together
/// share a commit, and what a kill loses of them is called again.
/// Errors: `LabelError` `assay.label.refused` at the end of a phase if the campaign refused most labels so far.
class FunctionLabel {
 public:
  using Function = std::function<Values(const Job&)>;

  static constexpr std::string_view key = "function";
  static constexpr std::string_view summary = "calls a function of the program, registered under a name";

  template <class F>
    requires std::is_invocable_r_v<Values, F&, const Values&>
  FunctionLabel(FunctionLabelOptions options_, F function)
      : FunctionLabel(std::move(options_),
                      Function([function](const Job& job) mutable -> Values { return function(job.inputs); })) {}
  /// Errors: `ConfigError` for options out of range, or an empty function.
  FunctionLabel(FunctionLabelOptions options, Function function);

  /// \param version gives the version of what the function calls, asked once a session: every label carries it.
  void set_solver_version(std::function<std::string()> version) { version_ = std::move(version); }

  void label(LabelContext& context);
  std::vector<std::string> provides() const { return options.provides; }

  FunctionLabelOptions options;

 private:
  Function function_;
  std::function<std::string()> version_;
  detail::Scratch<detail::Refusals> refusals_;
};

}  // namespace assay
