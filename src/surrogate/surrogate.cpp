// SPDX-License-Identifier: Apache-2.0
#include "surrogate_net.hpp"

#include <assay/error.hpp>
#include <assay/json.hpp>

#include <algorithm>
#include <cmath>

namespace assay {

namespace detail {

namespace {

/// Rows whose activations stay in a processor's second cache, for layers of some hundred units.
constexpr std::int64_t block_rows = 192;

/// Memory of a thread, reused from call to call.
template <class T>
struct Scratch {
  std::vector<T> input, even, odd, packed;
  std::vector<double> columns;
};

template <class T>
T* at_least(std::vector<T>& memory, std::int64_t count) {
  if (memory.size() < static_cast<std::size_t>(count)) memory.resize(static_cast<std::size_t>(count));
  return memory.data();
}

template <class T>
void activate(SurrogateActivation activation, T* x, std::int64_t count) {
  const DenseKernels<T>& kernels = dense_kernels<T>();
  switch (activation) {
    case SurrogateActivation::silu: return kernels.apply(Elementwise::silu, x, count);
    case SurrogateActivation::relu: return kernels.apply(Elementwise::relu, x, count);
    case SurrogateActivation::tanh: return kernels.apply(Elementwise::tanh, x, count);
    case SurrogateActivation::gelu: break;
  }
  for (std::int64_t i = 0; i < count; ++i)
    x[i] = static_cast<T>(0.5 * x[i] * std::erfc(-static_cast<double>(x[i]) * 0.7071067811865476));
}

}  // namespace

template <class T>
void SurrogateNet::predict_block(const SurrogateLayers<T>& layers, std::int64_t count, const double* points,
                                 double* means, double* variances) const {
  static thread_local Scratch<T> scratch;
  const DenseKernels<T>& kernels = dense_kernels<T>();
  std::int64_t widest = 0, deepest = 0;
  for (const SurrogateLayer<T>& layer : layers) {
    widest = std::max(widest, layer.out);
    deepest = std::max(deepest, layer.in);
  }
  T* const input = at_least(scratch.input, count * columns_);
  const double* columns = points;
  if (formed_) {
    double* const own = at_least(scratch.columns, count * columns_);
    form(count, points, own);
    columns = own;
  }
  T* const halves[] = {at_least(scratch.even, count * widest), at_least(scratch.odd, count * widest)};
  T* const packed = at_least(scratch.packed, deepest * kernels.panel);
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t j = 0; j < columns_; ++j) {
      const auto column = static_cast<std::size_t>(j);
      input[i * columns_ + j] = static_cast<T>((columns[i * columns_ + j] - x_.mean[column]) / x_.scale[column]);
    }
  }
  const std::int64_t numbers = count * target_size;
  std::fill(means, means + numbers, 0.0);
  if (variances) std::fill(variances, variances + numbers, 0.0);
  for (std::int64_t member = 0; member < members; ++member) {
    const T* from = input;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const SurrogateLayer<T>& layer = layers[i];
      T* const to = halves[i % 2];
      kernels.product({.m = count,
                       .n = layer.out,
                       .k = layer.in,
                       .a = from,
                       .a_row = layer.in,
                       .a_step = 1,
                       .b = layer.weights.data() + member * layer.in * layer.out,
                       .b_step = layer.out,
                       .b_column = 1,
                       .c = to,
                       .c_row = layer.out,
                       .bias = layer.biases.data() + member * layer.out},
                      packed);
      if (i + 1 < layers.size()) activate(activation_, to, count * layer.out);
      from = to;
    }
    // Mean and spread of the members, updated one by one; of a Gaussian, the mean of its own variances too.
    const std::int64_t outputs = layers.back().out;
    const double share = 1 / static_cast<double>(member + 1);
    const double spread = member > 0 ? static_cast<double>(member) * share / static_cast<double>(members - 1) : 0;
    for (std::int64_t i = 0; i < count; ++i) {
      for (std::int64_t j = 0; j < target_size; ++j) {
        const double change = static_cast<double>(from[i * outputs + j]) - means[i * target_size + j];
        means[i * target_size + j] += change * share;
        if (!variances) continue;
        double& variance = variances[i * target_size + j];
        variance += change * change * spread;
        if (gaussian)
          variance += std::exp(static_cast<double>(from[i * outputs + target_size + j])) / static_cast<double>(members);
      }
    }
  }
}

void SurrogateNet::form(std::int64_t count, const double* points, double* columns) const {
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::size_t field = 0; field < forms_.size(); ++field) {
      const SurrogateForm& form = forms_[field];
      const auto refuse = [&](const char* id, const std::string& expected, double got) {
        throw DataError(
            {id, "input '" + inputs[field].name + "' of point " + std::to_string(i), expected, Json(got).dump(), ""});
      };
      for (const double* const end = points + form.numbers; points != end; ++points) {
        if (form.log) {
          if (!(*points > 0)) refuse("assay.learner.log", "a number above zero: its scale is log", *points);
          *columns++ = std::log(*points);
        } else if (form.categories == 0) {
          *columns++ = *points;
        } else {
          if (!(*points >= 0 && *points < static_cast<double>(form.categories) && *points == std::floor(*points)))
            refuse("assay.learner.category", "the index of a category, 0 to " + std::to_string(form.categories - 1),
                   *points);
          std::fill_n(columns, form.categories, 0.0);
          columns[static_cast<std::int64_t>(*points)] = 1;
          columns += form.categories;
        }
      }
    }
  }
}

void SurrogateNet::invert(std::int64_t count, double* means, double* variances) const {
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t j = 0; j < target_size; ++j) {
      const auto column = static_cast<std::size_t>(j);
      const SurrogateInverse& inverse = inverse_[column];
      double& mean = means[i * target_size + j];
      mean = mean * y_.scale[column] + y_.mean[column];
      double variance = 0;
      if (variances) variance = variances[i * target_size + j] * y_.scale[column] * y_.scale[column];
      if (inverse.exponential) {
        variance = std::expm1(variance) * std::exp(2 * mean + variance);
        mean = std::exp(mean);
      } else {
        variance *= inverse.factor * inverse.factor;
        mean = inverse.factor * mean + inverse.shift;
      }
      if (variances) variances[i * target_size + j] = std::sqrt(variance);
    }
  }
}

void SurrogateNet::predict(std::int64_t count, const double* points, double* means, double* deviations) const {
  for (std::int64_t first = 0; first < count; first += block_rows) {
    const std::int64_t rows = std::min(block_rows, count - first);
    double* const block = means + first * target_size;
    double* const spread = deviations ? deviations + first * target_size : nullptr;
    std::visit([&](const auto& layers) { predict_block(layers, rows, points + first * input_size, block, spread); },
               layers_);
    invert(rows, block, spread);
  }
}

}  // namespace detail

Surrogate::Surrogate(const std::filesystem::path& directory)
    : net_(std::make_unique<const detail::SurrogateNet>(directory)) {}
Surrogate::Surrogate(Surrogate&&) noexcept = default;
Surrogate& Surrogate::operator=(Surrogate&&) noexcept = default;
Surrogate::~Surrogate() = default;

const std::vector<Surrogate::Field>& Surrogate::inputs() const noexcept { return net_->inputs; }
const std::vector<Surrogate::Field>& Surrogate::targets() const noexcept { return net_->targets; }
std::int64_t Surrogate::input_size() const noexcept { return net_->input_size; }
std::int64_t Surrogate::target_size() const noexcept { return net_->target_size; }
bool Surrogate::has_deviation() const noexcept { return net_->has_deviation(); }

void Surrogate::predict(std::span<const double> points, std::span<double> means, std::span<double> deviations) const {
  const auto in = static_cast<std::size_t>(net_->input_size), out = static_cast<std::size_t>(net_->target_size);
  const std::size_t count = points.size() / in;
  const auto require = [&](const char* what, std::size_t expected, std::size_t got) {
    if (expected == got) return;
    throw ShapeError({"assay.surrogate.shape", what, std::to_string(expected) + " numbers", std::to_string(got), ""});
  };
  require("points", count * in, points.size());
  require("means", count * out, means.size());
  if (!deviations.empty()) {
    require("deviations", count * out, deviations.size());
    if (!has_deviation()) {
      throw ShapeError({"assay.surrogate.deviation", "deviations", "none", "room for some",
                        "this network predicts means alone: an ensemble has deviations"});
    }
  }
  net_->predict(static_cast<std::int64_t>(count), points.data(), means.data(),
                deviations.empty() ? nullptr : deviations.data());
}

}  // namespace assay
