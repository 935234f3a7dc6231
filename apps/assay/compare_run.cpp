// SPDX-License-Identifier: Apache-2.0
#include "compare.hpp"

#include <assay/data/random.hpp>
#include <assay/detail/campaign.hpp>
#include <assay/detail/files.hpp>
#include <assay/detail/learner_spec.hpp>
#include <assay/detail/sha256.hpp>
#include <assay/error.hpp>
#include <assay/learner/module_learner.hpp>
#include <assay/learner/recorded_linear.hpp>
#include <assay/query/context.hpp>
#include <assay/registries.hpp>
#include <assay/training/adam.hpp>
#include <assay/training/default_training_loop.hpp>
#include <assay/training/linear_schedule.hpp>
#include <assay/training/own_loop.hpp>

#include <torch/nn/functional/activation.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <numeric>
#include <optional>
#include <span>

namespace assay::app {

namespace {

/// The network of Holzmüller et al. 2023: d-512-512-k, SiLU, in the NTK parametrisation, inputs clipped softly.
struct TabularNetImpl : torch::nn::Module {
  TabularNetImpl(std::int64_t inputs, std::int64_t outputs) {
    constexpr RecordedLinearOptions gains{.weight_gain = 0.5, .bias_gain = 1};
    first = register_module("first", RecordedLinear(inputs, 512, gains));
    second = register_module("second", RecordedLinear(512, 512, gains));
    third = register_module("third", RecordedLinear(512, outputs, gains));
  }
  torch::Tensor forward(const torch::Tensor& x) {
    return third(torch::silu(second(torch::silu(first(5 * (x / 5).tanh())))));
  }
  RecordedLinear first{nullptr}, second{nullptr}, third{nullptr};
};
TORCH_MODULE(TabularNet);

std::vector<std::int64_t> counting(std::int64_t count) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(count));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

Values batch_of(const CompareData& data, const std::vector<std::int64_t>& rows) {
  const torch::Tensor index = torch::tensor(rows, torch::kInt64);
  return {{"x", data.x.index_select(0, index)}, {"y", data.y.index_select(0, index)}};
}

/// Those of the samples that have labels: the others are simulations that failed.
std::vector<std::int64_t> done_rows(const CompareData& data, std::vector<std::int64_t> rows) {
  const bool* done = data.done.const_data_ptr<bool>();
  std::erase_if(rows, [&](std::int64_t row) { return !done[row]; });
  return rows;
}

std::int64_t labels_in(const CompareArguments& arguments, std::int64_t round) {
  return arguments.initial + round * arguments.batch;
}

constexpr std::string_view seed_mark = "{seed}", labels_mark = "{labels}";

/// The file of a design for one seed and number of labels; its name in the configuration is relative to that.
std::filesystem::path design_file(const CompareArguments& arguments, const Json& design, std::int64_t seed,
                                  std::int64_t labels) {
  std::string file = design.at("data").get<std::string>();
  for (const auto& [mark, number] : {std::pair{seed_mark, seed}, {labels_mark, labels}}) {
    if (const std::size_t at = file.find(mark); at != std::string::npos) {
      file.replace(at, mark.size(), std::to_string(number));
    }
  }
  return arguments.config.parent_path() / file;
}

bool is_design(const Json& strategy) { return strategy.value("type", "") == "design"; }

/// Whether each number of labels has a design of its own.
bool by_labels(const Json& design) {
  return design.at("data").get<std::string>().find(labels_mark) != std::string::npos;
}

std::string digest_of(const std::filesystem::path& file) {
  detail::Sha256 digest;
  const std::string bytes = detail::read_file(file);
  digest.update(std::as_bytes(std::span(bytes)));
  return digest.hex();
}

/// A design as it stands in the plan: with the digests of its files.
Json design_plan(const CompareArguments& arguments, const Json& file) {
  if (!file.is_string()) {
    throw ConfigError({"assay.compare.design", "/designs", "a file, with {seed} for one a seed", file.dump(), ""});
  }
  Json design{{"type", "design"}, {"data", file}};
  Json files = Json::object();
  for (std::int64_t seed = 0; seed < arguments.seeds; ++seed) {
    for (std::int64_t round = by_labels(design) ? 0 : arguments.rounds; round <= arguments.rounds; ++round) {
      const std::int64_t labels = labels_in(arguments, round);
      const std::string name = std::to_string(seed) + (by_labels(design) ? "/" + std::to_string(labels) : "");
      files[name] = digest_of(design_file(arguments, design, seed, labels));
    }
  }
  design["files"] = files;
  return design;
}

/// Samples beside the data. Errors: `DataError` `assay.compare.columns` for other columns than the data's.
CompareData read_beside(const CompareArguments& arguments, const CompareData& data, const std::filesystem::path& file) {
  CompareData samples = read_compare_data(file, arguments.columns);
  if (samples.inputs != data.inputs || samples.targets != data.targets || samples.classes != data.classes) {
    throw DataError({"assay.compare.columns", file.string(), "the columns of the data, in their order", "others", ""});
  }
  return samples;
}

/// The samples of a design. Errors: `DataError` `assay.compare.design` for too few.
CompareData read_design(const CompareArguments& arguments, const CompareData& data, const Json& design,
                        std::int64_t seed, std::int64_t labels) {
  const std::filesystem::path file = design_file(arguments, design, seed, labels);
  CompareData samples = read_beside(arguments, data, file);
  if (samples.x.size(0) < labels) {
    throw DataError({"assay.compare.design", file.string(), std::to_string(labels) + " samples",
                     std::to_string(samples.x.size(0)), ""});
  }
  return samples;
}

AnyLearner make_learner(const Json& spec, const CompareData& data, const Registries& registries) {
  if (spec != "mlp") return registries.learner.make(spec, registries);
  const std::int64_t d = data.x.size(1), k = data.y.size(1);
  return AnyLearner(ModuleLearner([d, k] { return TabularNet(d, k); }, {.inputs = {"x"}, .targets = {"y"}}, mse_loss));
}

AnyTrainingLoop make_loop(const Json& spec, const Registries& registries) {
  if (spec != "jmlr") return registries.loop.make(spec, registries);
  DefaultTrainingLoopOptions options{.epochs = 256, .batch_size = 256};
  options.optimizer = Adam({.lr = 0.15});
  options.scheduler = LinearSchedule();
  options.early_stopping = EarlyStoppingOptions{.patience = options.epochs};  // never ends, keeps the best epoch
  return DefaultTrainingLoop(std::move(options));
}

/// Who is what in one split: the same for every strategy.
struct Split {
  std::vector<std::int64_t> test, validation, labeled, pool;
};

Split split_of(const CompareArguments& arguments, std::int64_t n, std::int64_t seed) {
  std::vector<std::int64_t> order = random_order(
      RandomKey(static_cast<std::uint64_t>(arguments.seed)).with("split").with(seed), counting(n));
  const auto take = [&](std::int64_t count) {
    std::vector<std::int64_t> rows(order.end() - static_cast<std::ptrdiff_t>(count), order.end());
    order.resize(order.size() - static_cast<std::size_t>(count));
    return rows;
  };
  const bool own_tests = arguments.test_data.empty();
  const auto test = own_tests ? static_cast<std::int64_t>(arguments.test * static_cast<double>(n)) : 0;
  const std::int64_t validation = arguments.validation >= 0 ? arguments.validation
                                                            : std::min<std::int64_t>(1024, n / 10);
  const std::int64_t needed = test + validation + arguments.initial + arguments.rounds * arguments.batch;
  if ((own_tests && test < 1) || needed > n) {
    throw DataError({"assay.compare.size", "data",
                     std::to_string(needed) + " samples: " + std::to_string(test) + " for tests, " +
                         std::to_string(validation) + " for validation, the others to learn from",
                     std::to_string(n), "ask for fewer or smaller rounds, or a smaller --validation"});
  }
  Split split;
  split.test = take(test);
  split.validation = take(validation);
  split.labeled = take(arguments.initial);
  split.pool = std::move(order);
  std::sort(split.pool.begin(), split.pool.end());
  return split;
}

/// The deviation of the targets of all samples that have some.
torch::Tensor deviation_of(const CompareData& data) {
  return data.y.index_select(0, data.done.nonzero().flatten()).std(0, /*unbiased=*/false).clamp_min(1e-300);
}

/// Errors in units of the targets' deviation over all data, or, without one, the share of right classes.
Json measure(const LearnerView& learner, const Values& test, const torch::Tensor& deviation) {
  const TensorPool pool(test);
  const torch::Tensor predicted = learner.predict(PoolView(pool, pool.ids()))["y"].reshape(test["y"].sizes());
  if (!deviation.defined()) {
    return {{"accuracy", predicted.eq(test["y"]).to(torch::kFloat64).mean().item<double>()}};
  }
  const torch::Tensor error = ((predicted - test["y"]) / deviation).abs().flatten();
  return {{"rmse", error.square().mean().sqrt().item<double>()},
          {"mae", error.mean().item<double>()},
          {"q95", error.quantile(0.95).item<double>()},
          {"q99", error.quantile(0.99).item<double>()},
          {"max", error.max().item<double>()}};
}

/// The simulations so far, as far as a table knows them: nothing of their run times.
SimulationHistory history_of(const CompareData& data, const std::vector<std::int64_t>& rows) {
  const torch::Tensor index = torch::tensor(rows, torch::kInt64);
  return {.ids = rows,
          .inputs = {{"x", data.x.index_select(0, index)}},
          .succeeded = data.done.index_select(0, index),
          .seconds = torch::full({index.size(0)}, std::numeric_limits<double>::quiet_NaN(), torch::kFloat64)};
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

Json compare_plan(const CompareArguments& arguments, const CompareData& data) {
  const Registries registries;
  const Json given = arguments.config.empty()
                         ? Json::object()
                         : parse_json(detail::read_file(arguments.config), arguments.config.string());
  Json strategies = Json::object();
  const auto add = [&](const std::string& name, Json spec) {
    const auto& rows = registries.query.rows();
    const auto row = std::find_if(rows.begin(), rows.end(),
                                  [&](const RegistryRow& r) { return r.key == spec.value("type", ""); });
    if (row != rows.end() && !spec.contains("max_samples")) {
      for (const OptionRow& option : row->options) {
        if (option.name == "max_samples") spec["max_samples"] = arguments.batch;
      }
    }
    strategies[name] = registries.query.make(spec, registries).spec();
  };
  const Json named = given.value("strategies", Json::object()), designs = given.value("designs", Json::object());
  const auto add_design = [&](const std::string& name) { strategies[name] = design_plan(arguments, designs.at(name)); };
  for (const std::string& name : arguments.strategies) {
    if (designs.contains(name)) {
      add_design(name);
    } else {
      add(name, named.contains(name) ? named.at(name) : Json{{"type", name}});
    }
  }
  if (strategies.empty()) {
    for (const auto& item : named.items()) add(item.key(), item.value());
    for (const auto& item : designs.items()) add_design(item.key());
  }
  Json learner = given.value("learner", Json(arguments.learner)), loop = given.value("loop", Json());
  const std::string plain = learner.is_string() ? learner.get<std::string>() : "";
  const bool classify = !data.classes.empty();
  if (plain == "ensemble" || plain == "gaussian_process" || (plain == "mlp" && classify)) {
    learner = Json{{"type", plain}};
  }
  if (learner.is_object()) {
    Json& innermost = detail::innermost_learner(learner);
    innermost["inputs"] = {"x"};
    innermost["targets"] = {"y"};
    if (classify) innermost["classes"] = data.classes.size();
    const AnyLearner made = registries.learner.make(learner, registries);
    learner = made.spec();
    if (loop.is_null()) loop = detail::own_loop(made.loop_maker()).spec();
  } else if (plain != "mlp") {
    throw ConfigError({"assay.compare.learner", "--learner", "mlp, ensemble or gaussian_process, or one from --config",
                       "'" + plain + "'", ""});
  }
  if (loop.is_null()) loop = "jmlr";
  if (loop.is_object()) loop = registries.loop.make(loop, registries).spec();
  detail::Sha256 digest;
  for (const torch::Tensor& tensor : {data.x, data.y}) {
    digest.update(std::span(static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()));
  }
  Json plan{{"strategies", strategies},
            {"learner", learner},
            {"loop", loop},
            {"initial", arguments.initial},
            {"batch", arguments.batch},
            {"rounds", arguments.rounds},
            {"test", arguments.test},
            {"validation", arguments.validation},
            {"seed", arguments.seed},
            {"targets", data.targets},
            {"data", digest.hex()}};
  if (classify) plan["classes"] = data.classes;
  if (!arguments.test_data.empty()) plan["test_data"] = digest_of(arguments.test_data);
  return plan;
}

void run_campaign(const CompareArguments& arguments, const CompareData& data, const Json& plan,
                  const std::string& strategy, std::int64_t seed, const std::function<void(const Json&)>& row) {
  const Registries registries;
  Split split = split_of(arguments, data.x.size(0), seed);
  const Json& spec = plan.at("strategies").at(strategy);
  std::optional<AnyQuery> query;
  if (!is_design(spec)) query = registries.query.make(spec, registries);
  AnyLearner learner = make_learner(plan.at("learner"), data, registries);
  AnyTrainingLoop loop = make_loop(plan.at("loop"), registries);
  if (const CapabilitySet missing = (query ? query->requirements() : CapabilitySet{}).without(learner.capabilities());
      !missing.empty()) {
    throw ConfigError({"assay.driver.capability", "strategy " + strategy, "a learner with " + describe(missing),
                       plan.at("learner").dump(), "choose another learner"});
  }
  const RandomKey random = RandomKey(static_cast<std::uint64_t>(arguments.seed)).with("campaign").with(seed);
  const torch::Tensor deviation = data.classes.empty() ? deviation_of(data) : torch::Tensor();
  const CompareData tests = arguments.test_data.empty() ? data : read_beside(arguments, data, arguments.test_data);
  if (!arguments.test_data.empty()) split.test = counting(tests.x.size(0));
  const Values test = batch_of(tests, done_rows(tests, split.test));
  TensorPool validation;
  if (const std::vector<std::int64_t> rows = done_rows(data, split.validation); !rows.empty()) {
    validation.append(batch_of(data, rows), rows);
  }
  const AnyPool all(Values{{"x", data.x}, {"y", data.y}});
  for (std::int64_t round = 0; round <= arguments.rounds; ++round) {
    // Failed simulations are paid for, and teach nothing.
    TensorPool labeled;
    std::int64_t spent = labels_in(arguments, round);
    if (query) {
      spent = static_cast<std::int64_t>(split.labeled.size());
      const std::vector<std::int64_t> rows = done_rows(data, split.labeled);
      labeled.append(batch_of(data, rows), rows);
    } else {
      const CompareData design = read_design(arguments, data, spec, seed, spent);
      const std::vector<std::int64_t> rows = done_rows(design, counting(spent));
      labeled.append(batch_of(design, rows), rows);
    }
    auto start = std::chrono::steady_clock::now();
    TrainingContext context{
        .labeled = labeled, .validation = validation, .round = round, .random = random.with("train").with(round)};
    loop.train(LearnerRef(learner), context);
    const double train_seconds = seconds_since(start);
    const torch::NoGradGuard no_gradients;
    const LearnerView view{LearnerRef(learner), detail::target_variance(labeled, {"y"})};
    Json line{{"strategy", strategy},
              {"seed", seed},
              {"round", round},
              {"labels", spent},
              {"failed", spent - labeled.size()}};
    line.update(measure(view, test, deviation));
    line["train_seconds"] = train_seconds;
    if (query && round < arguments.rounds) {
      start = std::chrono::steady_clock::now();
      const Selection picked = query->select(
          QueryContext(QueryInputs{.unlabeled = PoolView(all, split.pool, split.pool),
                                   .labeled = PoolView(labeled, labeled.ids()),
                                   .learner = view,
                                   .round = round + 1,
                                   .random = random.with("query").with(round + 1),
                                   .remaining_budget = std::nullopt,
                                   .history = [&] { return history_of(data, split.labeled); }}));
      line["select_seconds"] = seconds_since(start);
      std::vector<std::int64_t> gone;
      for (const std::int64_t position : picked.positions) {
        gone.push_back(split.pool.at(static_cast<std::size_t>(position)));
      }
      gone.resize(std::min(gone.size(), static_cast<std::size_t>(arguments.batch)));
      split.labeled.insert(split.labeled.end(), gone.begin(), gone.end());
      std::sort(gone.begin(), gone.end());
      std::erase_if(split.pool, [&](std::int64_t id) { return std::binary_search(gone.begin(), gone.end(), id); });
    }
    row(line);
  }
}

}  // namespace assay::app
