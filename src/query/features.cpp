// SPDX-License-Identifier: Apache-2.0
#include <assay/learner/scaler.hpp>
#include <assay/query/features.hpp>

#include <ATen/ops/eye.h>
#include <ATen/ops/linalg_cholesky.h>
#include <ATen/ops/linalg_solve_triangular.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/one_hot.h>
#include <ATen/ops/where.h>

#include <cmath>

namespace assay {

namespace {

/// Inputs as the learner takes them, each column standardised over the labeled samples, or over the candidates without
/// any.
FeaturePair inputs_of(const QueryContext& context) {
  const LearnerView& learner = context.learner();
  FeaturePair pair{learner.input_columns(context.unlabeled()), {}};
  if (!context.labeled().empty()) pair.labeled = learner.input_columns(context.labeled());
  const torch::Tensor& known = pair.labeled.defined() && pair.labeled.size(0) > 1 ? pair.labeled : pair.unlabeled;
  const Standardizer standard = Standardizer::fit(known);
  pair.unlabeled = standard.apply(pair.unlabeled);
  if (pair.labeled.defined()) pair.labeled = standard.apply(pair.labeled);
  return pair;
}

/// One kind of features of one view.
torch::Tensor raw(const QueryContext& context, const PoolView& pool, const FeatureOptions& options) {
  GradientOptions gradients{
      .sketch = options.sketch, .outputs = options.outputs, .seed = context.random().with("features").bits()};
  switch (options.of) {
    case FeatureBase::inputs:
    case FeatureBase::embeddings: break;
    case FeatureBase::last_layer:
      gradients.layers = GradientLayers::last;
      gradients.sketch = 0;
      return detail::gradient_features(context.learner(), pool, gradients);
    case FeatureBase::gradients: return detail::gradient_features(context.learner(), pool, gradients);
    case FeatureBase::loss_gradients: {
      const torch::Tensor hidden = detail::embeddings(context.learner(), pool).to(torch::kFloat64);
      const torch::Tensor p = detail::class_probabilities(context.learner(), pool).to(torch::kFloat64);
      const torch::Tensor slope = p - at::one_hot(p.argmax(1), p.size(1));
      if (hidden.size(1) * p.size(1) <= gradients.sketch) gradients.sketch = 0;
      return gradient_features({{.input = hidden, .output = slope}}, gradients);
    }
  }
  return detail::embeddings(context.learner(), pool);
}

torch::Tensor unit_length(const torch::Tensor& rows) {
  const torch::Tensor length = rows.norm(2, 1, /*keepdim=*/true);
  return rows / at::where(length > 0, length, 1.0).to(rows.scalar_type());
}

double mean_square(const torch::Tensor& rows) { return rows.to(torch::kFloat64).square().sum(1).mean().item<double>(); }

}  // namespace

CapabilitySet requirements_of(const FeatureOptions& options) {
  switch (options.of) {
    case FeatureBase::inputs: return {};
    case FeatureBase::embeddings: return Capability::embeddings;
    case FeatureBase::last_layer:
    case FeatureBase::gradients: return Capability::gradient_features;
    case FeatureBase::loss_gradients: return CapabilitySet(Capability::embeddings) | Capability::class_probabilities;
  }
  return {};
}

FeaturePair make_features(const QueryContext& context, const FeatureOptions& options) {
  FeaturePair pair;
  if (options.of == FeatureBase::inputs) {
    pair = inputs_of(context);
  } else {
    pair.unlabeled = raw(context, context.unlabeled(), options);
    if (!context.labeled().empty()) pair.labeled = raw(context, context.labeled(), options);
  }
  if (options.unit_length) {
    pair.unlabeled = unit_length(pair.unlabeled);
    if (pair.labeled.defined()) pair.labeled = unit_length(pair.labeled);
  }
  const double square = mean_square(pair.labeled.defined() ? pair.labeled : pair.unlabeled);
  if (square > 0) {
    pair.unlabeled = pair.unlabeled / std::sqrt(square);
    if (pair.labeled.defined()) pair.labeled = pair.labeled / std::sqrt(square);
  }
  if (!options.posterior || !pair.labeled.defined()) return pair;
  const torch::Tensor known = pair.labeled.to(torch::kFloat64);
  const torch::Tensor precision = at::eye(known.size(1), torch::kFloat64) +
                                  at::mm(known.t(), known) / (options.sigma * options.sigma);
  const torch::Tensor root = at::linalg_cholesky(precision);
  const auto given_labels = [&](const torch::Tensor& rows) {
    return at::linalg_solve_triangular(root, rows.t(), /*upper=*/false).t().contiguous();
  };
  return {given_labels(pair.unlabeled.to(torch::kFloat64)), given_labels(known)};
}

}  // namespace assay
