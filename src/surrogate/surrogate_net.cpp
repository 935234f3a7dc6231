// SPDX-License-Identifier: Apache-2.0
// Reads an exported network, without LibTorch.
#include "surrogate_net.hpp"

#include "../data/safetensors_header.hpp"

#include <assay/detail/files.hpp>
#include <assay/error.hpp>
#include <assay/json.hpp>

#include <algorithm>
#include <cstring>
#include <map>
#include <tuple>

namespace assay::detail {

namespace {

constexpr std::int64_t most_numbers = std::int64_t{1} << 31, most_members = 10'000;

[[noreturn]] void refuse(const std::string& where, std::string expected, std::string got) {
  throw CheckpointError({"assay.surrogate.file", where, std::move(expected), std::move(got), ""});
}

/// The tensors of a file, by name.
class Tensors {
 public:
  explicit Tensors(const std::filesystem::path& file) : file_(file.string()), bytes_(read_file(file)) {
    SafetensorsHeader header = read_safetensors_header(std::as_bytes(std::span(bytes_)), file_);
    start_ = header.data_start;
    for (SafetensorsEntry& entry : header.entries) entries_.emplace(entry.name, std::move(entry));
  }

  const SafetensorsEntry& entry(const std::string& name) const {
    const auto found = entries_.find(name);
    if (found == entries_.end()) refuse(file_, "a tensor '" + name + "'", "none");
    return found->second;
  }

  /// Errors: `CheckpointError` for another number of elements, or another dtype.
  template <class T>
  std::vector<T> read(const std::string& name, std::int64_t count) const {
    const SafetensorsEntry& found = entry(name);
    const char* dtype = sizeof(T) == sizeof(float) ? "F32" : "F64";
    if (found.dtype != dtype || found.end - found.begin != static_cast<std::uint64_t>(count) * sizeof(T))
      refuse(file_ + ", '" + name + "'", std::to_string(count) + " numbers, " + dtype, "others");
    std::vector<T> numbers(static_cast<std::size_t>(count));
    std::memcpy(numbers.data(), bytes_.data() + start_ + found.begin, numbers.size() * sizeof(T));
    return numbers;
  }

 private:
  std::string file_, bytes_;
  std::size_t start_ = 0;
  std::map<std::string, SafetensorsEntry> entries_;
};

std::vector<Surrogate::Field> fields_from(const Json& json, std::int64_t& size, const std::string& where) {
  std::vector<Surrogate::Field> fields;
  size = 0;
  for (const Json& item : json) {
    Surrogate::Field field{.name = item.at("name").get<std::string>(), .shape = {}};
    double numbers = 1;
    for (const Json& extent : item.at("shape")) {
      field.shape.push_back(integer_from_json<std::uint32_t>(extent));
      numbers *= static_cast<double>(field.shape.back());
    }
    if (numbers + static_cast<double>(size) > static_cast<double>(most_numbers))
      refuse(where, "a point that fits into memory", "a larger one");
    size += static_cast<std::int64_t>(numbers);
    fields.push_back(std::move(field));
  }
  if (size == 0) refuse(where, "a trained network", "one that has seen no samples");
  return fields;
}

/// The forms of a point's fields, as the inputs say them. \return with how many columns they make.
std::pair<std::vector<SurrogateForm>, std::int64_t> forms_from(const Json& json, const std::string& where) {
  std::vector<SurrogateForm> forms;
  double columns = 0;
  for (const Json& field : json) {
    SurrogateForm form;
    for (const Json& extent : field.at("shape")) form.numbers *= integer_from_json<std::uint32_t>(extent);
    if (const auto scale = field.find("scale"); scale != field.end()) {
      if (*scale != "log") refuse(where, "no scale, or log", scale->dump());
      form.log = true;
    }
    if (const auto names = field.find("categories"); names != field.end())
      form.categories = static_cast<std::int64_t>(names->size());
    columns += static_cast<double>(form.numbers) * static_cast<double>(std::max<std::int64_t>(1, form.categories));
    forms.push_back(form);
  }
  if (columns > static_cast<double>(most_numbers)) refuse(where, "a point that fits into memory", "a larger one");
  return {std::move(forms), static_cast<std::int64_t>(columns)};
}

SurrogateActivation activation_from(const std::string& name, const std::string& where) {
  constexpr const char* names[] = {"silu", "relu", "tanh", "gelu"};
  const auto found = std::find(std::begin(names), std::end(names), name);
  if (found == std::end(names)) refuse(where, "silu, relu, tanh or gelu", "'" + name + "'");
  return static_cast<SurrogateActivation>(found - std::begin(names));
}

template <class T>
SurrogateLayers<T> layers_from(const Tensors& tensors, const std::string& prefix, std::vector<std::int64_t> widths,
                               std::int64_t members) {
  SurrogateLayers<T> layers;
  for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
    SurrogateLayer<T> layer{.in = widths[i], .out = widths[i + 1], .weights = {}, .biases = {}};
    const std::string number = std::to_string(i);
    // A size that no file has does not become memory: the count is compared with the file's first.
    if (layer.in > most_numbers / layer.out / members)
      refuse(prefix, "a network that fits into memory", "a larger one");
    layer.weights = tensors.read<T>(prefix + "weight/" + number, members * layer.in * layer.out);
    layer.biases = tensors.read<T>(prefix + "bias/" + number, members * layer.out);
    layers.push_back(std::move(layer));
  }
  return layers;
}

std::string type_of(const Json& spec) { return spec.at("type").get<std::string>(); }

}  // namespace

SurrogateNet::SurrogateNet(const std::filesystem::path& directory) {
  const std::string where = (directory / "learner.json").string();
  const Json whole = parse_json(read_file(where), where);
  const Tensors tensors(directory / "learner.safetensors");
  try {
    Json spec = whole.at("learner"), state = whole.at("state"), transforms = Json::object();
    std::string prefix;
    if (type_of(spec) == "transformed") {
      transforms = spec.at("targets");
      const Json inner = spec.at("learner");
      spec = inner;
      prefix = "learner/";
    }
    const Json& net = prefix.empty() ? state : state.at("learner");
    const bool ensemble = type_of(spec) == "ensemble";
    if (!ensemble && type_of(spec) != "mlp") refuse(where, "an mlp or an ensemble", "'" + type_of(spec) + "'");
    if (spec.at("classes") != 0) refuse(where, "a regression", "a classification");
    inputs = fields_from(net.at("inputs"), input_size, where + ", inputs");
    targets = fields_from(net.at("targets"), target_size, where + ", targets");
    gaussian = spec.at("loss") == "gaussian";
    members = ensemble ? spec.at("members").get<std::int64_t>() : 1;
    if (members < 1 || members > most_members) refuse(where, "members", std::to_string(members));
    activation_ = activation_from(spec.at("activation").get<std::string>(), where);
    std::tie(forms_, columns_) = forms_from(net.at("inputs"), where + ", inputs");
    formed_ = std::any_of(forms_.begin(), forms_.end(), [](const auto& f) { return f.log || f.categories > 0; });
    std::vector<std::int64_t> widths{columns_};
    for (const Json& width : spec.at("hidden")) {
      widths.push_back(integer_from_json<std::uint32_t>(width));
      if (widths.back() == 0) refuse(where, "layers of at least one unit", "0");
    }
    widths.push_back((gaussian ? 2 : 1) * target_size);
    x_ = {tensors.read<double>(prefix + "inputs/mean", columns_),
          tensors.read<double>(prefix + "inputs/scale", columns_)};
    y_ = {tensors.read<double>(prefix + "targets/mean", target_size),
          tensors.read<double>(prefix + "targets/scale", target_size)};
    if (tensors.entry(prefix + "weight/0").dtype == "F32") {
      layers_ = layers_from<float>(tensors, prefix, std::move(widths), members);
    } else {
      layers_ = layers_from<double>(tensors, prefix, std::move(widths), members);
    }
    for (const Surrogate::Field& target : targets) {
      std::size_t numbers = 1;
      for (const std::int64_t extent : target.shape) numbers *= static_cast<std::size_t>(extent);
      const auto transform = transforms.find(target.name);
      if (transform == transforms.end()) {
        inverse_.resize(inverse_.size() + numbers);
      } else if (type_of(*transform) == "log") {
        inverse_.resize(inverse_.size() + numbers, {.exponential = true});
      } else if (type_of(*transform) == "standardise") {
        const std::string scaler = "targets/" + target.name + "/scaler/";
        const auto n = static_cast<std::int64_t>(numbers);
        const auto mean = tensors.read<double>(scaler + "mean", n), scale = tensors.read<double>(scaler + "scale", n);
        for (std::size_t i = 0; i < numbers; ++i) inverse_.push_back({.factor = scale[i], .shift = mean[i]});
      } else {
        refuse(where, "the transforms log and standardise", "'" + type_of(*transform) + "'");
      }
    }
  } catch (const Json::exception& error) {
    refuse(where, "an exported network", error.what());
  } catch (const ConfigError& error) {
    refuse(where, "an exported network", error.what());
  }
}

}  // namespace assay::detail
