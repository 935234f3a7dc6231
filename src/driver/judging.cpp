// SPDX-License-Identifier: Apache-2.0
// Whether labels can be taken: by their shape, by the learner's rules, and beside the other labels.
#include "checks.hpp"
#include "outliers.hpp"

#include <assay/detail/campaign.hpp>
#include <assay/error.hpp>

#include <algorithm>

namespace assay::detail {

namespace {

/// So many labels say what the labels of a campaign look like.
constexpr std::int64_t enough_labels = 64;
constexpr std::size_t most_named = 20;

std::string listed(const std::vector<SampleId>& ids) {
  std::string text;
  for (std::size_t i = 0; i < std::min(ids.size(), most_named); ++i)
    text += (i > 0 ? ", " : "") + std::to_string(ids[i]);
  return ids.size() > most_named ? text + ", …" : text;
}

}  // namespace

/// What labels look like when a campaign goes on, from those in the ledger: a process that told some may have ended
/// before they were folded in. Where they differ, which an earlier version let happen, it is what most of them have,
/// and of equally many the first.
void Campaign::learn_target_schema() {
  if (!target_schema_.empty()) return;
  const std::vector<std::string> targets = learner_->targets();
  std::vector<std::pair<Schema, int>> found;
  for (const SampleId id : ledger_->in_state(SampleState::done, enough_labels)) {
    Schema schema = schema_of_sample(ledger_->labels(id).pick(targets));
    const auto same = std::find_if(found.begin(), found.end(), [&](const auto& f) { return f.first == schema; });
    same == found.end() ? void(found.emplace_back(std::move(schema), 1)) : void(++same->second);
  }
  const auto most = std::max_element(found.begin(), found.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most != found.end()) target_schema_ = most->first;
}

Schema Campaign::target_schema() const {
  const std::lock_guard lock(queue_mutex_);
  return target_schema_.empty() ? declared_targets(rules_) : target_schema_;
}

std::optional<std::string> Campaign::refusal(SampleId id, const Values& labels) {
  try {
    for (const std::string& name : provides_) {
      if (!labels.contains(name)) return "it lacks the promised value '" + name + "'";
    }
    const std::string where = "sample " + std::to_string(id);
    require_finite(labels, where);
    const Values targets = labels.pick(learner_->targets());
    require_numbers(targets, where);
    require_learnable(targets, rules_, where);
    require_declared(schema_of_sample(targets), rules_, where);
    const std::lock_guard lock(queue_mutex_);
    if (target_schema_.empty()) target_schema_ = schema_of_sample(targets);
    require_fits(targets, target_schema_, where);
  } catch (const Error& error) {
    return error.what();
  }
  return std::nullopt;
}

/// Whether labels in the ledger have the shape of the others.
bool Campaign::fits_targets(const Values& labels) const {
  const std::lock_guard lock(queue_mutex_);
  const Schema& known = target_schema_;
  return known.empty() || schema_of_sample(labels.pick(learner_->targets())) == known;
}

/// Takes out labels that are about to be folded in and cannot be learned, taken by a version that did not judge them:
/// they are refused now.
void Campaign::refuse_unusable(std::vector<LabeledSample>& samples) {
  std::erase_if(samples, [&](const LabeledSample& sample) {
    const SampleId id = sample.entry.id;
    const std::optional<std::string> reason = refusal(id, sample.labels);
    if (!reason) return false;
    const LedgerAttempt attempt = ledger_->attempts(id).back();
    ledger_->fail(id, attempt.attempt, failed("label refused: " + *reason), attempt.seconds.value_or(0), sample.labels);
    warn("sample " + std::to_string(id) + ": its label is refused: " + *reason);
    return true;
  });
}

void Campaign::warn_of_left_out(const std::vector<SampleId>& ids) {
  if (ids.empty()) return;
  warn(std::to_string(ids.size()) +
       " labels of another shape than the others were folded in by an earlier version, and "
       "are left out of the pools; 'assay withdraw' takes them back: samples " +
       listed(ids));
}

void Campaign::warn_of_outliers(const std::vector<Sample>& samples) {
  const Values earlier = labeled_.empty() ? Values() : labeled_.all().pick(learner_->targets());
  const std::vector<std::string> found = outliers_among(samples, earlier, learner_->targets());
  for (std::size_t i = 0; i < std::min(found.size(), most_named); ++i) {
    warn("is this a fill value, or a solution that diverged? " + found[i] +
         "; it is learned from, unless 'assay withdraw' takes it back");
  }
  if (found.size() > most_named)
    warn(std::to_string(found.size() - most_named) + " more labels are as far from the others");
}

}  // namespace assay::detail
