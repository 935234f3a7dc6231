// SPDX-License-Identifier: Apache-2.0
#include <assay/learner/recorded_linear.hpp>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <torch/autograd.h>

#include <cmath>
#include <utility>

namespace assay {

namespace {

thread_local detail::Recording* recording = nullptr;

}  // namespace

RecordedLinearImpl::RecordedLinearImpl(std::int64_t in, std::int64_t out, RecordedLinearOptions options)
    : weight(register_parameter("weight", at::empty({in, out}))), bias(register_parameter("bias", at::empty({out}))) {
  ntk_ = options.weight_gain > 0;
  if (ntk_) {
    weight_factor_ = options.weight_gain / std::sqrt(static_cast<double>(in));
    bias_factor_ = options.bias_gain;
  }
  reset_parameters();
}

void RecordedLinearImpl::reset_parameters() {
  const at::NoGradGuard no_grad;
  if (ntk_) {
    weight.normal_();
    bias.zero_();
    return;
  }
  const double bound = 1 / std::sqrt(static_cast<double>(weight.size(0)));
  weight.uniform_(-bound, bound);
  bias.uniform_(-bound, bound);
}

torch::Tensor RecordedLinearImpl::forward(const torch::Tensor& x) {
  const torch::Tensor result = at::addmm(bias, x, weight, bias_factor_, weight_factor_);
  if (recording) {
    recording->inputs.push_back(x.detach());
    recording->weights.push_back(weight_factor_);
    recording->biases.push_back(bias_factor_);
    recording->results.push_back(result);
  }
  return result;
}

namespace detail {

bool has_recorded_layers(const torch::nn::Module& module) {
  for (const auto& part : module.modules()) {
    if (dynamic_cast<const RecordedLinearImpl*>(part.get())) return true;
  }
  return false;
}

Recording record(const std::function<torch::Tensor()>& forward) {
  struct Scope {
    explicit Scope(Recording* now) : before(std::exchange(recording, now)) {}
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    ~Scope() { recording = before; }
    Recording* before;
  };
  Recording own;
  const at::AutoGradMode gradients(true);
  const Scope scope(&own);
  own.output = forward();
  if (own.output.dim() == 1) own.output = own.output.unsqueeze(1);
  return own;
}

LayerGradients layer_gradients(const Recording& recorded, const GradientOptions& options,
                               const torch::Tensor& weights) {
  const at::AutoGradMode gradients(true);  // strategies are asked without
  const torch::Tensor directions =
      output_directions(recorded.output.size(1), options, weights).to(recorded.output.options());
  const bool last = options.layers == GradientLayers::last;
  const std::vector<torch::Tensor> results = last ? std::vector{recorded.results.back()} : recorded.results;
  std::vector<std::vector<torch::Tensor>> parts(results.size());
  for (std::int64_t k = 0; k < directions.size(1); ++k) {
    // Rows do not see each other: the gradient of their sum holds each one's own gradient.
    const torch::Tensor sum = (recorded.output * directions.select(1, k)).sum();
    const auto slopes = torch::autograd::grad({sum}, results, {}, /*retain_graph=*/true);
    for (std::size_t i = 0; i < results.size(); ++i) parts[i].push_back(slopes[i].detach());
  }
  LayerGradients layers;
  const std::size_t first = recorded.results.size() - results.size();
  for (std::size_t i = 0; i < results.size(); ++i) {
    const std::size_t layer = first + i;
    layers.push_back({recorded.inputs[layer], at::cat(parts[i], 1), recorded.weights[layer], recorded.biases[layer]});
  }
  return layers;
}

}  // namespace detail

}  // namespace assay
