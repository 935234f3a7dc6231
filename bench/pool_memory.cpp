// SPDX-License-Identifier: Apache-2.0
// What a pool of n bytes costs in memory: built, grown one append at a time, and grown after a reserve. Prints one
// JSON object of ratios to n; "peak" is the most that was resident while it grew.
#include <assay/data/tensor_pool.hpp>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

namespace {

constexpr std::int64_t width = 256;  // float32: 1 KiB a sample
constexpr std::int64_t rows = 300'000;
constexpr double bytes = 4.0 * width * rows;

/// A line of /proc/self/status, in bytes.
double status(const std::string& name) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name + ":")) return 1024.0 * std::stod(line.substr(name.size() + 1));
  }
  return 0;
}

void reset_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }

struct Ratio {
  double rest, peak;
};

/// Fills a pool in a process of its own and measures what that added.
Ratio measure(bool reserve) {
  int channel[2];
  if (::pipe(channel) != 0) return {};
  if (::fork() == 0) {
    Ratio ratio{};
    {
      const torch::Tensor block = torch::ones({1000, width});
      std::vector<assay::Sample> samples;
      for (std::int64_t i = 0; i < 1000; ++i) samples.push_back({i, {{"x", block[i]}}});
      assay::TensorPool pool;
      const double before = status("VmRSS");
      reset_peak();
      pool.append(samples);
      if (reserve) pool.reserve(rows);
      for (std::int64_t first = 1000; first < rows; first += 1000) {
        for (std::int64_t i = 0; i < 1000; ++i) samples[static_cast<std::size_t>(i)].id = first + i;
        pool.append(samples);
      }
      ratio = {(status("VmRSS") - before) / bytes, (status("VmHWM") - before) / bytes};
    }
    if (::write(channel[1], &ratio, sizeof ratio) != sizeof ratio) ::_exit(1);
    ::_exit(0);
  }
  Ratio ratio{};
  const bool good = ::read(channel[0], &ratio, sizeof ratio) == sizeof ratio;
  ::wait(nullptr);
  return good ? ratio : Ratio{};
}

}  // namespace

int main() {
  const Ratio grown = measure(false), reserved = measure(true);
  std::printf(
      "{\"megabytes\": %.0f, \"grown\": %.3f, \"grown_peak\": %.3f, \"reserved\": %.3f, \"reserved_peak\": %.3f}\n",
      bytes / 1e6, grown.rest, grown.peak, reserved.rest, reserved.peak);
}
