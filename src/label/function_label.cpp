// SPDX-License-Identifier: Apache-2.0
#include "refusals.hpp"
#include "valid_utf8.hpp"
#include "workers.hpp"

#include <assay/error.hpp>
#include <assay/label/function_label.hpp>

#include <c10/util/Exception.h>

namespace assay {

FunctionLabel::FunctionLabel(FunctionLabelOptions options_, Function function)
    : options(std::move(options_)), function_(std::move(function)) {
  require_valid(options, key);
  if (!function_) throw ConfigError({"assay.label.function", "label", "a function", "an empty one", ""});
}

void FunctionLabel::label(LabelContext& context) {
  if (version_) context.set_solver_version(std::exchange(version_, {})());
  if (!refusals_.held) refusals_.held = std::make_shared<detail::Refusals>();
  detail::run_workers(options.threads, [&](const std::atomic<bool>& cancelled) {
    while (!cancelled) {
      const std::optional<Job> job = context.next();
      if (!job) return;
      std::optional<Values> labels;
      std::string reason;
      Verdict verdict = Verdict::failed;
      try {
        labels = function_(*job);
      } catch (const Infeasible& said) {
        reason = said.what();
        verdict = Verdict::infeasible;
      } catch (const c10::Error& error) {
        reason = error.what_without_backtrace();
      } catch (const std::exception& error) {
        reason = error.what();
      } catch (...) {
        reason = "the function threw something that is no std::exception";
      }
      if (labels) {
        refusals_.held->count(context.accept(*job, *labels));
      } else {
        context.fail(*job, Failure(detail::valid_utf8(reason), verdict));
      }
    }
  });
  if (!context.stop_requested()) refusals_.held->require_few();
}

}  // namespace assay
