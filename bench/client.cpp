// SPDX-License-Identifier: Apache-2.0
// Round trips of assay.h, one sample asked for and told at a time: compiled once with the library in process, once with
// the client, whose server adds its part. Prints one JSON object; bench/client_round_trip runs both in turn.
#include "median.hpp"

#include <assay/assay.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace {

double microseconds_since(std::chrono::steady_clock::time_point began) {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - began).count();
}

[[noreturn]] void fail() {
  std::fprintf(stderr, "%s\n", assay_message());
  std::exit(1);
}

}  // namespace

int main() {
  std::string folder = (std::filesystem::temp_directory_path() / "assay_bench_XXXXXX").string();
  if (!::mkdtemp(folder.data())) return 1;
  const std::string config = folder + "/config.json";
  std::ofstream(config) << R"({"driver": {"max_rounds": 1},
    "pools": {"labeled": {"type": "sobol", "count": 600, "space": [{"name": "x", "low": 0, "high": 1}]},
              "unlabeled": {"type": "sobol", "count": 100, "skip": 600, "space": [{"name": "x", "low": 0, "high": 1}]}},
    "learner": {"type": "mlp", "inputs": ["x"], "targets": ["y"], "hidden": [4]},
    "query": {"type": "random", "max_samples": 8}})";
  assay_campaign* campaign = nullptr;
  if (assay_new((folder + "/campaign").c_str(), config.c_str(), &campaign) < 0) fail();
  if (assay_advance(campaign) != ASSAY_WAITING) fail();
  std::vector<double> asked, told, sizes;
  std::int64_t id = 0;
  double x = 0;
  for (int i = 0; i < 500; ++i) {
    auto began = std::chrono::steady_clock::now();
    const std::int64_t came = assay_ask(campaign, 1, &id, &x);
    if (came == 0 && assay_advance(campaign) == ASSAY_WAITING) continue;  // what was told is taken in
    if (came != 1) fail();
    asked.push_back(microseconds_since(began));
    const double y = x * x;
    began = std::chrono::steady_clock::now();
    if (assay_tell(campaign, id, &y, 1) != ASSAY_OK) fail();
    told.push_back(microseconds_since(began));
    began = std::chrono::steady_clock::now();
    if (assay_target_size(campaign) != 1) fail();  // next to nothing but the round trip itself
    sizes.push_back(microseconds_since(began));
  }
  assay_close(campaign);
  std::filesystem::remove_all(folder);
  std::printf("{\"ask_us\": %.1f, \"tell_us\": %.1f, \"target_size_us\": %.1f}\n", bench::median(asked),
              bench::median(told), bench::median(sizes));
}
