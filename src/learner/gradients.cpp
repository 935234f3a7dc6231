// SPDX-License-Identifier: Apache-2.0
#include <assay/data/random.hpp>
#include <assay/detail/generator_scope.hpp>
#include <assay/error.hpp>
#include <assay/learner/gradients.hpp>

#include <ATen/ops/addmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

namespace assay {

namespace {

constexpr std::int64_t most_exact_features = 65536;

/// Random signs, [rows, columns]: one draw gives 64.
template <class T>
torch::Tensor signs(std::int64_t rows, std::int64_t columns, const RandomKey& key) {
  torch::Tensor drawn = at::empty({rows, columns}, at::CppTypeToScalarType<T>::value);
  T* const first = drawn.mutable_data_ptr<T>();
  for (std::int64_t begin = 0; begin < drawn.numel(); begin += 64) {
    const std::uint64_t bits = key.with(begin).bits();
    const std::int64_t count = std::min<std::int64_t>(64, drawn.numel() - begin);
    for (std::int64_t i = 0; i < count; ++i) first[begin + i] = (bits >> i & 1) != 0 ? T(1) : T(-1);
  }
  return drawn;
}

torch::Tensor signs(std::int64_t rows, std::int64_t columns, const RandomKey& key, const at::TensorOptions& like) {
  const bool single = like.dtype() == torch::kFloat32;
  return (single ? signs<float>(rows, columns, key) : signs<double>(rows, columns, key)).to(like);
}

torch::Tensor exact(const LayerGradients& layers) {
  std::int64_t features = 0;
  std::vector<torch::Tensor> columns;
  for (const LayerGradient& layer : layers) {
    features += (layer.input.size(1) + (layer.bias != 0 ? 1 : 0)) * layer.output.size(1);
  }
  if (features > most_exact_features) {
    throw ConfigError({"assay.features.size", "gradient features",
                       "at most " + std::to_string(most_exact_features) + " features", std::to_string(features),
                       "set 'sketch': 512 random combinations of them do nearly as well"});
  }
  for (const LayerGradient& layer : layers) {
    columns.push_back((layer.weight * layer.input.unsqueeze(2) * layer.output.unsqueeze(1)).flatten(1));
    if (layer.bias != 0) columns.push_back(layer.bias * layer.output);
  }
  return at::cat(columns, 1);
}

}  // namespace

torch::Tensor output_directions(std::int64_t outputs, const GradientOptions& options, const torch::Tensor& weights) {
  torch::Tensor directions;
  if (outputs <= options.outputs) {
    directions = at::eye(outputs, torch::kFloat64);
  } else {
    at::Generator generator = detail::make_generator(RandomKey(options.seed).with("outputs").bits());
    const double scale = 1 / std::sqrt(static_cast<double>(options.outputs));
    directions = at::empty({outputs, options.outputs}, torch::kFloat64).normal_(0, scale, generator);
  }
  return weights.defined() ? directions * weights.sqrt().unsqueeze(1) : directions;
}

torch::Tensor gradient_inner_products(const LayerGradients& a, const LayerGradients& b) {
  torch::Tensor sum;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const torch::Tensor inputs = at::mm(a[i].input, b[i].input.t()) * (a[i].weight * b[i].weight) +
                                 a[i].bias * b[i].bias;
    const torch::Tensor product = inputs * at::mm(a[i].output, b[i].output.t());
    sum = sum.defined() ? sum + product : product;
  }
  return sum;
}

const GradientSketch::Signs& GradientSketch::signs_of(std::size_t layer, const LayerGradient& gradient) {
  if (layer < signs_.size()) return signs_[layer];
  const RandomKey key = RandomKey(seed_).with("sketch").with(static_cast<std::int64_t>(layer));
  const auto drawn = [&](std::int64_t rows, std::string_view factor) {
    return signs(rows, size_, key.with(factor), gradient.input.options());
  };
  signs_.push_back({drawn(gradient.input.size(1), "input"), drawn(1, "bias").mul_(gradient.bias),
                    drawn(gradient.output.size(1), "output")});
  return signs_.back();
}

torch::Tensor GradientSketch::features(const LayerGradients& layers) {
  const std::vector<std::int64_t> shape{layers.front().input.size(0), size_};
  const at::TensorOptions like = layers.front().input.options();
  torch::Tensor sum = at::zeros(shape, like), left = at::empty(shape, like), right = at::empty(shape, like);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const LayerGradient& layer = layers[i];
    const Signs& drawn = signs_of(i, layer);
    at::addmm_out(left, drawn.bias, layer.input, drawn.input, 1, layer.weight);
    at::mm_out(right, layer.output, drawn.output);
    sum.addcmul_(left, right, 1 / std::sqrt(static_cast<double>(size_)));
  }
  return sum;
}

torch::Tensor gradient_features(const LayerGradients& layers, const GradientOptions& options) {
  return options.sketch == 0 ? exact(layers) : GradientSketch(options.sketch, options.seed).features(layers);
}

}  // namespace assay
