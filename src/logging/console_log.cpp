// SPDX-License-Identifier: Apache-2.0
#include "failure_kind.hpp"

#include <assay/observer/console_log.hpp>

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>

namespace assay {

namespace {

using Clock = std::chrono::steady_clock;

std::string place(const Event& event) {
  std::string phase(to_string(event.phase));
  if (phase == "data_integration") phase = "integration";
  return fmt::format("round {:>3}  {:<11}", event.round, phase);
}

std::string bar(std::int64_t done, std::int64_t total) {
  constexpr std::int64_t width = 24;
  const std::int64_t filled = total > 0 ? width * done / total : 0;
  return fmt::format("[{:=<{}}{:{}}] {}/{}", "", filled, "", width - filled, done, total);
}

}  // namespace

struct ConsoleLog::Console {
  spdlog::logger log{"assay", std::make_shared<spdlog::sinks::stderr_color_sink_mt>()};
  bool terminal = ::isatty(STDERR_FILENO) == 1;
  bool bar_shown = false;
  Clock::time_point last_progress = Clock::now();
  std::map<std::string, std::int64_t> failures;  // of this labeling, by reason

  Console() { log.set_pattern("%H:%M:%S  %^%v%$"); }

  void clear_bar() {
    if (bar_shown) std::fputs("\r\033[2K", stderr);
    bar_shown = false;
  }

  void line(const Event& event, const std::string& text) {
    clear_bar();
    const bool bad = event.kind == Event::Kind::warning || event.kind == Event::Kind::simulation_failed;
    log.log(bad ? spdlog::level::warn : spdlog::level::info, "{}  {}", place(event), text);
  }

  /// The first line says what happened; the ledger has the rest. Of a sample the text holds "sample N: reason".
  void failure(const Event& event, bool every) {
    const std::string kind = detail::failure_kind(
        event.text.substr(std::min(event.text.find(": "), event.text.size())));
    if (++failures[kind] == 1 || every) return line(event, "failed: " + event.text.substr(0, event.text.find('\n')));
    progress(event, "simulations");
  }

  void other_failures(const Event& event, bool every) {
    for (const auto& [kind, count] : failures) {
      if (count > 1 && !every) line(event, fmt::format("failed: {} more{}", count - 1, kind));
    }
    failures.clear();
  }

  void progress(const Event& event, const char* unit) {
    using namespace std::chrono_literals;
    const bool last = event.done == event.total;
    if (Clock::now() - last_progress < (terminal ? Clock::duration(100ms) : Clock::duration(5s)) && !(terminal && last))
      return;
    last_progress = Clock::now();
    if (!terminal) return line(event, fmt::format("{} of {} {}", event.done, event.total, unit));
    std::fputs(fmt::format("\r\033[2K          {}  {} {}", place(event), bar(event.done, event.total), unit).c_str(),
               stderr);
    std::fflush(stderr);
    bar_shown = true;
  }
};

ConsoleLog::ConsoleLog(ConsoleLogOptions options_) : options(options_), console_(std::make_shared<Console>()) {}

void ConsoleLog::observe(const Event& event) {
  switch (event.kind) {
    case Event::Kind::campaign_started: return console_->line(event, "campaign " + event.text);
    case Event::Kind::campaign_finished: return console_->line(event, "campaign finished: " + event.text);
    case Event::Kind::phase_started: return;
    case Event::Kind::phase_finished:
      if (event.phase != Phase::labeling) return console_->clear_bar();
      console_->other_failures(event, options.every_failure);
      return console_->line(event, fmt::format("simulations took {:.2f} s", event.seconds));
    case Event::Kind::epoch_finished: return console_->progress(event, "epochs");
    case Event::Kind::simulation_done: return console_->progress(event, "simulations");
    case Event::Kind::simulation_failed: return console_->failure(event, options.every_failure);
    case Event::Kind::metrics:
    case Event::Kind::message: return console_->line(event, event.text);
    case Event::Kind::warning: return console_->line(event, "warning: " + event.text);
  }
}

}  // namespace assay
