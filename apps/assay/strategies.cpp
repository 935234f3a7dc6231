// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"

#include <assay/registries.hpp>

#include <cmath>
#include <iostream>
#include <memory>

namespace assay::app {

namespace {

template <class Visit>
void for_each_registry(const Registries& registries, Visit visit) {
  visit("learner", registries.learner);
  visit("query", registries.query);
  visit("label", registries.label);
  visit("metrology", registries.metrology);
  visit("loop", registries.loop);
  visit("optimizer", registries.optimizer);
  visit("scheduler", registries.scheduler);
  visit("stop", registries.stop);
  visit("observer", registries.observer);
  visit("pool", registries.pool);
  visit("transform", registries.transform);
}

Json to_json(const OptionRow& row) {
  Json json{{"name", row.name},
            {"type", row.type},
            {"default", row.default_value},
            {"required", row.required},
            {"help", row.help}};
  if (std::isfinite(row.min)) json["min"] = row.min;
  if (std::isfinite(row.max)) json["max"] = row.max;
  return json;
}

void print(const OptionRow& row) {
  std::cout << "      " << row.name << "  (" << row.type;
  if (std::isfinite(row.min)) std::cout << ", >= " << row.min;
  if (std::isfinite(row.max)) std::cout << ", <= " << row.max;
  std::cout << (row.required ? ", required)" : ", default " + row.default_value.dump() + ")") << "  " << row.help
            << '\n';
}

void strategies(bool json) {
  const Registries registries;
  Json all = Json::object();
  for_each_registry(registries, [&](const char* name, const auto& registry) {
    if (!json) std::cout << name << '\n';
    for (const RegistryRow& row : registry.rows()) {
      if (json) {
        Json options = Json::array();
        for (const OptionRow& option : row.options) options.push_back(to_json(option));
        all[name].push_back({{"key", row.key}, {"summary", row.summary}, {"options", std::move(options)}});
      } else {
        std::cout << "  " << row.key << "  " << row.summary << '\n';
        for (const OptionRow& option : row.options) print(option);
      }
    }
  });
  if (json) std::cout << all.dump(2) << '\n';
}

}  // namespace

Command add_strategies(CLI::App& app) {
  const auto json = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand("strategies", "every registered key with its options");
  command->add_flag("--json", *json, "one JSON object");
  return {command, [json] {
            strategies(*json);
            return 0;
          }};
}

}  // namespace assay::app
