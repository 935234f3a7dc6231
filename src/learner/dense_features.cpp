// SPDX-License-Identifier: Apache-2.0
// Gradients of a fully connected network's outputs, layer by layer and without an autograd graph.
#include <assay/detail/dense_learner.hpp>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>

#include <cmath>

namespace assay::detail {

namespace {

/// The layers' gradients of one network. \param parameters weight [in, out] and bias of each layer in turn.
LayerGradients gradients_of(const std::vector<torch::Tensor>& parameters, Activation activation, const torch::Tensor& x,
                            const torch::Tensor& directions, const GradientOptions& options) {
  const std::size_t layers = parameters.size() / 2;
  const std::int64_t n = x.size(0), combinations = directions.size(1);
  std::vector<torch::Tensor> before, after{x};
  for (std::size_t i = 0; i + 1 < layers; ++i) {
    before.push_back(at::addmm(parameters[2 * i + 1], after.back(), parameters[2 * i]));
    after.push_back(activate(activation, before.back()));
  }
  LayerGradients gradients(layers);
  const auto input_with_one = [&](const torch::Tensor& input) {
    const double width = options.by_width ? 1 / std::sqrt(static_cast<double>(input.size(1))) : 1;
    return at::cat({input * width, at::ones({n, 1}, input.options())}, 1);
  };
  // The last layer's result is the output: the same for all samples, so that only its norm counts.
  gradients.back() = {input_with_one(after.back()), at::full({n, 1}, directions.norm().item<double>(), x.options())};
  if (options.layers == GradientLayers::last) return {gradients.back()};
  // One column block a combination: [n, combinations · out].
  torch::Tensor gradient;
  for (std::size_t i = layers - 1; i-- > 0;) {
    const torch::Tensor& weight = parameters[2 * i + 2];
    const torch::Tensor back =
        gradient.defined() ? at::mm(gradient.reshape({n * combinations, -1}), weight.t()).reshape({n, combinations, -1})
                           : at::mm(directions.t(), weight.t()).unsqueeze(0).expand({n, -1, -1});
    const auto for_all = [&](const torch::Tensor& tensor) { return tensor.unsqueeze(1).expand_as(back); };
    gradient = back.contiguous();
    activate_backward_(activation, gradient, for_all(before[i]).contiguous(), for_all(after[i + 1]).contiguous());
    gradients[i] = {input_with_one(after[i]), gradient.flatten(1)};
  }
  return gradients;
}

}  // namespace

LayerGradients DenseLearner::layer_gradients(const Values& inputs, const GradientOptions& options) const {
  const at::NoGradGuard no_grad;
  const torch::Tensor x = standardised_inputs(inputs);
  std::vector<torch::Tensor> parameters;
  for (const torch::Tensor& parameter : net_.parameters()) parameters.push_back(parameter.detach());
  const Activation activation = net_.activation();
  const torch::Tensor directions = output_directions(net_.shape().outputs, options).to(x.options());
  if (options_.members == 0) return gradients_of(parameters, activation, x, directions, options);
  LayerGradients all;
  const double share = 1 / std::sqrt(static_cast<double>(options_.members));
  for (std::int64_t member = 0; member < options_.members; ++member) {
    std::vector<torch::Tensor> own;
    for (const torch::Tensor& parameter : parameters) own.push_back(parameter.select(0, member));
    for (LayerGradient& layer : gradients_of(own, activation, x, directions, options)) {
      all.push_back({std::move(layer.input), layer.output.mul_(share)});
    }
  }
  return all;
}

torch::Tensor DenseLearner::gradient_features(const Values& inputs, const GradientOptions& options) const {
  const at::NoGradGuard no_grad;
  return assay::gradient_features(layer_gradients(inputs, options), options).cpu();
}

}  // namespace assay::detail
