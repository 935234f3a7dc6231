// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"
#include "output.hpp"

#include <assay/error.hpp>
#include <assay/select/methods.hpp>
#include <assay/select/plan.hpp>

#include <ATen/Parallel.h>

#include <cmath>
#include <iomanip>
#include <iostream>
#include <memory>
#include <sstream>

namespace assay::app {

namespace {

struct SelectOptions {
  std::string method, pool, train, pending, weight, cost, memory, out, device = "cpu";
  std::vector<std::string> options;
  std::int64_t count = 1;
  std::uint64_t seed = 0;
  int threads = 0;
  bool json = false, plan = false;
};

/// FILE or FILE#NAME, NAME a tensor of a safetensors file.
FeatureMatrix open(const std::string& text) {
  if (text.empty()) return {};
  const std::size_t hash = text.rfind('#');
  if (hash == std::string::npos || std::filesystem::exists(text)) return FeatureMatrix::open(text);
  return FeatureMatrix::open(text.substr(0, hash), text.substr(hash + 1));
}

torch::Tensor column(const std::string& text) {
  if (text.empty()) return {};
  const FeatureMatrix matrix = open(text);
  if (matrix.dims() != 1) {
    throw ShapeError({"assay.select.shape", matrix.name(), "one number a candidate, [n]",
                      std::to_string(matrix.dims()) + " columns", ""});
  }
  torch::Tensor values = torch::empty({matrix.rows()}, matrix.dtype());
  matrix.read(0, matrix.rows(), values.mutable_data_ptr());
  return values;
}

/// "1024", "256MiB", "1.5GB".
std::int64_t bytes_of(const std::string& text) {
  if (text.empty()) return 0;
  std::istringstream in(text);
  double number = 0;
  std::string unit;
  in >> number >> unit;
  for (const auto& [name, factor] : {std::pair{"", 1.0},
                                     {"B", 1.0},
                                     {"KB", 1e3},
                                     {"MB", 1e6},
                                     {"GB", 1e9},
                                     {"TB", 1e12},
                                     {"KiB", 1024.0},
                                     {"MiB", 1048576.0},
                                     {"GiB", 1073741824.0},
                                     {"TiB", 1099511627776.0}}) {
    if (unit == name && number > 0 && std::isfinite(number)) return static_cast<std::int64_t>(number * factor);
  }
  throw ConfigError({"assay.select.memory", "--memory", "a number of bytes > 0, as in 256MiB", "'" + text + "'", ""});
}

Json options_of(const std::vector<std::string>& pairs) {
  Json options = Json::object();
  for (const std::string& pair : pairs) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw ConfigError({"assay.select.option", "--option", "key=value", "'" + pair + "'", ""});
    }
    const std::string text = pair.substr(equals + 1);
    const Json value = Json::parse(text, nullptr, false);
    options[pair.substr(0, equals)] = value.is_discarded() ? Json(text) : value;
  }
  return options;
}

torch::Device device_of(const std::string& name) {
  try {
    torch::Device device(name);
    if (!device.is_cpu()) torch::empty({1}, device);
    return device;
  } catch (const c10::Error& error) {
    const std::string what = error.what_without_backtrace();
    throw ConfigError({"assay.select.device", "--device", "a device that is there", "'" + name + "'",
                       what.substr(0, what.find('\n'))});
  }
}

const SelectionMethod& method_of(const std::string& name) {
  std::string known;
  for (const SelectionMethod& method : selection_methods()) {
    if (method.key == name) return method;
    known += (known.empty() ? "" : ", ") + method.key;
  }
  throw ConfigError({"assay.select.method", "METHOD", "one of " + known, "'" + name + "'", ""});
}

Json to_json(const SelectionPlan& plan) {
  return {{"execution", name_of(plan.execution)},
          {"bytes", plan.bytes},
          {"seconds", plan.seconds},
          {"block_rows", plan.block_rows},
          {"train_rows", plan.center_rows},
          {"train_in_memory", plan.map_train},
          {"threads", plan.threads}};
}

/// Chooses rows of a file of features.
void select(const SelectOptions& arguments) {
  const SelectionMethod& method = method_of(arguments.method);
  const Json options = options_of(arguments.options);
  SelectionProblem problem{.pool = open(arguments.pool),
                           .train = open(arguments.train),
                           .pending = open(arguments.pending),
                           .weight = column(arguments.weight),
                           .cost = column(arguments.cost),
                           .count = arguments.count,
                           .seed = arguments.seed,
                           .memory = bytes_of(arguments.memory),
                           .threads = arguments.threads,
                           .device = device_of(arguments.device)};
  if (problem.count > problem.pool.rows()) {
    throw ConfigError({"assay.select.count", "--count",
                       "at most the pool's " + std::to_string(problem.pool.rows()) + " rows",
                       std::to_string(problem.count), ""});
  }
  const std::string_view planned = method.on_scores ? "top_k" : method.key;
  if (arguments.plan) {
    const SelectionPlan plan = plan_selection(planned, problem);
    if (arguments.json) {
      std::cout << to_json(plan).dump() << '\n';
    } else {
      std::cout << "execution  " << name_of(plan.execution) << "\nbytes      " << plan.bytes << "\nseconds    about "
                << std::setprecision(2) << plan.seconds << '\n';
    }
    return;
  }
  const SelectedBatch batch = select_batch(method.key, problem, options);
  std::ostringstream out;
  if (arguments.json) {
    out << Json{{"indices", batch.rows},
                {"scores", batch.scores},
                {"seconds", batch.seconds},
                {"passes", batch.passes},
                {"peak_bytes", batch.peak_bytes},
                {"method", method.key},
                {"execution", name_of(batch.execution)}}
               .dump()
        << '\n';
  } else {
    for (const std::int64_t row : batch.rows) out << row << '\n';
  }
  put(arguments.out, out.str());
}

}  // namespace

Command add_select(CLI::App& app) {
  const auto chosen = std::make_shared<SelectOptions>();
  CLI::App* command = app.add_subcommand("select", "chooses a batch from a file of features");
  command
      ->add_option("METHOD", chosen->method,
                   "k_center, kmeans_pp, lcmd, max_det, bait, frank_wolfe, top_k, power, softmax, "
                   "typiclust, prob_cover")
      ->required();
  command->add_option("--pool", chosen->pool, "candidates: .npy or .safetensors (FILE#NAME for one of several tensors)")
      ->required();
  command->add_option("--train", chosen->train, "labeled rows: centers, or conditioned on");
  command->add_option("--pending", chosen->pending, "rows chosen before whose labels are not there yet");
  command->add_option("--count", chosen->count, "rows to choose")->required()->check(CLI::NonNegativeNumber);
  command->add_option("--weight", chosen->weight,
                      "file with a number a candidate that multiplies its squared distance or gain");
  command->add_option("--cost", chosen->cost, "file with a number a candidate that divides it");
  command->add_option("--seed", chosen->seed, "of the methods that draw");
  command->add_option("--device", chosen->device, "cpu, cuda, cuda:1: where the blocked products are computed");
  command->add_option("--memory", chosen->memory, "most bytes to allocate and map at a time, as in 256MiB");
  command->add_option("--threads", chosen->threads, "threads to work with")->check(CLI::PositiveNumber);
  command->add_option("--option", chosen->options, "key=value: an option of the method")->allow_extra_args(false);
  command->add_option("--out", chosen->out, "file to write to instead of standard output");
  command->add_flag("--json", chosen->json, "one JSON object");
  command->add_flag("--plan", chosen->plan, "only say what it will take");
  return {command, [chosen] {
            select(*chosen);
            return 0;
          }};
}

}  // namespace assay::app
