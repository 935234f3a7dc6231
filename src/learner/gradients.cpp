// SPDX-License-Identifier: Apache-2.0
#include <assay/data/random.hpp>
#include <assay/detail/generator_scope.hpp>
#include <assay/error.hpp>
#include <assay/learner/gradients.hpp>

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/mm.h>

#include <cmath>

namespace assay {

namespace {

constexpr std::int64_t most_exact_features = 65536;

torch::Tensor signs(std::int64_t rows, std::int64_t columns, const RandomKey& key) {
  at::Generator generator = detail::make_generator(key.bits());
  return at::empty({rows, columns}, torch::kFloat64).bernoulli_(0.5, generator).mul_(2).sub_(1);
}

torch::Tensor exact(const LayerGradients& layers) {
  std::int64_t features = 0;
  std::vector<torch::Tensor> columns;
  for (const LayerGradient& layer : layers) features += layer.input.size(1) * layer.output.size(1);
  if (features > most_exact_features) {
    throw ConfigError({"assay.features.size", "gradient features",
                       "at most " + std::to_string(most_exact_features) + " features", std::to_string(features),
                       "set 'sketch': 512 random combinations of them do nearly as well"});
  }
  for (const LayerGradient& layer : layers) {
    columns.push_back((layer.input.unsqueeze(2) * layer.output.unsqueeze(1)).flatten(1));
  }
  return at::cat(columns, 1);
}

}  // namespace

torch::Tensor output_directions(std::int64_t outputs, const GradientOptions& options) {
  if (outputs <= options.outputs) return at::eye(outputs, torch::kFloat64);
  at::Generator generator = detail::make_generator(RandomKey(options.seed).with("outputs").bits());
  const double scale = 1 / std::sqrt(static_cast<double>(options.outputs));
  return at::empty({outputs, options.outputs}, torch::kFloat64).normal_(0, scale, generator);
}

torch::Tensor gradient_inner_products(const LayerGradients& a, const LayerGradients& b) {
  torch::Tensor sum;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const torch::Tensor product = at::mm(a[i].input, b[i].input.t()) * at::mm(a[i].output, b[i].output.t());
    sum = sum.defined() ? sum + product : product;
  }
  return sum;
}

torch::Tensor gradient_features(const LayerGradients& layers, const GradientOptions& options) {
  if (options.sketch == 0) return exact(layers);
  torch::Tensor sum;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const RandomKey key = RandomKey(options.seed).with("sketch").with(static_cast<std::int64_t>(i));
    const auto projected = [&](const torch::Tensor& factor, std::string_view name) {
      return at::mm(factor, signs(factor.size(1), options.sketch, key.with(name)).to(factor.options()));
    };
    const torch::Tensor part = projected(layers[i].input, "input").mul_(projected(layers[i].output, "output"));
    sum = sum.defined() ? sum.add_(part) : part;
  }
  return sum.mul_(1 / std::sqrt(static_cast<double>(options.sketch)));
}

}  // namespace assay
