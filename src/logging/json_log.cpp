// SPDX-License-Identifier: Apache-2.0
#include <assay/json.hpp>
#include <assay/observer/json_log.hpp>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>

namespace assay {

JsonLog::JsonLog(const std::filesystem::path& file, std::string campaign_id)
    : file_(file), campaign_id_(std::move(campaign_id)) {}

void JsonLog::observe(const Event& event) {
  if (event.kind == Event::Kind::epoch_finished) return;
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto milliseconds = now.time_since_epoch().count() % 1000;
  Json line{{"time", fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(now)),
                                 milliseconds)},
            {"campaign", campaign_id_},
            {"event", to_string(event.kind)},
            {"round", event.round},
            {"phase", to_string(event.phase)}};
  if (!event.text.empty()) line["text"] = event.text;
  if (event.total > 0) line["done"] = event.done, line["total"] = event.total;
  if (event.kind == Event::Kind::phase_finished) line["seconds"] = event.seconds;
  file_.append(line.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace assay
