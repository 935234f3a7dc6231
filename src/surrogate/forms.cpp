// SPDX-License-Identifier: Apache-2.0
#include "forms.hpp"

#include <assay/error.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

namespace assay::detail {

namespace {

/// One that is not finite too, which JSON has no word for.
std::string in_digits(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.17g", number);
  return text;
}

}  // namespace

SurrogateForms::SurrogateForms(const Json& inputs, std::vector<std::string> names, const std::string& where)
    : names_(std::move(names)) {
  const auto refuse = [&](const char* expected, const std::string& got) {
    throw CheckpointError({"assay.surrogate.file", where, expected, got, ""});
  };
  double columns = 0;
  for (const Json& field : inputs) {
    Form form;
    for (const Json& extent : field.at("shape")) form.numbers *= integer_from_json<std::uint32_t>(extent);
    if (const auto scale = field.find("scale"); scale != field.end()) {
      if (*scale != "log") refuse("no scale, or log", scale->dump());
      form.log = true;
    }
    if (const auto categories = field.find("categories"); categories != field.end())
      form.categories = static_cast<std::int64_t>(categories->size());
    columns += static_cast<double>(form.numbers) * static_cast<double>(std::max<std::int64_t>(1, form.categories));
    forms_.push_back(form);
  }
  if (columns > static_cast<double>(most_surrogate_numbers)) refuse("a point that fits into memory", "a larger one");
  columns_ = static_cast<std::int64_t>(columns);
}

void SurrogateForms::apply(std::int64_t count, const double* points, double* columns) const {
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::size_t field = 0; field < forms_.size(); ++field) {
      const Form& form = forms_[field];
      const auto refuse = [&](const char* id, const std::string& expected, double got) {
        throw DataError(
            {id, "input '" + names_[field] + "' of point " + std::to_string(i), expected, in_digits(got), ""});
      };
      for (const double* const end = points + form.numbers; points != end; ++points) {
        if (form.log) {
          if (!(*points > 0)) refuse("assay.learner.log", "a number above zero: its scale is log", *points);
          *columns++ = std::log(*points);
        } else if (form.categories == 0) {
          *columns++ = *points;
        } else {
          if (!(*points >= 0 && *points < static_cast<double>(form.categories) && *points == std::floor(*points)))
            refuse("assay.learner.category", "the index of a category, 0 to " + std::to_string(form.categories - 1),
                   *points);
          std::fill_n(columns, form.categories, 0.0);
          columns[static_cast<std::int64_t>(*points)] = 1;
          columns += form.categories;
        }
      }
    }
  }
}

void SurrogateForms::pull_back(const double* point, const double* by_columns, double* by_numbers) const {
  for (const Form& form : forms_) {
    for (std::int64_t i = 0; i < form.numbers; ++i, ++point, ++by_numbers) {
      *by_numbers = form.categories > 0 ? 0 : form.log ? *by_columns / *point : *by_columns;
      by_columns += std::max<std::int64_t>(1, form.categories);
    }
  }
}

}  // namespace assay::detail
