// SPDX-License-Identifier: Apache-2.0
#include "results.hpp"

#include "archives.hpp"

#include <assay/detail/asked_campaign.hpp>
#include <assay/detail/learner_spec.hpp>
#include <assay/error.hpp>
#include <assay/tools/campaign_space.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <unordered_set>

namespace assay::app {

namespace {

/// The whole number in a cell.
std::optional<std::int64_t> whole_in(const std::string& cell) {
  const std::optional<double> number = csv_number(cell);
  if (!number || !(std::abs(*number) < 0x1p53) || *number != std::floor(*number)) return std::nullopt;
  return static_cast<std::int64_t>(*number);
}

std::string id_column(const Table& table, const std::vector<std::string>& fields) {
  if (const std::optional<std::string> column = table.own("id", fields)) return *column;
  throw DataError({"assay.table.column", table.source(),
                   "a column '" + own_column("id", fields) + "' with the number of each sample",
                   table.contains("id") ? "'id' alone, which is a field of this campaign" : "none",
                   "copy it from what 'assay ask' wrote"});
}

/// What of the targets is to be read, with their units as the learner's specification says.
std::map<std::string, WantedField> wanted_targets(const AnyLearner& learner) {
  std::map<std::string, WantedField> wanted = wanted_fields(learner.targets());
  const Json spec = learner.spec();
  for (const Json& declared : assay::detail::innermost_learner(spec).value("targets", Json::array())) {
    const auto target = declared.is_object() ? wanted.find(declared.value("name", "")) : wanted.end();
    if (target != wanted.end()) target->second.unit = declared.value("unit", "");
  }
  return wanted;
}

}  // namespace

std::vector<std::string> fields_of(const AnyDriver& driver, const std::vector<Sample>& samples) {
  std::set<std::string> fields;
  const auto add = [&](const std::vector<std::string>& names) { fields.insert(names.begin(), names.end()); };
  add(driver.learner().inputs());
  add(driver.learner().targets());
  if (driver.unlabeled().size() > 0) add(driver.unlabeled().gather(std::vector<std::int64_t>{0}).names());
  if (!samples.empty()) add(samples.front().values.names());
  return {fields.begin(), fields.end()};
}

std::string own_column(std::string_view name, const std::vector<std::string>& fields) {
  const bool is_field = std::find(fields.begin(), fields.end(), name) != fields.end();
  return (is_field ? "assay." : "") + std::string(name);
}

Results::Results(const AnyDriver& driver, const std::filesystem::path& campaign, const std::filesystem::path& file)
    : Results(driver, campaign, file, driver.asked()) {}

Results::Results(const AnyDriver& driver, const std::filesystem::path& campaign, const std::filesystem::path& file,
                 const std::vector<Sample>& asked)
    : known_(driver.target_schema()), table_(open_table(file)) {
  const std::vector<std::string> fields = fields_of(driver, asked);
  id_ = id_column(table_, fields);
  attempt_ = table_.own("attempt", fields);
  solver_ = table_.own("solver", fields);
  status_ = table_.own("status", fields);
  reason_ = table_.own("reason", fields);
  if (has_labels()) {
    targets_ = wanted_targets(driver.learner());
    for (const auto& [name, wanted] : targets_) table_.require(wanted);
  }
  know_inputs(driver, campaign, asked);
  superseded_.resize(static_cast<std::size_t>(size()));
  std::unordered_set<SampleId> later;
  for (std::int64_t row = size(); row-- > 0;) {
    const std::optional<SampleId> id = whole_in(cell(row, id_));
    superseded_[static_cast<std::size_t>(row)] = id && !later.insert(*id).second;
  }
}

/// Inputs stand in tables that `ask` wrote: by them results of another campaign, or of other ids, are told apart.
void Results::know_inputs(const AnyDriver& driver, const std::filesystem::path& campaign,
                          const std::vector<Sample>& asked) {
  const std::optional<Space> space = campaign_space(campaign);
  std::map<std::string, WantedField> inputs = wanted_fields(driver.learner().inputs(), space ? &*space : nullptr);
  std::erase_if(inputs, [&](const auto& input) { return !table_.contains(input.first); });
  if (inputs.empty() || asked.empty()) return;
  for (std::size_t i = 0; i < asked.size(); ++i) asked_.emplace(asked[i].id, i);
  for (const auto& [name, wanted] : inputs) {
    std::vector<std::string> unreadable;
    Input& input = inputs_.emplace_back(Input{.name = name, .there = table_.numbers(wanted, unreadable).contiguous()});
    double least = std::numeric_limits<double>::infinity(), most = -least;
    for (const Sample& sample : asked) {
      for (const double number : sample.values.numbers(name)) {
        input.own.push_back(number);
        least = std::min(least, number);
        most = std::max(most, number);
      }
    }
    input.range = most - least;
    // Of another number of numbers than the samples have: no such input.
    if (input.there.numel() * static_cast<std::int64_t>(asked.size()) !=
        static_cast<std::int64_t>(input.own.size()) * size())
      inputs_.pop_back();
  }
}

/// Where a row's inputs are not those of its sample, but for what spreadsheets round. Cells that cannot be read say
/// nothing.
std::optional<std::string> Results::contradiction(std::int64_t row, SampleId id) const {
  const auto sample = asked_.find(id);
  if (sample == asked_.end()) return std::nullopt;
  for (const Input& input : inputs_) {
    const std::size_t width = input.own.size() / asked_.size();
    const double* own = input.own.data() + sample->second * width;
    const double* there = input.there.const_data_ptr<double>() + static_cast<std::size_t>(row) * width;
    for (std::size_t i = 0; i < width; ++i) {
      const double allowed = 1e-3 * std::max(std::abs(there[i]), std::abs(own[i])) + 1e-2 * input.range;
      if (std::isnan(there[i]) || std::abs(there[i] - own[i]) <= allowed) continue;
      return line(row) + input.name + ": expected " + Json(own[i]).dump() + ", as sample " + std::to_string(id) +
             " has it, got " + Json(there[i]).dump() + ": is it the result of another campaign, or of another sample?";
    }
  }
  return std::nullopt;
}

std::optional<Told> Results::told(std::int64_t row, std::vector<std::string>& problems) const {
  const std::optional<std::int64_t> id = whole(row, id_, problems);
  if (!id) return std::nullopt;
  if (std::optional<std::string> other = contradiction(row, *id)) {
    problems.push_back(std::move(*other));
    return std::nullopt;
  }
  Told told{.id = *id, .outcome = {}};
  if (!cell(row, attempt_).empty()) {
    const std::optional<std::int64_t> attempt = whole(row, *attempt_, problems);
    if (!attempt) return std::nullopt;
    told.attempt = static_cast<int>(std::clamp<std::int64_t>(*attempt, -1, std::numeric_limits<int>::max()));
  }
  told.solver = cell(row, solver_);
  const std::string came = status(row), reason = cell(row, reason_);
  if (came == "done") {
    std::optional<Values> labels = labels_in(row, problems);
    if (!labels) return std::nullopt;
    told.outcome = done(std::move(*labels));
  } else if (came == "failed") {
    told.outcome = failed(reason.empty() ? "told as failed" : reason);
  } else if (came == "infeasible") {
    told.outcome = infeasible(reason);
  } else {
    problems.push_back(line(row) + *status_ + ": expected done, failed or infeasible, got '" + cell(row, status_) +
                       "'");
    return std::nullopt;
  }
  return told;
}

std::string Results::cell(std::int64_t row, const std::optional<std::string>& column) const {
  return column ? table_.text(row, *column) : "";
}

/// In small letters, as it is compared.
std::string Results::status(std::int64_t row) const {
  if (!status_) return "done";
  std::string status = cell(row, status_);
  for (char& c : status) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return status;
}

bool Results::has_labels() const {
  for (std::int64_t row = 0; row < size(); ++row) {
    if (status(row) == "done") return true;
  }
  return !status_;
}

std::optional<std::int64_t> Results::whole(std::int64_t row, const std::string& column,
                                           std::vector<std::string>& problems) const {
  const std::optional<std::int64_t> number = whole_in(cell(row, column));
  if (!number) problems.push_back(line(row) + column + ": expected a whole number, got '" + cell(row, column) + "'");
  return number;
}

std::optional<Values> Results::labels_in(std::int64_t row, std::vector<std::string>& problems) const {
  Values labels;
  for (const auto& [name, wanted] : targets_) {
    std::optional<torch::Tensor> numbers = table_.numbers(row, wanted, problems);
    if (!numbers) return std::nullopt;
    labels.set(name, assay::detail::told_target(known_, name, std::move(*numbers)));
  }
  return labels;
}

}  // namespace assay::app
