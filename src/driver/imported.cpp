// SPDX-License-Identifier: Apache-2.0
// Labels that were paid for elsewhere, at inputs that are no candidate's: they are learned from as samples of their
// own.
#include "../detail/rounded.hpp"
#include "pool_rows.hpp"

#include <assay/detail/campaign.hpp>

#include <ATen/ops/cat.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <unordered_set>

namespace assay::detail {

namespace {

/// Their ids: no pool holds so many samples.
constexpr SampleId first_imported_id = SampleId{1} << 52;
/// Numbers that differ by less in parts of what the candidates span are one that was rounded, too.
constexpr double closeness_of_span = 1e-6;

/// Rows of numbers, [rows, numbers of a sample].
torch::Tensor numbers_of(const Values& batch) {
  std::vector<torch::Tensor> columns;
  for (const NamedTensor& field : batch)
    columns.push_back(field.tensor.reshape({batch_size(batch), -1}).to(torch::kFloat64));
  return at::cat(columns, 1).contiguous();
}

/// Which of those numbers may have been rounded; the others are equal, or different.
std::vector<bool> may_be_rounded(const Values& batch) {
  std::vector<bool> may;
  for (const NamedTensor& field : batch)
    may.insert(may.end(), static_cast<std::size_t>(field.tensor.numel() / std::max<std::int64_t>(1, batch_size(batch))),
               field.tensor.is_floating_point());
  return may;
}

/// Finds rows that are one of some samples, rounded.
class Nearby {
 public:
  /// \param span of each number among the candidates.
  Nearby(const Values& samples, torch::Tensor span)
      : samples_(numbers_of(samples)), span_(std::move(span)), rounded_(may_be_rounded(samples)) {
    const std::int64_t count = samples_.size(0);
    for (std::int64_t i = 0; i < count; ++i) order_.push_back(row(samples_, i));
    std::sort(order_.begin(), order_.end(), [](const double* a, const double* b) { return a[0] < b[0]; });
  }

  /// Calls `use(row of the batch, sample)` for every pair of a row and a sample that is this row, rounded.
  void each_pair(const Values& batch, const std::function<void(std::int64_t, std::int64_t)>& use) const {
    const torch::Tensor rows = numbers_of(batch);
    for (std::int64_t i = 0; i < rows.size(0); ++i) {
      const double* whole = row(rows, i);
      const double width = tolerance(0, whole[0]);
      auto sample = std::lower_bound(order_.begin(), order_.end(), whole[0] - width,
                                     [](const double* a, double first) { return a[0] < first; });
      for (; sample != order_.end() && (*sample)[0] <= whole[0] + width; ++sample) {
        if (is_rounded(whole, *sample)) use(i, (*sample - samples_.const_data_ptr<double>()) / samples_.size(1));
      }
    }
  }

 private:
  static const double* row(const torch::Tensor& rows, std::int64_t i) {
    return rows.const_data_ptr<double>() + i * rows.size(1);
  }
  /// How far off a number is that was rounded; one that is whole, as those of integers are, is written as it is.
  double tolerance(std::size_t number, double value) const {
    if (!rounded_[number] || std::nearbyint(value) == value) return 0;
    return std::max(rounding * std::abs(value), closeness_of_span * span_.const_data_ptr<double>()[number]);
  }
  bool is_rounded(const double* whole, const double* sample) const {
    for (std::size_t number = 0; number < rounded_.size(); ++number) {
      if (!(std::abs(sample[number] - whole[number]) <= tolerance(number, whole[number]))) return false;
    }
    return true;
  }

  torch::Tensor samples_, span_;
  std::vector<bool> rounded_;
  std::vector<const double*> order_;  // rows of samples_, by their first number
};

torch::Tensor span_of(const Values& batch) {
  const torch::Tensor rows = numbers_of(batch);
  return (rows.amax(0) - rows.amin(0)).contiguous();
}

torch::Tensor span_of(const AnyPool& pool, const std::vector<std::string>& fields) {
  torch::Tensor low, high;
  for_each_block(pool, [&](const Values& batch, std::int64_t) {
    const torch::Tensor rows = numbers_of(batch.pick(fields));
    const torch::Tensor least = rows.amin(0), most = rows.amax(0);
    low = low.defined() ? low.minimum(least) : least;
    high = high.defined() ? high.maximum(most) : most;
  });
  return (high - low).contiguous();
}

/// Which samples are copies, rounded, of samples that are `there`, or of one another.
std::unordered_set<std::int64_t> rounded_copies(const Values& samples, const torch::Tensor& span,
                                                const std::vector<Values>& there) {
  const Nearby nearby(samples, span);
  std::unordered_set<std::int64_t> copies;
  for (const Values& batch : there)
    nearby.each_pair(batch, [&](std::int64_t, std::int64_t sample) { copies.insert(sample); });
  nearby.each_pair(samples, [&](std::int64_t row, std::int64_t sample) {
    if (row < sample && !copies.contains(row)) copies.insert(sample);
  });
  return copies;
}

}  // namespace

/// The last round whose samples are chosen where the campaign stands.
std::int64_t Campaign::last_chosen_round() const { return position_.round - (position_.phase > Phase::query ? 0 : 1); }

/// Imported labels that answer nothing: no sample, no candidate and no sample of the pools has their inputs.
std::vector<ArchivedLabel> Campaign::imported_elsewhere() {
  std::vector<ArchivedLabel> imported;
  // Campaigns of earlier behaviors go on as they began; where equal designs are replicates, none answers another.
  if (ledger_->behavior() < 4 || options_.duplicates != Duplicates::reuse || ledger_->archive_size() == 0)
    return imported;
  imported = ledger_->archived_labels(/*unused=*/true);
  // Those of another label version never count; of those that a repair found without their sample no inputs are known.
  std::erase_if(imported, [&](const ArchivedLabel& label) { return content_of(label.inputs) != label.fingerprint; });
  if (imported.empty()) return imported;
  const std::vector<std::string> inputs = learner_->inputs();
  std::unordered_set<std::string> known;
  const auto know = [&](const Values& batch) {
    for (std::string& key : row_bytes(batch.pick(inputs))) known.insert(std::move(key));
  };
  std::optional<Schema> schema;
  for (const TensorPool* pool : {&labeled_, &validation_, &test_}) {
    if (pool->empty()) continue;
    know(pool->all());
    schema = schema_of_batch(pool->all().pick(inputs));
  }
  for_each_block(candidates_, [&](const Values& batch, std::int64_t) {
    know(batch);
    schema = schema_of_batch(batch.pick(inputs));
  });
  for (const auto& [purpose, sample] : unlabeled_at_start_) {
    know(stack({sample.values}));
    schema = schema_of_sample(sample.values.pick(inputs));
  }
  std::int64_t other = 0;
  std::erase_if(imported, [&](const ArchivedLabel& label) {
    const Values own = label.inputs.pick(inputs);
    if (schema && schema_of_sample(own) != *schema) return ++other > 0;
    return known.contains(row_bytes(stack({own})).front());
  });
  if (other > 0)
    warn(std::to_string(other) + " imported labels have inputs of another shape or type, and are not used");
  if (imported.empty()) return imported;
  // Nor do those count whose inputs are a sample's, rounded: a test sample in a table is not to be learned from.
  std::vector<Values> own, samples;
  for (const ArchivedLabel& label : imported) own.push_back(label.inputs.pick(inputs));
  for (const auto& [purpose, sample] : unlabeled_at_start_) samples.push_back(sample.values.pick(inputs));
  for (const Values& sample : ledger_->inputs(ledger_->picked())) samples.push_back(sample.pick(inputs));
  std::vector<Values> there;
  if (!samples.empty()) there.push_back(stack(samples));
  for (const TensorPool* pool : {&labeled_, &validation_, &test_}) {
    if (!pool->empty()) there.push_back(pool->all().pick(inputs));
  }
  const Values batch = stack(own);
  const std::unordered_set<std::int64_t> copies = rounded_copies(
      batch, candidates_.size() > 0 ? span_of(candidates_, inputs) : span_of(batch), there);
  std::int64_t place = 0;
  std::erase_if(imported, [&](const ArchivedLabel&) { return copies.contains(place++); });
  if (!copies.empty())
    say(std::to_string(copies.size()) +
        " imported labels are at inputs of samples that are there, to within rounding, and are not used");
  return imported;
}

/// Puts them behind what was chosen: the archive answers them when they are asked for.
void Campaign::append_imported(std::vector<NewEntry>& entries) {
  const std::vector<ArchivedLabel> imported = imported_elsewhere();
  if (imported.empty()) return;
  SampleId id = first_imported_id;
  for (const SampleId picked : ledger_->picked()) id = std::max(id, picked + 1);
  for (const ArchivedLabel& label : imported) {
    entries.push_back({.id = id++,
                       .purpose = position_.round == 0 ? Purpose::initial : Purpose::training,
                       .rank = static_cast<std::int64_t>(entries.size()),
                       .score = std::nullopt,
                       .strategy = "imported",
                       .inputs = label.inputs,
                       .fingerprint = label.fingerprint});
  }
  say(std::to_string(imported.size()) + " imported labels at other inputs than the candidates' are learned from");
}

/// Takes candidates out of play that are imported samples, rounded. \param last_round that counts.
void Campaign::drop_near_imported(std::int64_t last_round) {
  // Whether any was imported: the ledger may have been rebuilt without the archive that they came from.
  if (last_round < 0 || candidates_.size() == 0 || !ledger_->find(first_imported_id)) return;
  std::vector<SampleId> ids = ledger_->picked(0, last_round);
  std::erase_if(ids, [](SampleId id) { return id < first_imported_id; });
  if (ids.empty()) return;
  const std::vector<std::string> inputs = learner_->inputs();
  std::vector<Values> samples;
  for (const Values& sample : ledger_->inputs(ids)) samples.push_back(sample.pick(inputs));
  const Nearby nearby(stack(samples), span_of(candidates_, inputs));
  std::unordered_set<std::int64_t> near;
  for_each_block(candidates_, [&](const Values& batch, std::int64_t first) {
    nearby.each_pair(batch.pick(inputs), [&](std::int64_t row, std::int64_t) { near.insert(first + row); });
  });
  const std::size_t dropped = std::erase_if(live_, [&](std::int64_t row) { return near.contains(row); });
  if (dropped > 0)
    say(std::to_string(dropped) + " candidates are imported samples, to within rounding, and were left out");
}

}  // namespace assay::detail
