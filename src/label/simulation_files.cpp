// SPDX-License-Identifier: Apache-2.0
#include "simulation_files.hpp"

#include <assay/detail/files.hpp>
#include <assay/error.hpp>
#include <assay/json.hpp>

#include <algorithm>
#include <array>
#include <fstream>
#include <string_view>

namespace assay::detail {

namespace {

/// Of both files. A runner and a library of different versions do not work together.
constexpr int format = 1;
constexpr std::array<std::string_view, 5> kinds{"exited", "signaled", "timed_out", "stopped", "not_started"};

[[noreturn]] void fail(const std::filesystem::path& file, const std::string& got) {
  throw ConfigError({"assay.label.simulation_file", file.string(),
                     "the file of a simulation, format " + std::to_string(format), got,
                     "library and runner are of different versions, or the file is damaged"});
}

}  // namespace

void write_order(const std::filesystem::path& directory, const SimulationOrder& order) {
  Json json{{"format", format},
            {"mark", order.mark},
            {"host", order.host},
            {"boot", order.boot},
            {"program", order.program.string()},
            {"arguments", order.arguments},
            {"time_limit", order.time_limit.count()},
            {"grace", order.grace.count()},
            {"output_limit", order.output_limit},
            {"file_limit", nullptr},
            {"cores", order.cores},
            {"unset", order.unset},
            {"environment", order.environment}};
  if (order.file_limit) json["file_limit"] = *order.file_limit;
  // Arguments may hold any bytes.
  write_file(directory / order_file, json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
}

SimulationOrder read_order(const std::filesystem::path& directory) {
  const std::filesystem::path file = directory / order_file;
  const Json json = parse_json(read_file(file), file.string());
  try {
    if (json.at("format") != format) fail(file, "format " + json.at("format").dump());
    SimulationOrder order{.mark = json.at("mark").get<std::string>(),
                          .host = json.at("host").get<std::string>(),
                          .boot = json.at("boot").get<std::string>(),
                          .program = json.at("program").get<std::string>(),
                          .arguments = json.at("arguments").get<std::vector<std::string>>(),
                          .time_limit = std::chrono::duration<double>(json.at("time_limit").get<double>()),
                          .grace = std::chrono::duration<double>(json.at("grace").get<double>()),
                          .output_limit = integer_from_json<std::int64_t>(json.at("output_limit"))};
    if (!json.at("file_limit").is_null()) order.file_limit = integer_from_json<std::int64_t>(json.at("file_limit"));
    for (const Json& core : json.at("cores")) order.cores.push_back(integer_from_json<int>(core));
    order.unset = json.at("unset").get<std::vector<std::string>>();
    order.environment = json.at("environment").get<std::map<std::string, std::string>>();
    return order;
  } catch (const Json::exception& error) {
    fail(file, error.what());
  }
}

void write_outcome(const std::filesystem::path& directory, const SimulationOutcome& outcome, const std::string& mark) {
  const Json json{{"format", format},
                  {"mark", mark},
                  {"end", kinds.at(static_cast<std::size_t>(outcome.kind))},
                  {"status", outcome.status},
                  {"seconds", outcome.seconds},
                  {"problem", outcome.problem},
                  {"output", outcome.tail}};
  write_file(directory / outcome_file, json.dump(1) + "\n");
}

std::optional<SimulationOutcome> read_outcome(const std::filesystem::path& directory, const std::string& mark) {
  const std::filesystem::path file = directory / outcome_file;
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) return std::nullopt;
  try {
    const Json json = parse_json(read_file(file), file.string());
    if (json.at("format") != format || json.at("mark") != mark) return std::nullopt;
    const auto kind = std::find(kinds.begin(), kinds.end(), json.at("end").get<std::string>());
    if (kind == kinds.end()) return std::nullopt;
    return SimulationOutcome{.kind = static_cast<SimulationOutcome::Kind>(kind - kinds.begin()),
                             .status = integer_from_json<int>(json.at("status")),
                             .tail = json.at("output").get<std::string>(),
                             .problem = json.at("problem").get<std::string>(),
                             .seconds = json.at("seconds").get<double>()};
  } catch (const Json::exception&) {
  } catch (const Error&) {
  }
  return std::nullopt;  // a file of the program's
}

std::string boot_of_host() {
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  return boot;
}

}  // namespace assay::detail
