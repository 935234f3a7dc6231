// SPDX-License-Identifier: Apache-2.0
#include <assay/detail/torch_archive.hpp>
#include <assay/error.hpp>

#include <sstream>

namespace assay::detail {

namespace {

Json json_of(const c10::IValue& value, const std::string& name) {
  if (value.isNone()) return nullptr;
  if (value.isBool()) return value.toBool();
  if (value.isInt()) return value.toInt();
  if (value.isDouble()) return json_number(value.toDouble());
  if (value.isTuple()) {
    Json list = Json::array();
    for (const c10::IValue& element : value.toTupleRef().elements()) list.push_back(json_of(element, name));
    return list;
  }
  throw CheckpointError({"assay.checkpoint.optimizer", "optimizer state '" + name + "'",
                         "tensors, numbers and tuples of numbers", value.tagKind(),
                         "write an optimizer of your own with save and load around it"});
}

c10::IValue value_of(const Json& json) {
  if (json.is_null()) return {};
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_integer()) return json.get<std::int64_t>();
  if (json.is_array()) {
    std::vector<c10::IValue> elements;
    for (const Json& element : json) elements.push_back(value_of(element));
    return c10::ivalue::Tuple::create(std::move(elements));
  }
  return number_from_json(json);
}

/// Whether a value of a configuration can stand where `like` stands; an integer may stand for a number.
bool same_kind(const Json& value, const Json& like) {
  if (like.is_number_float()) return value.is_number();
  if (like.is_array()) {
    if (!value.is_array() || value.size() != like.size()) return false;
    for (std::size_t i = 0; i < like.size(); ++i) {
      if (!same_kind(value[i], like[i])) return false;
    }
    return true;
  }
  return like.is_boolean() ? value.is_boolean() : value.is_number_integer();
}

/// `value` with numbers of the type that `like` has.
Json as_kind(const Json& value, const Json& like) {
  if (like.is_number_float()) return value.get<double>();
  if (!like.is_array()) return value;
  Json list = Json::array();
  for (std::size_t i = 0; i < like.size(); ++i) list.push_back(as_kind(value[i], like[i]));
  return list;
}

std::string kind_name(const Json& like) {
  if (like.is_array()) return std::to_string(like.size()) + " numbers";
  if (like.is_boolean()) return "true or false";
  return like.is_number_float() ? "number" : "integer";
}

}  // namespace

State from_archive(torch::serialize::OutputArchive& archive) {
  std::stringstream bytes;
  archive.save_to(bytes);
  torch::serialize::InputArchive written;
  written.load_from(bytes);
  State state;
  for (const std::string& name : written.keys()) {
    c10::IValue value;
    written.read(name, value);
    if (value.isTensor()) {
      state.tensors.set(name, value.toTensor().detach().cpu());
    } else {
      state.json[name] = json_of(value, name);
    }
  }
  return state;
}

torch::serialize::InputArchive to_archive(const State& state) {
  // Torch makes attributes of a module of these names, and a module's source text of those.
  const auto check = [](const std::string& name) {
    const bool plain = !name.empty() && name.size() <= 100 &&
                       name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") ==
                           std::string::npos;
    if (plain) return;
    throw CheckpointError({"assay.checkpoint.optimizer", "optimizer state", "names of letters, digits and '_'",
                           "'" + name.substr(0, 100) + "'", ""});
  };
  for (const auto& item : state.json.items()) check(item.key());
  for (const NamedTensor& entry : state.tensors) check(entry.name);
  torch::serialize::OutputArchive archive;
  for (const auto& [name, value] : state.json.items()) archive.write(name, value_of(value));
  for (const NamedTensor& entry : state.tensors) archive.write(entry.name, c10::IValue(entry.tensor));
  std::stringstream bytes;
  archive.save_to(bytes);
  torch::serialize::InputArchive readable;
  readable.load_from(bytes);
  return readable;
}

std::vector<OptionRow> archived_option_rows(const Json& defaults) {
  std::vector<OptionRow> rows;
  constexpr double inf = std::numeric_limits<double>::infinity();
  for (const auto& [name, value] : defaults.items()) {
    rows.push_back({name, kind_name(value), value, "as in torch::optim", -inf, inf, false});
  }
  return rows;
}

Json archived_options(const ConfigReader& reader, const Json& defaults) {
  Json options = defaults;
  std::vector<std::string> known{"type"};
  for (const auto& [name, like] : defaults.items()) {
    known.push_back(name);
    const ConfigReader child = reader.child(name);
    if (child.present() && child.expect(same_kind(child.json(), like), kind_name(like))) {
      options[name] = as_kind(child.json(), like);
    }
  }
  reader.reject_unknown(known);
  return options;
}

}  // namespace assay::detail
