// SPDX-License-Identifier: Apache-2.0
// Simulations as version 1 wrote them, among the program's own files.
#pragma once

#include "../../src/label/simulation_files.hpp"

#include <assay/json.hpp>

#include <filesystem>
#include <fstream>
#include <string>

namespace format_1 {

inline void write_order(const std::filesystem::path& directory, const std::string& mark, const std::string& host) {
  std::ofstream(directory / "simulation.json") << assay::Json{{"format", 1},
                                                              {"mark", mark},
                                                              {"host", host},
                                                              {"boot", assay::detail::boot_of_host()},
                                                              {"program", "/bin/sh"},
                                                              {"arguments", {"sh"}},
                                                              {"time_limit", 60.0},
                                                              {"grace", 1.0},
                                                              {"output_limit", 1000},
                                                              {"file_limit", nullptr},
                                                              {"cores", assay::Json::array()},
                                                              {"unset", assay::Json::array()},
                                                              {"environment", assay::Json::object()}};
}

inline std::string outcome(const std::string& mark) {
  return assay::Json{{"format", 1},    {"mark", mark},  {"end", "exited"}, {"status", 0},
                     {"seconds", 1.5}, {"problem", ""}, {"output", ""}}
      .dump();
}

}  // namespace format_1
