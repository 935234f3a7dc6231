// SPDX-License-Identifier: Apache-2.0
#include <assay/error.hpp>
#include <assay/learner/input_ranges.hpp>

#include <ATen/ops/_unique.h>
#include <ATen/ops/isin.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

namespace assay {

namespace {

constexpr std::int64_t most_bounds = 256;

/// [n, numbers of a sample] float64.
torch::Tensor rows_of(const Values& batch, const std::string& field) {
  const torch::Tensor& values = batch.at(field);
  const std::int64_t n = values.dim() > 0 ? values.size(0) : 1;
  return values.reshape({n, n > 0 ? values.numel() / n : 0}).to(torch::kCPU, torch::kFloat64);
}

std::vector<double> numbers_in(const torch::Tensor& row) {
  const torch::Tensor own = row.contiguous();
  return {own.const_data_ptr<double>(), own.const_data_ptr<double>() + own.numel()};
}

}  // namespace

void InputRanges::learn(const LearnerInputs& inputs, const Values& batch) {
  std::vector<Range> ranges;
  for (const LearnerInput& input : inputs) {
    Range range{.name = input.name, .low = {}, .high = {}, .seen = {}};
    torch::Tensor rows = rows_of(batch, input.name);
    if (rows.numel() == 0 || !rows.isfinite().all().item<bool>()) {
      ranges_.clear();
      return;
    }
    if (!input.categories.empty()) {
      for (const double index : numbers_in(std::get<0>(at::_unique(rows, /*sorted=*/true))))
        range.seen.push_back(static_cast<std::int64_t>(index));
    } else {
      if (rows.size(1) > most_bounds) rows = rows.reshape({-1, 1});
      range.low = numbers_in(rows.amin(0));
      range.high = numbers_in(rows.amax(0));
    }
    ranges.push_back(std::move(range));
  }
  ranges_ = std::move(ranges);
}

torch::Tensor InputRanges::outside(const Values& batch) const {
  torch::Tensor outside = at::zeros({batch_size(batch)}, torch::kBool);
  for (const Range& range : ranges_) {
    const torch::Tensor rows = rows_of(batch, range.name);
    const auto bounds = static_cast<std::int64_t>(range.low.size());
    if (range.seen.empty() && bounds != 1 && bounds != rows.size(1)) {
      throw ShapeError({"assay.learner.shape", "input '" + range.name + "'", std::to_string(bounds) + " numbers",
                        std::to_string(rows.size(1)), ""});
    }
    const torch::Tensor inside = range.seen.empty()
                                     ? (rows >= at::tensor(range.low, torch::kFloat64))
                                           .logical_and(rows <= at::tensor(range.high, torch::kFloat64))
                                     : at::isin(rows, at::tensor(range.seen, torch::kInt64).to(torch::kFloat64));
    outside.logical_or_(inside.all(1).logical_not());
  }
  return outside;
}

void InputRanges::write(Json& fields) const {
  for (std::size_t i = 0; i < ranges_.size() && i < fields.size(); ++i) {
    const Range& range = ranges_[i];
    if (!range.seen.empty()) {
      fields[i]["seen"] = range.seen;
    } else {
      fields[i]["low"] = range.low;
      fields[i]["high"] = range.high;
    }
  }
}

InputRanges InputRanges::read(const Json& fields) {
  InputRanges found;
  for (const Json& field : fields) {
    Range range{.name = field.at("name").get<std::string>(), .low = {}, .high = {}, .seen = {}};
    if (field.contains("seen")) field.at("seen").get_to(range.seen);
    if (field.contains("low") && field.contains("high")) {
      field.at("low").get_to(range.low);
      field.at("high").get_to(range.high);
    }
    if (range.low.size() != range.high.size() || (range.low.empty() && range.seen.empty())) return {};
    found.ranges_.push_back(std::move(range));
  }
  return found;
}

}  // namespace assay
