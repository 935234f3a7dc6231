// SPDX-License-Identifier: Apache-2.0
#include "run.hpp"

#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>

#include <algorithm>
#include <array>
#include <string>

namespace assay {

namespace {

/// Bytes a method keeps for each candidate, and for the picks it remembers.
struct Needs {
  std::string_view method;
  double row;      ///< bytes a candidate
  double picked;   ///< copies of each picked row, in float64 rows
  double squares;  ///< d × d matrices in float64
  bool products;   ///< multiplies blocks with the training rows
};

constexpr std::array needs{
    Needs{"k_center", 13, 1, 0, true},  Needs{"kmeans_pp", 13, 1, 0, true},  Needs{"lcmd", 18, 1, 0, true},
    Needs{"max_det", 13, 1, 6, false},  Needs{"bait", 18, 1, 8, false},      Needs{"frank_wolfe", 9, 1, 0, false},
    Needs{"typiclust", 36, 2, 0, true}, Needs{"prob_cover", 14, 1, 0, true}, Needs{"top_k", 16, 0, 0, false}};

struct Sizes {
  std::int64_t n, d, element, count, train, threads, in_memory;
  Needs method;

  std::int64_t bytes(bool map_pool, bool map_train, std::int64_t block, std::int64_t centers) const {
    const std::int64_t row = d * element, tile = std::min(centers, detail::tile_centers);
    const std::int64_t features = (map_pool ? n * row : 0) + (map_train ? train * row : 0);
    const auto state = static_cast<std::int64_t>(static_cast<double>(n) * method.row +
                                                 method.squares * 8.0 * static_cast<double>(d * d) +
                                                 method.picked * 8.0 * static_cast<double>(count * d));
    const std::int64_t center = centers * (row + 2 * element + (map_train ? 0 : row));
    const std::int64_t per_row = (map_pool ? 0 : row) +
                                 (method.products ? row + std::max<std::int64_t>(tile, 64) * element : 2 * 8 * d);
    return features + state + center + threads * ((block + 1) * per_row + 8 * tile + detail::library_bytes) + in_memory;
  }
};

/// Multiplications and additions a second in products of blocks, by doing a few.
double product_rate(torch::Dtype dtype) {
  const torch::Tensor a = at::ones({512, 512}, dtype);
  double best = 0;
  for (int i = 0; i < 4; ++i) {
    const auto began = std::chrono::steady_clock::now();
    at::mm(a, a);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    best = std::max(best, 2.0 * 512 * 512 * 512 / std::max(seconds, 1e-6));
  }
  return best;
}

double estimate(const Sizes& s, const SelectionPlan& plan, torch::Dtype dtype) {
  const double rate = product_rate(dtype);
  const auto n = static_cast<double>(s.n), d = static_cast<double>(s.d), m = static_cast<double>(s.train);
  const auto count = static_cast<double>(s.count);
  const double row_bytes = d * static_cast<double>(s.element);
  const double memory_rate = plan.execution == Execution::streamed ? 1e9 : 8e9;  // bytes a second, cautious
  const double pass = n * row_bytes / memory_rate + n * (d * 0.25e-9 + 20e-9) / static_cast<double>(s.threads);
  const double train_passes = plan.center_rows > 0 ? std::ceil(m / static_cast<double>(plan.center_rows)) : 0;
  const double training = 2 * n * m * d / rate + (train_passes + 1) * pass;
  const std::string_view method = s.method.method;
  if (method == "prob_cover") return training + 4 * n * n * d / rate;
  if (method == "bait") return 8 * n * d * d / rate + count * 2 * pass;
  if (method == "max_det") return 4 * (n + m) * d * d / rate + 8 * pass;
  if (method == "frank_wolfe") return count * pass;
  if (method == "typiclust") return training + 20 * 2 * n * std::min<double>(count + m, 500) * d / rate;
  if (method == "lcmd") return training + std::ceil(count / 16) * (2 * n * 32 * d / rate + pass);
  return training + 3 * pass + count * n * 2e-9;
}

}  // namespace

SelectionPlan plan_selection(std::string_view method, const SelectionProblem& problem, bool estimated) {
  const auto found = std::find_if(needs.begin(), needs.end(), [&](const Needs& row) { return row.method == method; });
  if (found == needs.end()) {
    throw ConfigError({"assay.select.method", "method", "a method that works on features", std::string(method), ""});
  }
  const std::int64_t threads = problem.threads > 0 ? problem.threads : at::get_num_threads();
  const auto element = static_cast<std::int64_t>(c10::elementSize(problem.pool.dtype()));
  Sizes sizes{.n = problem.pool.rows(),
              .d = problem.pool.dims(),
              .element = element,
              .count = std::min(problem.count, problem.pool.rows()),
              .train = problem.train.rows() + problem.pending.rows(),
              .threads = threads,
              .in_memory = problem.weight.defined() || problem.cost.defined() ? 8 * problem.pool.rows() : 0,
              .method = *found};
  const std::int64_t most_centers = method == "prob_cover"
                                        ? std::max<std::int64_t>(sizes.train, 4 * detail::tile_centers)
                                    : method == "typiclust"
                                        ? std::max<std::int64_t>(sizes.train, std::min<std::int64_t>(500, sizes.n))
                                        : sizes.train;
  // Work areas of about 4 MB a thread: a block and its products stay in the second-level cache or near it.
  const std::int64_t width = sizes.d + std::clamp<std::int64_t>(most_centers, 64, detail::tile_centers);
  const std::int64_t best_block = std::clamp<std::int64_t>(4'000'000 / (width * element) / 64 * 64, 64, 4096);
  const bool file = problem.pool.from_file();
  const Execution wanted = problem.execution;

  SelectionPlan plan{.block_rows = best_block, .center_rows = most_centers, .threads = static_cast<int>(threads)};
  std::int64_t least = 0;
  const auto fits = [&](Execution execution, bool map_train, std::int64_t block, std::int64_t centers) {
    if (wanted != Execution::automatic && execution != wanted) return false;
    const std::int64_t bytes = sizes.bytes(execution != Execution::streamed, map_train, block, centers);
    least = least == 0 ? bytes : std::min(least, bytes);
    if (problem.memory > 0 && bytes > problem.memory) return false;
    plan.execution = execution;
    plan.map_train = map_train;
    plan.block_rows = std::min(block, std::max<std::int64_t>(sizes.n, 1));
    plan.center_rows = centers;
    plan.bytes = bytes;
    return true;
  };
  const auto shrinking = [&](Execution execution, bool map_train, std::int64_t from_block) {
    for (std::int64_t centers = most_centers;; centers = (centers + 1) / 2) {
      for (std::int64_t block = from_block; block >= 1; block /= 2) {
        if (fits(execution, map_train, block, centers)) return true;
        // A block of few rows wastes the product: take the training rows in pieces first.
        if (block <= 64 && centers > 256) break;
      }
      if (centers <= 1) return false;
    }
  };
  const std::int64_t blocked_from = wanted == Execution::blocked ? std::min<std::int64_t>(best_block, 64)
                                                                 : best_block / 2;
  const bool done = fits(Execution::resident, true, best_block, most_centers) ||
                    shrinking(Execution::blocked, true, std::max<std::int64_t>(blocked_from, 1)) ||
                    (file && (fits(Execution::streamed, true, best_block, most_centers) ||
                              shrinking(Execution::streamed, true, best_block) ||
                              shrinking(Execution::streamed, false, best_block)));
  if (!done) {
    throw ConfigError({"assay.select.memory", std::string(method), "at least " + std::to_string(least) + " bytes",
                       problem.memory > 0 ? std::to_string(problem.memory) : "features that are not in a file",
                       file ? "raise the memory" : "features in a file could be streamed"});
  }
  if (estimated) plan.seconds = estimate(sizes, plan, problem.pool.dtype());
  return plan;
}

}  // namespace assay
