// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/learner/gradients.hpp>
#include <assay/options.hpp>

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <functional>

namespace assay {

struct RecordedLinearOptions {
  double weight_gain = 0;  ///< 0: LibTorch's parametrisation; else the NTK one, y = gain/√in · x W + bias_gain · b
  double bias_gain = 1;    ///< of the NTK parametrisation
};

/// A linear layer for your own network whose part in gradients `ModuleLearner` can see: used in place of
/// `torch::nn::Linear`, it gives the learner embeddings and gradient features.
///
/// By default x W + b drawn uniformly in ±1/√in; with `weight_gain` W is drawn from the standard normal distribution
/// and b is zero. Gradients are those with respect to W and b of this parametrisation, and `GradientOptions::by_width`
/// is not looked at. Shapes: [n, in] → [n, out]; `weight` [in, out].
class RecordedLinearImpl : public torch::nn::Module {
 public:
  RecordedLinearImpl(std::int64_t in, std::int64_t out, RecordedLinearOptions options = {});
  torch::Tensor forward(const torch::Tensor& x);
  void reset_parameters();

  torch::Tensor weight, bias;

 private:
  double weight_factor_ = 1, bias_factor_ = 1;
  bool ntk_ = false;
};
TORCH_MODULE(RecordedLinear);

namespace detail {

/// What the recorded layers of one forward pass saw, in their order.
struct Recording {
  std::vector<torch::Tensor> inputs;    ///< of each layer, [n, in]
  std::vector<torch::Tensor> results;   ///< of each layer, [n, out], in the graph
  std::vector<double> weights, biases;  ///< factors of each layer, as in `LayerGradient`
  torch::Tensor output;                 ///< of the network, [n, k]
};

bool has_recorded_layers(const torch::nn::Module& module);
/// Runs `forward`, with gradients, and records it. Other threads are not recorded.
Recording record(const std::function<torch::Tensor()>& forward);
/// The layers' parts of the gradients of the recorded output. Each sample's output must depend on its own row alone.
/// \param weights of the outputs, as in `output_directions`.
LayerGradients layer_gradients(const Recording& recording, const GradientOptions& options,
                               const torch::Tensor& weights);

}  // namespace detail

}  // namespace assay
