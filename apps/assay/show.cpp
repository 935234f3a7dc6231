// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"

#include <assay/detail/restoring.hpp>
#include <assay/detail/utf8.hpp>
#include <assay/tools/status.hpp>

#include <iostream>
#include <memory>

namespace assay::app {

namespace {

/// The last line of what a program printed that is not blank.
std::string last_line(const std::string& output) {
  const std::size_t end = output.find_last_not_of(" \t\r\n");
  if (end == std::string::npos) return "";
  const std::size_t before = output.find_last_of('\n', end);
  return output.substr(before + 1, end - before);
}

/// What a writer on another host last said.
void print_elsewhere(const Json& json) {
  const Json& position = json.at("position");
  std::cout << "campaign     " << json.at("campaign").get<std::string>() << ", run on another host\n"
            << "state        "
            << (position.at("finished").get<bool>()
                    ? "finished (" + position.at("finished_by").get<std::string>() + ")"
                    : "round " + position.at("round").dump() + ", " + position.at("phase").get<std::string>())
            << "\nlabels       " << json.at("labels").dump() << " for training, " << json.at("failed").dump()
            << " samples failed, " << json.at("queued").dump() << " queued, " << json.at("running").dump()
            << " running\n";
}

void print(const Json& json) {
  if (!json.contains("counts")) return print_elsewhere(json);
  const Json& counts = json.at("counts");
  const auto count = [&](const char* name) { return std::to_string(counts.at(name).get<std::int64_t>()); };
  std::cout << "campaign     " << json.at("campaign").get<std::string>() << '\n';
  if (const Json& position = json.at("position"); position.is_object()) {
    const bool finished = position.at("finished").get<bool>();
    std::cout << "state        "
              << (finished ? "finished (" + position.at("finished_by").get<std::string>() + ")"
                           : "round " + position.at("round").dump() + ", " + position.at("phase").get<std::string>())
              << '\n';
    std::cout << "learner      " << json.at("slots").at("learner").value("type", Json()).dump() << ", query "
              << json.at("slots").at("query").value("type", Json()).dump() << '\n';
  } else {
    std::cout << "state        no intact checkpoint\n";
  }
  std::cout << "labels       " << count("labels") << " for training, " << count("validation_labels")
            << " for validation, " << count("test_labels") << " for tests\n";
  std::cout << "simulations  " << count("simulations") << " run, " << count("failed") << " samples failed, "
            << count("infeasible") << " infeasible, " << count("queued") << " queued, " << count("running")
            << " running, " << count("abandoned") << " given up\n";
  if (const Json& metrics = json.at("metrics"); metrics.is_object()) {
    std::cout << "metrics      round " << metrics.at("round").dump() << '\n';
    for (const Json& m : metrics.at("measurements")) {
      std::cout << "             " << m.at("name").get<std::string>() << " " << m.at("value").dump() << '\n';
    }
  }
  for (const Json& failure : json.at("failures")) {
    const auto reason = failure.at("reason").get<std::string>();
    std::cout << "failed       sample " << failure.at("sample").dump() << ": " << reason.substr(0, reason.find('\n'))
              << '\n';
    const auto output = failure.at("output").get<std::string>();
    if (const std::string last = last_line(output); !last.empty()) std::cout << "             " << last << '\n';
  }
  for (const Json& damaged : json.at("damaged_checkpoints")) {
    std::cout << "damaged      " << damaged.get<std::string>() << '\n';
  }
}

/// Prints where a campaign stands; works while another process runs it.
void show(const std::filesystem::path& campaign, bool json) {
  const Json description = campaign_status(campaign);
  if (json) {
    std::cout << detail::json_text(description, 2) << '\n';
  } else {
    // What a checkpoint or another host says of itself may be anything.
    detail::restoring(campaign.string() + ", what is known of it", [&] { print(description); });
  }
}

}  // namespace

Command add_show(CLI::App& app) {
  const auto campaign = std::make_shared<std::filesystem::path>();
  const auto json = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand("show", "where a campaign stands: phase, counts, last metrics");
  add_campaign(command, *campaign);
  command->add_flag("--json", *json, "one JSON object");
  return {command, [campaign, json] {
            show(*campaign, *json);
            return 0;
          }};
}

}  // namespace assay::app
