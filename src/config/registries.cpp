// SPDX-License-Identifier: Apache-2.0
#include <assay/data/fresh_candidates.hpp>
#include <assay/data/npy.hpp>
#include <assay/data/space.hpp>
#include <assay/data/table.hpp>
#include <assay/label/label.hpp>
#include <assay/learner/ensemble.hpp>
#include <assay/learner/gaussian_process.hpp>
#include <assay/learner/mc_dropout.hpp>
#include <assay/learner/mlp.hpp>
#include <assay/learner/module_learner.hpp>
#include <assay/learner/transformed.hpp>
#include <assay/metrology/metrology.hpp>
#include <assay/observer/console_log.hpp>
#include <assay/query/query.hpp>
#include <assay/registries.hpp>
#include <assay/stop/stop.hpp>
#include <assay/training/adam.hpp>
#include <assay/training/adamw.hpp>
#include <assay/training/default_training_loop.hpp>
#include <assay/training/full_batch_loop.hpp>
#include <assay/training/k_fold.hpp>
#include <assay/training/linear_schedule.hpp>
#include <assay/training/sgd.hpp>
#include <assay/training/torch_optimizer.hpp>
#include <assay/transform/log_transform.hpp>
#include <assay/transform/standardise.hpp>

#include <limits>

namespace assay {

namespace {

constexpr OptionInfo space_info{.name = "space",
                                .help = "design variables: name, low, high, scale, kind, categories, unit, description",
                                .required = true};
constexpr OptionInfo constraints_info{
    .name = "constraints", .help = "what designs must satisfy: terms (factors by variable), at_least, at_most"};

struct SobolPoolOptions {
  std::vector<Variable> space = {};
  std::vector<Constraint> constraints = {};
  std::int64_t count = 1000;
  std::int64_t skip = 0;
  std::optional<std::uint64_t> scramble = std::nullopt;

  static constexpr std::array describe{
      space_info,
      constraints_info,
      OptionInfo{.name = "count", .help = "points", .min = 1},
      OptionInfo{.name = "skip", .help = "points of the sequence to leave out at its start", .min = 0},
      OptionInfo{.name = "scramble", .help = "seed to randomise the sequence by; null: as it is"},
  };
};

struct FreshPoolOptions {
  std::vector<Variable> space = {};
  std::vector<Constraint> constraints = {};
  std::int64_t count = 1000;
  Design design = Design::sobol;
  std::int64_t skip = 0;
  std::optional<std::uint64_t> seed = std::nullopt;

  static constexpr std::array describe{
      space_info,
      constraints_info,
      OptionInfo{.name = "count", .help = "candidates a round", .min = 1},
      OptionInfo{.name = "design", .help = "which points: Sobol's sequence goes on from round to round"},
      OptionInfo{.name = "skip", .help = "points of Sobol's sequence to leave out at its start", .min = 0},
      OptionInfo{.name = "seed", .help = "of the draws, of Sobol's scrambling; null: not scrambled, or 0"},
  };
};

struct RandomPoolOptions {
  std::vector<Variable> space = {};
  std::vector<Constraint> constraints = {};
  std::int64_t count = 1000;
  std::uint64_t seed = 0;

  static constexpr std::array describe{
      space_info,
      constraints_info,
      OptionInfo{.name = "count", .help = "points", .min = 1},
      OptionInfo{.name = "seed", .help = "of the points"},
  };
};

struct MaximinPoolOptions {
  std::vector<Variable> space = {};
  std::int64_t count = 100;
  std::uint64_t seed = 0;
  std::int64_t sweeps = 20;

  static constexpr std::array describe{
      space_info,
      OptionInfo{.name = "count", .help = "points", .min = 1, .max = 4096},
      OptionInfo{.name = "seed", .help = "of the points"},
      OptionInfo{.name = "sweeps", .help = "tries to improve each point", .min = 0},
  };
};

struct GridPoolOptions {
  std::vector<Variable> space = {};
  std::vector<Constraint> constraints = {};
  std::int64_t levels = 5;

  static constexpr std::array describe{
      space_info,
      constraints_info,
      OptionInfo{.name = "levels", .help = "values of each variable", .min = 1},
  };
};

struct NpyPoolOptions {
  std::map<std::string, std::filesystem::path> fields = {};

  static constexpr std::array describe{OptionInfo{
      .name = "fields", .help = "a .npy file for each field, samples along the first axis", .required = true}};
};

struct SafetensorsPoolOptions {
  std::filesystem::path file = {};

  static constexpr std::array describe{
      OptionInfo{.name = "file", .help = "a tensor for each field, samples along the first axis", .required = true}};
};

struct CsvPoolOptions {
  std::filesystem::path file = {};
  std::map<std::string, std::string> columns = {};

  static constexpr std::array describe{
      OptionInfo{.name = "file", .help = "names in the first line, a sample in each other one", .required = true},
      OptionInfo{.name = "columns",
                 .help = "the column of each field, NAME or those of NAME[0], NAME[1], …; empty: every column is one"},
  };
};

Values read_csv_pool(const CsvPoolOptions& options) {
  const Table table = read_table(options.file);
  if (options.columns.empty()) return table.batch(wanted_fields(table.fields()));
  std::vector<std::string> fields;
  for (const auto& [field, column] : options.columns) fields.push_back(field);
  return table.batch(wanted_fields(fields, nullptr, options.columns));
}

void add_pools(Registry<AnyPool>& pool) {
  pool.add<SobolPoolOptions>("sobol", "points of Sobol's sequence", [](SobolPoolOptions o, const ConfigReader&) {
    return AnyPool(sobol(Space(o.space, o.constraints), o.count, {.skip = o.skip, .scramble = o.scramble}));
  });
  pool.add<FreshPoolOptions>("fresh", "candidates drawn anew each round", [](FreshPoolOptions o, const ConfigReader&) {
    return AnyPool(FreshCandidates(Space(o.space, o.constraints),
                                   {.count = o.count, .design = o.design, .skip = o.skip, .seed = o.seed}));
  });
  pool.add<RandomPoolOptions>("latin_hypercube", "a Latin hypercube", [](RandomPoolOptions o, const ConfigReader&) {
    return AnyPool(latin_hypercube(Space(o.space, o.constraints), o.count, RandomKey(o.seed)));
  });
  pool.add<MaximinPoolOptions>("maximin", "a Latin hypercube whose points keep their distance",
                               [](MaximinPoolOptions o, const ConfigReader&) {
                                 return AnyPool(maximin(Space(o.space), o.count, RandomKey(o.seed), o.sweeps));
                               });
  pool.add<GridPoolOptions>(
      "grid", "every combination of evenly spaced values",
      [](GridPoolOptions o, const ConfigReader&) { return AnyPool(grid(Space(o.space, o.constraints), o.levels)); });
  pool.add<RandomPoolOptions>("uniform", "independent uniform points", [](RandomPoolOptions o, const ConfigReader&) {
    return AnyPool(uniform(Space(o.space, o.constraints), o.count, RandomKey(o.seed)));
  });
  pool.add<CsvPoolOptions>("csv", "samples from a CSV file",
                           [](const CsvPoolOptions& o, const ConfigReader&) { return AnyPool(read_csv_pool(o)); });
  pool.add<NpyPoolOptions>("npy", "samples from .npy files", [](NpyPoolOptions o, const ConfigReader&) {
    Values batch;
    for (const auto& [name, file] : o.fields) batch.set(name, read_npy(file));
    return AnyPool(std::move(batch));
  });
  pool.add<SafetensorsPoolOptions>(
      "safetensors", "samples from a safetensors file",
      [](SafetensorsPoolOptions o, const ConfigReader&) { return AnyPool(read_table(o.file).all()); });
}

void add_labels(Registry<AnyLabel>& label) {
  label.add<ExternalLabel>();
  label.add<FunctionLabelOptions>(
      std::string(FunctionLabel::key), std::string(FunctionLabel::summary),
      [](FunctionLabelOptions options, const ConfigReader& reader) -> std::optional<AnyLabel> {
        const auto* function = reader.registries()->functions.find(reader.child("function"), options.function);
        if (!function) return std::nullopt;
        return FunctionLabel(std::move(options), *function);
      });
  label.add<ProcessLabelOptions>(
      std::string(ProcessLabel::key), std::string(ProcessLabel::summary),
      [](ProcessLabelOptions options, const ConfigReader& reader) -> std::optional<AnyLabel> {
        ProcessLabel::Writer writer;
        ProcessLabel::Reader output_reader;
        if (!options.writer.empty()) {
          const auto* found = reader.registries()->writers.find(reader.child("writer"), options.writer);
          if (!found) return std::nullopt;
          writer = *found;
        }
        if (!options.reader.empty()) {
          const auto* found = reader.registries()->readers.find(reader.child("reader"), options.reader);
          if (!found) return std::nullopt;
          output_reader = *found;
        }
        return ProcessLabel(std::move(options), std::move(writer), std::move(output_reader));
      });
}

std::optional<AnyLearner> make_transformed(const ConfigReader& reader) {
  reader.reject_unknown({"type", "learner", "targets"});
  std::optional<AnyLearner> learner = reader.registries()->learner.make(reader.child("learner"));
  std::map<std::string, AnyTransform> transforms;
  bool good = learner.has_value();
  if (const ConfigReader targets = reader.child("targets"); targets.present() && targets.expect_object()) {
    for (const auto& item : targets.json().items()) {
      std::optional<AnyTransform> made = reader.registries()->transform.make(targets.child(item.key()));
      good = good && made;
      if (made) transforms.emplace(item.key(), std::move(*made));
    }
  }
  if (!good) return std::nullopt;
  return AnyLearner(Transformed(std::move(*learner), std::move(transforms)));
}

void add_learners(Registry<AnyLearner>& learner) {
  learner.add<Mlp>();
  learner.add<Ensemble>();
  learner.add<McDropout>();
  learner.add<GaussianProcess>();
  learner.add<ModuleLearnerOptions>(
      std::string(ModuleLearner::key), std::string(ModuleLearner::summary),
      [](ModuleLearnerOptions options, const ConfigReader& reader) -> std::optional<AnyLearner> {
        const auto* make = reader.registries()->modules.find(reader.child("module"), options.module);
        if (!make) return std::nullopt;
        AnyModule module = (*make)();
        if (!module.make) module.make = [make = *make] { return make().module; };
        return AnyLearner(ModuleLearner(std::move(module), std::move(options)));
      });
  const double inf = std::numeric_limits<double>::infinity();
  learner.add({std::string(Transformed::key),
               std::string(Transformed::summary),
               {{"learner", "object with a type", nullptr, "what learns the transformed targets", -inf, inf, true},
                {"targets", "object of object with a type", Json::object(), "the transform of each target that has one",
                 -inf, inf, false}}},
              make_transformed);
}

void add_filter(Registry<AnyQuery>& query) {
  query.add<FilterOptions>(std::string(Filter::key), std::string(Filter::summary),
                           [](FilterOptions options, const ConfigReader& reader) -> std::optional<AnyQuery> {
                             const auto* predicate = reader.registries()->predicates.find(reader.child("predicate"),
                                                                                          options.predicate);
                             if (!predicate) return std::nullopt;
                             return AnyQuery(Filter(std::move(options), *predicate));
                           });
}

}  // namespace

Registries::Registries() {
  add_learners(learner);
  add_labels(label);
  add_pools(pool);

  transform.add<LogTransform>();
  transform.add<Standardise>();

  query.add<Random>();
  query.add<LeastConfidence>();
  query.add<Margin>();
  query.add<Entropy>();
  query.add<MaxVariance>();
  query.add<Bald>();
  query.add<BatchBald>();
  query.add<PowerBald>();
  query.add<QueryByCommittee>();
  query.add<CoreSet>();
  query.add<Badge>();
  query.add<KMeansPp>();
  query.add<Lcmd>();
  query.add<MaxDet>();
  query.add<Bait>();
  query.add<FrankWolfe>();
  query.add<Typiclust>();
  query.add<ProbCover>();
  query.add<GreedySampling>();
  query.add<Chain>();
  query.add<Mix>();
  query.add<Subsample>();
  query.add<ColdStart>();
  query.add<RandomShare>();
  query.add<ExpectedValue>();
  add_filter(query);

  metrology.add<NoMetrology>();
  metrology.add<Rmse>();
  metrology.add<Mae>();
  metrology.add<MaxError>();
  metrology.add<R2>();
  metrology.add<Accuracy>();
  metrology.add<ClassificationReport>();
  metrology.add<LogLikelihood>();
  metrology.add<Coverage>();
  metrology.add<Metrics>();

  loop.add<DefaultTrainingLoop>();
  loop.add<FullBatchLoop>();
  loop.add<KFold>();
  optimizer.add<Sgd>();
  optimizer.add<Adam>();
  optimizer.add<AdamW>();
  add_torch_optimizers(optimizer);
  scheduler.add<ConstantSchedule>();
  scheduler.add<CosineSchedule>();
  scheduler.add<LinearSchedule>();
  scheduler.add<WarmupSchedule>();
  scheduler.add<PlateauSchedule>();

  stop.add<MaxRounds>();
  stop.add<LabelBudget>();
  stop.add<WallTime>();
  stop.add<TargetMetric>();
  stop.add<Plateau>();
  observer.add<ConsoleLog>();
}

namespace detail {

namespace {

template <class T>
std::optional<T> make_from(const ConfigReader& reader, Registry<T> Registries::*registry) {
  if (reader.registries()) return (reader.registries()->*registry).make(reader);
  reader.problem("assay.registry.missing", "registries to build a component from", "none", "");
  return std::nullopt;
}

}  // namespace

template <>
std::optional<AnyLearner> make_component(const ConfigReader& reader) {
  return make_from(reader, &Registries::learner);
}
template <>
std::optional<AnyQuery> make_component(const ConfigReader& reader) {
  return make_from(reader, &Registries::query);
}
template <>
std::optional<AnyLabel> make_component(const ConfigReader& reader) {
  return make_from(reader, &Registries::label);
}
template <>
std::optional<AnyMetrology> make_component(const ConfigReader& reader) {
  return make_from(reader, &Registries::metrology);
}
template <>
std::optional<AnyTrainingLoop> make_component(const ConfigReader& reader) {
  return make_from(reader, &Registries::loop);
}
template <>
std::optional<AnyOptimizer> make_component(const ConfigReader& reader) {
  return make_from(reader, &Registries::optimizer);
}
template <>
std::optional<AnyScheduler> make_component(const ConfigReader& reader) {
  return make_from(reader, &Registries::scheduler);
}
template <>
std::optional<AnyStop> make_component(const ConfigReader& reader) {
  return make_from(reader, &Registries::stop);
}
template <>
std::optional<AnyObserver> make_component(const ConfigReader& reader) {
  return make_from(reader, &Registries::observer);
}

}  // namespace detail

}  // namespace assay
