// SPDX-License-Identifier: Apache-2.0
#include <assay/error.hpp>
#include <assay/learner/input_columns.hpp>

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <c10/util/accumulate.h>

namespace assay {

namespace {

std::int64_t columns_of(const LearnerInput& input) {
  return input.categories.empty() ? 1 : static_cast<std::int64_t>(input.categories.size());
}

[[noreturn]] void refuse(const char* id, const LearnerInput& input, std::string expected, double got,
                         std::string advice) {
  throw DataError({id, "input '" + input.name + "'", std::move(expected), Json(got).dump(), std::move(advice)});
}

/// One field's numbers [n, w] in its form, [n, w · columns_of(input)].
torch::Tensor formed(const LearnerInput& input, const torch::Tensor& numbers) {
  if (input.scale == Scale::log) {
    if (const torch::Tensor bad = numbers.masked_select(numbers <= 0); bad.numel() > 0) {
      refuse("assay.learner.log", input, "a number above zero: its scale is log", bad[0].item<double>(),
             "leave such samples out, or give the learner this input with scale \"linear\"");
    }
    return numbers.log();
  }
  if (input.categories.empty()) return numbers;
  const std::int64_t categories = columns_of(input);
  const torch::Tensor index = at::arange(categories, numbers.options());
  const torch::Tensor hot = numbers.unsqueeze(-1).eq(index);
  if (const torch::Tensor bad = numbers.masked_select(hot.any(-1).logical_not()); bad.numel() > 0) {
    refuse("assay.learner.category", input,
           "the index of a category, 0 to " + std::to_string(categories - 1) + " (0 is '" + input.categories.front() +
               "')",
           bad[0].item<double>(), "");
  }
  return hot.to(numbers.scalar_type()).flatten(1);
}

}  // namespace

torch::Tensor input_columns(const LearnerInputs& inputs, const Values& batch) {
  std::vector<torch::Tensor> columns;
  for (const LearnerInput& input : inputs) {
    const torch::Tensor& values = batch.at(input.name);
    const std::int64_t n = values.dim() > 0 ? values.size(0) : 1;
    const std::int64_t width = n > 0 ? values.numel() / n : c10::multiply_integers(values.sizes().slice(1));
    columns.push_back(formed(input, values.reshape({n, width}).to(torch::kCPU, torch::kFloat64)));
  }
  return columns.size() == 1 ? columns.front() : at::cat(columns, 1);
}

std::int64_t InputColumns::width() const {
  fields_.width();  // throws before the shapes are known
  std::int64_t width = 0;
  auto field = fields_.schema().begin();
  for (const LearnerInput& input : inputs_) width += c10::multiply_integers((field++)->shape) * columns_of(input);
  return width;
}

void InputColumns::learn(const Values& batch) {
  fields_.learn(batch);
  ranges_.learn(inputs_, batch);
}

torch::Tensor InputColumns::of(const Values& batch) const {
  fields_.require_shapes(batch);
  return input_columns(inputs_, batch);
}

Json InputColumns::to_json() const {
  Json json = fields_.to_json();
  std::size_t i = 0;
  for (const Json& form : detail::OptionCodec<LearnerInputs>::to_json(inputs_)) {
    if (form.is_object() && i < json.size()) json[i].update(form);
    ++i;
  }
  ranges_.write(json);
  return json;
}

void InputColumns::load(const Json& json) {
  Fields fields = fields_;
  fields.load(json);
  std::size_t i = 0;
  for (const Json& form : detail::OptionCodec<LearnerInputs>::to_json(inputs_)) {
    if (i == json.size()) break;
    Json saved = json.at(i++);
    for (const char* learnt : {"shape", "low", "high", "seen"}) saved.erase(learnt);
    const Json own = form.is_object() ? form : Json{{"name", form}};
    if (saved == own) continue;
    throw CheckpointError({"assay.checkpoint.learner", "inputs of the learner", own.dump(), saved.dump(),
                           "load the state into a learner that takes its inputs in the same form"});
  }
  fields_ = std::move(fields);
  ranges_ = InputRanges::read(json);
}

}  // namespace assay
