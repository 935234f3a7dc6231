// SPDX-License-Identifier: Apache-2.0
#include "cells.hpp"

#include <assay/data/table.hpp>

#include <charconv>

namespace assay {

namespace {

constexpr std::string_view own_prefix = "assay.";

/// What stands in brackets as an index.
std::optional<std::int64_t> index_in(std::string_view inside) {
  std::int64_t index = 0;
  const auto [end, error] = std::from_chars(inside.data(), inside.data() + inside.size(), index);
  if (error != std::errc() || end != inside.data() + inside.size() || index < 0) return std::nullopt;
  return index;
}

std::string plain_unit(std::string_view unit) {
  constexpr std::string_view micro_sign = "\xC2\xB5", greek_mu = "\xCE\xBC";
  std::string plain(data::trimmed(unit));
  for (std::size_t at = plain.find(greek_mu); at != std::string::npos; at = plain.find(greek_mu))
    plain.replace(at, greek_mu.size(), micro_sign);
  return plain == "1" || plain == "-" ? "" : plain;
}

}  // namespace

ColumnName column_name(std::string_view header) {
  ColumnName name;
  std::string_view rest = data::trimmed(header);
  if (rest.starts_with(own_prefix)) {
    name.own = true;
    rest.remove_prefix(own_prefix.size());
  }
  bool has_unit = false;
  while (rest.ends_with(']')) {
    const std::size_t open = rest.rfind('[');
    if (open == std::string_view::npos || data::trimmed(rest.substr(0, open)).empty()) break;
    const std::string_view inside = rest.substr(open + 1, rest.size() - open - 2);
    const std::optional<std::int64_t> index = rest[open - 1] == ' ' ? std::nullopt : index_in(inside);
    if (index ? name.index.has_value() : has_unit) break;
    if (index) {
      name.index = index;
    } else {
      name.unit = data::trimmed(inside);
      has_unit = true;
    }
    rest = data::trimmed(rest.substr(0, open));
  }
  name.field = rest;
  return name;
}

bool same_unit(std::string_view a, std::string_view b) { return plain_unit(a) == plain_unit(b); }

std::map<std::string, WantedField> wanted_fields(const std::vector<std::string>& fields, const Space* space,
                                                 const std::map<std::string, std::string>& columns) {
  std::map<std::string, WantedField> wanted;
  for (const std::string& field : fields) {
    const auto called = columns.find(field);
    wanted[field] = {.column = called == columns.end() ? field : called->second};
  }
  if (!space) return wanted;
  for (const Variable& variable : space->variables()) {
    const auto field = wanted.find(variable.name);
    if (field == wanted.end()) continue;
    field->second.unit = variable.unit;
    if (variable.kind == Kind::category) field->second.categories = variable.categories;
  }
  return wanted;
}

}  // namespace assay
