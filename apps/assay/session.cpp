// SPDX-License-Identifier: Apache-2.0
#include "session.hpp"

#include <assay/label/external_label.hpp>

#include <atomic>
#include <csignal>

namespace assay::app {

namespace {

std::atomic<bool> stop_flag{false};

}  // namespace

void stop_on_signals(AnyDriver& driver) {
  for (const int signal : {SIGTERM, SIGUSR1, SIGINT, SIGHUP}) {
    if (std::signal(signal, [](int) { stop_flag = true; }) == SIG_IGN) std::signal(signal, SIG_IGN);
  }
  driver.stop_when(stop_flag);
}

bool continues_from_shell(const std::filesystem::path& campaign) {
  const Json configuration = detail::kept_configuration(campaign);
  return configuration.is_object() && configuration.contains("pools");
}

bool is_told(const std::filesystem::path& campaign) {
  const Json configuration = detail::kept_configuration(campaign);
  return configuration.is_object() && configuration.value("/label/type"_json_pointer, "") == ExternalLabel::key;
}

std::string how_to_tell(const std::filesystem::path& campaign) {
  return "'assay ask " + campaign.string() + " -n 8 --out batch.csv' gives samples to simulate, 'assay tell " +
         campaign.string() + " results.csv' takes what came of them";
}

}  // namespace assay::app
