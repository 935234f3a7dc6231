// SPDX-License-Identifier: Apache-2.0
// Gradients of a fully connected network's outputs, layer by layer and without an autograd graph.
#include <assay/detail/dense_learner.hpp>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/mm.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

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
  const auto part = [&](const torch::Tensor& input, torch::Tensor output) {
    const double weight = options.by_width ? 1 / std::sqrt(static_cast<double>(input.size(1))) : 1;
    return LayerGradient{input, std::move(output), weight, 1};
  };
  // The last layer's result is the output: the same for all samples, so that only its norm counts.
  gradients.back() = part(after.back(), at::full({n, 1}, directions.norm().item<double>(), x.options()));
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
    gradients[i] = part(after[i], gradient.flatten(1));
  }
  return gradients;
}

/// Samples at a time: fewer leave threads waiting for each other at every operation.
constexpr std::int64_t featured_rows = 4096;

/// The layers' gradients of one network, or of members side by side.
class Gradients {
 public:
  /// \param weights of the outputs, [outputs] float64, or undefined for ones.
  Gradients(const DenseNet& net, const torch::TensorOptions& like, const GradientOptions& options,
            const torch::Tensor& weights)
      : activation_(net.activation()),
        directions_(output_directions(net.shape().outputs, options, weights).to(like)),
        options_(options) {
    const std::int64_t members = net.shape().members;
    networks_.resize(static_cast<std::size_t>(std::max<std::int64_t>(1, members)));
    share_ = 1 / std::sqrt(static_cast<double>(networks_.size()));
    for (const torch::Tensor& parameter : net.parameters()) {
      for (std::size_t i = 0; i < networks_.size(); ++i) {
        const torch::Tensor plain = parameter.detach();
        networks_[i].push_back(members > 0 ? plain.select(0, static_cast<std::int64_t>(i)) : plain);
      }
    }
  }

  LayerGradients of(const torch::Tensor& x) const {
    LayerGradients all;
    for (const std::vector<torch::Tensor>& parameters : networks_) {
      for (LayerGradient& layer : gradients_of(parameters, activation_, x, directions_, options_)) {
        layer.weight *= share_;
        layer.bias *= share_;
        all.push_back(std::move(layer));
      }
    }
    return all;
  }

 private:
  std::vector<std::vector<torch::Tensor>> networks_;
  Activation activation_;
  torch::Tensor directions_;
  GradientOptions options_;
  double share_;
};

}  // namespace

torch::Tensor DenseLearner::output_weights() const {
  const torch::Tensor weights = column_weights();
  return weights.defined() && predicts_variance() ? at::cat({weights, weights}) : weights;
}

LayerGradients DenseLearner::layer_gradients(const Values& inputs, const GradientOptions& options) const {
  const at::NoGradGuard no_grad;
  const torch::Tensor x = standardised_inputs(inputs);
  return Gradients(net_, x.options(), options, output_weights()).of(x);
}

torch::Tensor DenseLearner::gradient_features(const Values& inputs, const GradientOptions& options) const {
  const at::NoGradGuard no_grad;
  const torch::Tensor x = standardised_inputs(inputs);
  const Gradients gradients(net_, x.options(), options, output_weights());
  if (options.sketch == 0) return assay::gradient_features(gradients.of(x), options).cpu();
  GradientSketch sketch(options.sketch, options.seed);
  const std::int64_t n = x.size(0), rows = x.is_cpu() ? featured_rows : std::max<std::int64_t>(1, n);
  torch::Tensor features = at::empty({n, options.sketch}, x.options().device(torch::kCPU));
  for (std::int64_t first = 0; first < n; first += rows) {
    const std::int64_t count = std::min(rows, n - first);
    features.narrow(0, first, count).copy_(sketch.features(gradients.of(x.narrow(0, first, count))));
  }
  return features;
}

}  // namespace assay::detail
