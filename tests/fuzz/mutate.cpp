// SPDX-License-Identifier: Apache-2.0
// Mutations that leave JSON being JSON: bytes alone rarely reach past the parser.
#include "fuzz.hpp"

#include <algorithm>
#include <cstring>
#include <random>

namespace fuzz {

using assay::Json;

namespace {

using Random = std::minstd_rand;

const std::vector<Json>& hostile() {
  static const std::vector<Json> values = [] {
    std::vector<Json> all{nullptr,
                          true,
                          false,
                          0,
                          1,
                          2,
                          3,
                          7,
                          64,
                          1000,
                          -1,
                          4294967296,
                          INT64_MAX,
                          INT64_MIN,
                          UINT64_MAX,
                          0.5,
                          -0.5,
                          1e-320,
                          1e300,
                          -1e300,
                          1e20,
                          "",
                          "0",
                          "-1",
                          "nan",
                          "inf",
                          "x",
                          "y",
                          "..",
                          "../../etc/passwd",
                          "/etc/passwd",
                          "a\nb",
                          std::string("\0", 1),
                          "cuda:0",
                          "cuda",
                          "meta",
                          "float64",
                          "gelu",
                          "F64",
                          "F32",
                          "F16",
                          "BF16",
                          "I64",
                          "U8",
                          "BOOL",
                          std::string(300, 'a'),
                          Json::array(),
                          Json::object(),
                          Json::array({0}),
                          Json::array({1}),
                          Json::array({1, 1}),
                          Json::array({2, 3}),
                          Json::array({0, 3}),
                          Json::array({INT64_MAX, 2}),
                          Json::array({4294967296, 4294967296}),
                          Json::array({"x", "x"}),
                          Json{{"type", "adam"}}};
    Json deep = 1;
    for (int i = 0; i < 70; ++i) deep = Json::array({deep});
    all.push_back(deep);
    return all;
  }();
  return values;
}

struct Place {
  Json* value;
  Json* parent;
  std::string key;
  std::size_t index;
};

void collect(Json& json, std::vector<Place>& places, int depth) {
  if (!json.is_structured() || depth > 80) return;
  std::size_t index = 0;
  for (auto item = json.begin(); item != json.end(); ++item, ++index) {
    places.push_back({&*item, &json, json.is_object() ? item.key() : std::string(), index});
    collect(*item, places, depth + 1);
  }
}

void mutate(Json& json, Random& random) {
  std::vector<Place> places{{&json, nullptr, "", 0}};
  collect(json, places, 0);
  const auto any = [&]() -> Place& { return places[random() % places.size()]; };
  Place& place = any();
  Json& value = *place.value;
  switch (random() % 8) {
    case 0:
    case 1: value = hostile()[random() % hostile().size()]; break;
    case 2: value = Json(*any().value); break;
    case 3:
      if (!place.parent) break;
      if (place.parent->is_object()) {
        place.parent->erase(place.key);
      } else {
        place.parent->erase(place.index);
      }
      break;
    case 4:
      if (value.is_array()) {
        value.push_back(random() % 2 ? hostile()[random() % hostile().size()] : Json(*any().value));
      } else if (value.is_object()) {
        const Place& other = any();
        value[random() % 2 ? other.key : std::to_string(random() % 4)] = Json(*other.value);
      }
      break;
    case 5:
      if (value.is_number_integer()) {
        const std::int64_t steps[] = {-1, 1, 2, -2, 100};
        value = static_cast<std::int64_t>(value.get<std::uint64_t>() + static_cast<std::uint64_t>(steps[random() % 5]));
      } else if (value.is_string()) {
        auto text = value.get<std::string>();
        text += static_cast<char>('0' + random() % 75);
        value = text;
      }
      break;
    case 6: value = random() % 2 ? Json::array({value}) : Json{{place.key, value}}; break;
    case 7:  // another name
      if (place.parent && place.parent->is_object()) {
        Json moved = value;
        Json& parent = *place.parent;
        const std::string name = any().key;
        parent.erase(place.key);
        parent[name] = std::move(moved);
      }
      break;
  }
}

}  // namespace

std::string mutate_json(std::string_view text, unsigned seed) {
  Random random(seed);
  Json json = parse(text);
  if (json.is_discarded()) return std::string(text);
  for (auto left = 1 + random() % 3; left > 0; --left) mutate(json, random);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::size_t mutate_parts(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed, std::size_t jsons,
                         std::size_t parts) {
  Random random(seed);
  const auto which = random() % (jsons + 1);
  if (which == jsons) return LLVMFuzzerMutate(data, size, most);
  const std::vector<std::string_view> old = split(text_of(data, size), parts);
  std::string mutated;
  for (std::size_t i = 0; i < old.size(); ++i) {
    if (i > 0) mutated += '\0';
    mutated += i == which ? mutate_json(old[i], random()) : std::string(old[i]);
  }
  if (mutated.size() > most) return LLVMFuzzerMutate(data, size, most);
  std::memcpy(data, mutated.data(), mutated.size());
  return mutated.size();
}

}  // namespace fuzz
