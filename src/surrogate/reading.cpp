// SPDX-License-Identifier: Apache-2.0
// Reads an exported learner, without LibTorch.
#include "../detail/bytes_tag.hpp"
#include "exported.hpp"
#include "gaussian_process.hpp"
#include "network.hpp"
#include "tensors.hpp"

#include <assay/detail/files.hpp>
#include <assay/error.hpp>
#include <assay/json.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace assay::detail {

namespace {

constexpr std::int64_t most_members = 10'000, most_samples = 100'000, most_classes = 1'000'000;
// The bounds that the learner keeps its hyperparameters in.
constexpr double least_lengthscale = 1e-3, largest_lengthscale = 1e4, least_signal = 1e-6, largest_signal = 1e6,
                 least_noise = 1e-10, largest_noise = 1e2;

std::string type_of(const Json& spec) { return spec.at("type").get<std::string>(); }

std::vector<Surrogate::Field> fields_from(const Json& json, const std::string& where) {
  std::vector<Surrogate::Field> fields;
  double size = 0;
  for (const Json& item : json) {
    Surrogate::Field field{.name = item.at("name").get<std::string>(),
                           .shape = {},
                           .unit = {},
                           .categories = {},
                           .low = {},
                           .high = {},
                           .seen = {}};
    double numbers = 1;
    for (const Json& extent : item.at("shape")) {
      field.shape.push_back(integer_from_json<std::uint32_t>(extent));
      numbers *= static_cast<double>(field.shape.back());
    }
    size += numbers;
    if (size > static_cast<double>(most_surrogate_numbers))
      refuse_surrogate(where, "a point that fits into memory", "a larger one");
    if (item.contains("categories")) item.at("categories").get_to(field.categories);
    for (auto& [name, bounds] : {std::pair{"low", &field.low}, std::pair{"high", &field.high}}) {
      if (!item.contains(name)) continue;
      item.at(name).get_to(*bounds);
      if (static_cast<double>(bounds->size()) != numbers && bounds->size() != 1)
        refuse_surrogate(where, "a range for each number of '" + field.name + "', or one for all", "another");
    }
    if (item.contains("seen")) item.at("seen").get_to(field.seen);
    for (std::size_t i = 0; i < field.low.size() && i < field.high.size(); ++i) {
      if (!(field.low[i] <= field.high[i]))
        refuse_surrogate(where, "ranges of '" + field.name + "' from the least to the largest", "others");
    }
    fields.push_back(std::move(field));
  }
  if (size == 0) refuse_surrogate(where, "a trained learner", "one that has seen no samples");
  return fields;
}

std::int64_t size_of(const std::vector<Surrogate::Field>& fields) {
  std::int64_t size = 0;
  for (const Surrogate::Field& field : fields) size += numbers_of(field);
  return size;
}

SurrogateActivation activation_from(const std::string& name, const std::string& where) {
  constexpr const char* names[] = {"silu", "relu", "tanh", "gelu"};
  const auto found = std::find(std::begin(names), std::end(names), name);
  if (found == std::end(names)) refuse_surrogate(where, "silu, relu, tanh or gelu", "'" + name + "'");
  return static_cast<SurrogateActivation>(found - std::begin(names));
}

template <class T>
std::unique_ptr<const SurrogateModel> network_from(const SurrogateTensors& tensors, const std::string& prefix,
                                                   const SurrogateNetworkShape& shape,
                                                   const std::vector<std::int64_t>& widths) {
  std::vector<SurrogateLayer<T>> layers;
  for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
    SurrogateLayer<T> layer{.in = widths[i], .out = widths[i + 1], .weights = {}, .biases = {}};
    const std::string number = std::to_string(i);
    // A size that no file has does not become memory: the count is compared with the file's first.
    if (layer.in > most_surrogate_numbers / layer.out / shape.members)
      refuse_surrogate(prefix, "a network that fits into memory", "a larger one");
    layer.weights = tensors.read<T>(prefix + "weight/" + number, shape.members * layer.in * layer.out);
    layer.biases = tensors.read<T>(prefix + "bias/" + number, shape.members * layer.out);
    layers.push_back(std::move(layer));
  }
  return std::make_unique<SurrogateNetwork<T>>(shape, std::move(layers));
}

std::unique_ptr<const SurrogateModel> network_from(const Json& spec, const SurrogateTensors& tensors,
                                                   const std::string& prefix, std::int64_t columns,
                                                   std::int64_t outputs, const std::string& where) {
  SurrogateNetworkShape shape{.inputs = columns, .outputs = outputs};
  shape.classes = integer_from_json<std::uint32_t>(spec.at("classes"));
  shape.gaussian = shape.classes == 0 && spec.at("loss") == "gaussian";
  shape.members = type_of(spec) == "ensemble" ? spec.at("members").get<std::int64_t>() : 1;
  if (shape.members < 1 || shape.members > most_members)
    refuse_surrogate(where, "members", std::to_string(shape.members));
  shape.activation = activation_from(spec.at("activation").get<std::string>(), where);
  std::vector<std::int64_t> widths{columns};
  for (const Json& width : spec.at("hidden")) {
    widths.push_back(integer_from_json<std::uint32_t>(width));
    if (widths.back() == 0) refuse_surrogate(where, "layers of at least one unit", "0");
  }
  widths.push_back(shape.classes == 2 ? 1 : shape.gaussian ? 2 * outputs : outputs);
  return tensors.entry(prefix + "weight/0").dtype == "F32" ? network_from<float>(tensors, prefix, shape, widths)
                                                           : network_from<double>(tensors, prefix, shape, widths);
}

std::unique_ptr<const SurrogateModel> gaussian_process_from(const Json& spec, const SurrogateTensors& tensors,
                                                            const std::string& prefix, std::int64_t columns,
                                                            std::int64_t outputs, const std::string& where) {
  const SafetensorsEntry& known = tensors.entry(prefix + "known/inputs");
  SurrogateSamples samples{
      .count = known.shape.empty() ? 0 : known.shape.front(), .inputs = columns, .outputs = outputs};
  if (samples.count < 1 || samples.count > most_samples)
    refuse_surrogate(where, "1 to " + std::to_string(most_samples) + " samples", std::to_string(samples.count));
  const std::string covariance = spec.at("covariance").get<std::string>();
  if (covariance != "matern52" && covariance != "rbf")
    refuse_surrogate(where, "matern52 or rbf", "'" + covariance + "'");
  samples.matern = covariance == "matern52";
  samples.x = tensors.read<double>(prefix + "known/inputs", samples.count * columns);
  samples.y = tensors.read<double>(prefix + "known/targets", samples.count * outputs);
  samples.lengthscales = tensors.read<double>(prefix + "log/lengthscales", columns);
  for (double& scale : samples.lengthscales)
    scale = std::clamp(std::exp(scale), least_lengthscale, largest_lengthscale);
  samples.signal = std::clamp(std::exp(tensors.read<double>(prefix + "log/signal", 1)[0]), least_signal,
                              largest_signal);
  samples.noise = std::clamp(std::exp(tensors.read<double>(prefix + "log/noise", 1)[0]), least_noise, largest_noise);
  return std::make_unique<SurrogateGaussianProcess>(std::move(samples), where);
}

Surrogate::Provenance provenance_from(const Json& whole, const Json& spec) {
  const Json about = whole.value("provenance", Json::object());
  return {.learner = type_of(spec),
          .campaign = about.value("campaign", ""),
          .hash = about.value("hash", ""),
          .label_version = about.value("label_version", ""),
          .round = about.value("round", std::int64_t{0}),
          .labels = about.value("labels", std::int64_t{0})};
}

/// A specification's inputs, or targets, and what was learnt of them are of one learner.
void require_of_one_learner(const Json& spec, const Json& learnt, bool with_forms, const std::string& where) {
  bool same = spec.size() == learnt.size();
  for (std::size_t i = 0; same && i < spec.size(); ++i) {
    const Json own = spec.at(i).is_object() ? spec.at(i) : Json{{"name", spec.at(i)}};
    same = own.at("name") == learnt.at(i).at("name");
    for (const char* form : {"scale", "categories"})
      same = same && (!with_forms || own.value(form, Json()) == learnt.at(i).value(form, Json()));
  }
  if (!same) refuse_surrogate(where, "the fields of the learner", "others");
}

void take_units(const Json& units, std::vector<Surrogate::Field>& fields) {
  for (Surrogate::Field& field : fields) field.unit = units.value(field.name, "");
}

}  // namespace

ExportedSurrogate::ExportedSurrogate(const std::filesystem::path& directory) {
  const std::string where = (directory / "learner.json").string();
  const Json whole = parse_json(read_file(where), where);
  const SurrogateTensors tensors(directory / "learner.safetensors");
  try {
    Json spec = whole.at("learner"), transforms = Json::object(), state = whole.at("state");
    provenance = provenance_from(whole, spec);
    std::string prefix;
    if (type_of(spec) == "transformed") {
      transforms = spec.at("targets");
      const Json inner = spec.at("learner"), inner_state = state.at("learner");
      spec = inner;
      state = inner_state;
      prefix = "learner/";
    }
    if (whole.contains("tensors") && whole.at("tensors") != bytes_tag(tensors.bytes()))
      refuse_surrogate((directory / "learner.safetensors").string(), "the file that learner.json was written with",
                       "another: export the learner again");
    require_of_one_learner(spec.at("inputs"), state.at("inputs"), /*with_forms=*/true, where + ", inputs");
    require_of_one_learner(spec.at("targets"), state.at("targets"), /*with_forms=*/false, where + ", targets");
    const std::string type = type_of(spec);
    const bool network = type != "gaussian_process";
    if (!Surrogate::loads(type)) refuse_surrogate(where, "an mlp, an ensemble or a gaussian_process", "'" + type + "'");
    inputs = fields_from(state.at("inputs"), where + ", inputs");
    targets = fields_from(state.at("targets"), where + ", targets");
    const Json units = whole.value("units", Json::object());
    take_units(units, inputs);
    take_units(units, targets);
    input_size = size_of(inputs);
    classes = network ? integer_from_json<std::uint32_t>(spec.at("classes")) : 0;
    if (classes == 1 || classes > most_classes)
      refuse_surrogate(where, "at least two classes, or 0", std::to_string(classes));
    target_size = classes > 0 ? classes : size_of(targets);
    std::vector<std::string> names;
    for (const Surrogate::Field& field : inputs) names.push_back(field.name);
    forms_ = SurrogateForms(state.at("inputs"), std::move(names), where + ", inputs");
    const std::int64_t columns = forms_.columns();
    x_ = {tensors.read<double>(prefix + "inputs/mean", columns),
          tensors.read<double>(prefix + "inputs/scale", columns)};
    for (double& scale : x_.scale) scale = scale == 0 ? 1 : scale;  // of a column that was constant in all samples
    if (classes == 0)
      y_ = {tensors.read<double>(prefix + "targets/mean", target_size),
            tensors.read<double>(prefix + "targets/scale", target_size)};
    model_ = network ? network_from(spec, tensors, prefix, columns, target_size, where)
                     : gaussian_process_from(spec, tensors, prefix, columns, target_size, where);
    if (classes == 0) read_transforms(transforms, tensors, where);
  } catch (const Json::exception& error) {
    refuse_surrogate(where, "an exported learner", error.what());
  } catch (const ConfigError& error) {
    refuse_surrogate(where, "an exported learner", error.what());
  }
}

void ExportedSurrogate::read_transforms(const Json& transforms, const SurrogateTensors& tensors,
                                        const std::string& where) {
  for (const auto& [name, transform] : transforms.items()) {
    const std::string& target = name;
    if (std::none_of(targets.begin(), targets.end(), [&](const auto& field) { return field.name == target; }))
      refuse_surrogate(where, "transforms of targets", "one of '" + name + "'");
  }
  for (const Surrogate::Field& target : targets) {
    const std::int64_t numbers = numbers_of(target);
    const auto transform = transforms.find(target.name);
    if (transform == transforms.end()) {
      inverse_.resize(inverse_.size() + static_cast<std::size_t>(numbers));
    } else if (type_of(*transform) == "log") {
      inverse_.resize(inverse_.size() + static_cast<std::size_t>(numbers), {.exponential = true});
    } else if (type_of(*transform) == "standardise") {
      const std::string scaler = "targets/" + target.name + "/scaler/";
      const auto mean = tensors.read<double>(scaler + "mean", numbers),
                 scale = tensors.read<double>(scaler + "scale", numbers);
      for (std::size_t i = 0; i < mean.size(); ++i) inverse_.push_back({.factor = scale[i], .shift = mean[i]});
    } else {
      refuse_surrogate(where, "the transforms log and standardise", "'" + type_of(*transform) + "'");
    }
  }
}

}  // namespace assay::detail
