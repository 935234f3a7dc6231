// SPDX-License-Identifier: Apache-2.0
#include "archiving.hpp"

#include "../detail/rounded.hpp"

#include <assay/config.hpp>
#include <assay/error.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace assay::tools {

namespace {

constexpr std::size_t at_once = 1000;

bool are_same(const Values& a, const Values& b) {
  return std::all_of(a.begin(), a.end(), [&](const NamedTensor& field) {
    if (!b.contains(field.name)) return true;  // what both have is compared
    const std::vector<double> mine = a.numbers(field.name), other = b.numbers(field.name);
    return std::equal(mine.begin(), mine.end(), other.begin(), other.end(), [](double x, double y) {
      return std::abs(x - y) <= detail::rounding * std::max(std::abs(x), std::abs(y));
    });
  });
}

}  // namespace

Archiving::Archiving(const std::filesystem::path& campaign, Ledger& ledger) : ledger_(ledger) {
  const Json configuration = detail::kept_configuration(campaign);
  const Json::json_pointer duplicates("/driver/duplicates");
  if (!configuration.contains(duplicates) || configuration.at(duplicates) != "replicate") return;
  throw ConfigError({"assay.import.replicate", campaign.string() + ", /driver/duplicates", "\"reuse\"", "\"replicate\"",
                     "with it each sample has a simulation of its own, and no imported label would be used: give the "
                     "results to a new campaign as its labeled pool"});
}

void Archiving::add(ArchivedLabel label, const std::string& name) {
  if (const std::optional<Ledger::Answer> there = ledger_.answer_to(label.fingerprint)) {
    if (are_same(label.labels, there->labels)) {
      ++report_.known;
    } else {
      refuse(name + ": other labels than those of " + there->source + ", at the same inputs");
    }
    return;
  }
  waiting_.push_back(std::move(label));
  if (waiting_.size() == at_once) commit();
}

ImportReport Archiving::end() {
  commit();
  return std::move(report_);
}

void Archiving::commit() {
  const std::int64_t added = ledger_.add_to_archive(waiting_);
  report_.added += added;
  report_.known += static_cast<std::int64_t>(waiting_.size()) - added;  // copies of one another
  waiting_.clear();
}

}  // namespace assay::tools
