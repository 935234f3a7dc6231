// SPDX-License-Identifier: Apache-2.0
#include "dense_gradients.hpp"

#include "dense_kernels.hpp"

#include <ATen/Parallel.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/threshold.h>

#include <algorithm>

namespace assay::detail {

namespace {

/// Longest sums of a product that `DenseKernels` computes: panels of more rows leave the second-level cache.
constexpr std::int64_t longest_sum = 4096;
/// Multiplications, and elements of an activation, that are worth a thread.
constexpr std::int64_t worth_a_thread = std::int64_t{1} << 20;
constexpr std::int64_t elements_worth_a_thread = std::int64_t{1} << 15;
/// Columns from which on a device's product with ones is faster than its sum over rows: of 1024 x 512 it takes 2.8
/// microseconds, where the sum takes 6.9.
constexpr std::int64_t columns_worth_a_product = 32;

/// Calls `visit(pointer to the first, its index, count)` for parts of a tensor on the CPU, in several threads if it is
/// large. Parts begin where whole vectors do: the numbers do not depend on the threads.
template <class Visit>
void in_parts(torch::Tensor& tensor, Visit&& visit) {
  constexpr std::int64_t vector = 64;
  const auto typed = [&]<class T>(T* first) {
    const std::int64_t count = tensor.numel();
    if (count <= elements_worth_a_thread) return visit(first, std::int64_t{0}, count);
    at::parallel_for(0, (count + vector - 1) / vector, elements_worth_a_thread / vector,
                     [&](std::int64_t begin, std::int64_t end) {
                       visit(first + begin * vector, begin * vector, std::min(end * vector, count) - begin * vector);
                     });
  };
  tensor.scalar_type() == torch::kFloat32 ? typed(tensor.mutable_data_ptr<float>())
                                          : typed(tensor.mutable_data_ptr<double>());
}

/// Of a matrix, or of one of stacked ones (the first stands for all where there is one).
template <class T>
const T* member_of(const torch::Tensor& matrices, std::int64_t member) {
  const T* first = matrices.const_data_ptr<T>();
  return matrices.dim() == 3 ? first + member * matrices.stride(0) : first;
}

}  // namespace

DenseGradients::DenseGradients(const DenseNet& net)
    : activation_(net.activation()),
      shape_(net.shape()),
      memory_(net.memory()),
      leaves_(net.parameters()),
      parameters_(views_of(memory_, parameter_shapes(shape_))),
      gradients_(views_of(at::empty_like(memory_), parameter_shapes(shape_))) {}

DenseGradients::Tape& DenseGradients::tape_for(std::int64_t rows) {
  for (Tape& tape : tapes_) {
    if (tape.rows == rows) return tape;
  }
  // The last batch of an epoch is the smaller one: whatever is neither of the two takes its place.
  Tape& tape = tapes_[0].rows < 0 || rows > tapes_[0].rows ? tapes_[0] : tapes_[1];
  tape.rows = rows;
  tape.layers.clear();
  for (std::size_t i = 0; i < parameters_.size(); i += 2) {
    std::vector<std::int64_t> shape = parameters_[i].sizes().vec();
    shape[shape.size() - 2] = rows;
    Layer layer{
        .before = at::empty(shape, memory_.options()), .after = {}, .delta = at::empty(shape, memory_.options())};
    if (i + 2 < parameters_.size()) layer.after = at::empty(shape, memory_.options());
    tape.layers.push_back(std::move(layer));
  }
  if (!memory_.is_cpu()) tape.ones = at::ones({rows}, memory_.options());
  return tape;
}

bool DenseGradients::has_kernel() const { return memory_.is_cpu() && activation_ != Activation::gelu; }

void DenseGradients::activate(Layer& layer) const {
  if (has_kernel()) {
    const Elementwise function = activation_ == Activation::silu   ? Elementwise::silu
                                 : activation_ == Activation::relu ? Elementwise::relu
                                                                   : Elementwise::tanh;
    return in_parts(layer.before, [&]<class T>(T*, std::int64_t begin, std::int64_t count) {
      dense_kernels<T>().activate(function, layer.before.mutable_data_ptr<T>() + begin,
                                  layer.after.mutable_data_ptr<T>() + begin, count);
    });
  }
  switch (activation_) {
    case Activation::silu: at::silu_out(layer.after, layer.before); return;
    case Activation::relu: at::threshold_out(layer.after, layer.before, 0, 0); return;
    case Activation::gelu: at::gelu_out(layer.after, layer.before); return;
    case Activation::tanh: at::tanh_out(layer.after, layer.before); return;
  }
}

void DenseGradients::activate_backward(Layer& layer) const {
  if (has_kernel()) {
    return in_parts(layer.before, [&]<class T>(T* slopes, std::int64_t begin, std::int64_t count) {
      dense_kernels<T>().multiply(layer.delta.mutable_data_ptr<T>() + begin, slopes, count);
    });
  }
  activate_backward_(activation_, layer.delta, layer.before, layer.after);
}

template <class T>
void DenseGradients::cpu_product(const torch::Tensor& a, bool transpose_a, const torch::Tensor& b, bool transpose_b,
                                 torch::Tensor& c, const torch::Tensor& bias) {
  const DenseKernels<T>& kernels = dense_kernels<T>();
  Product<T> product{.m = c.size(-2), .n = c.size(-1), .k = a.size(transpose_a ? -2 : -1)};
  product.a_row = transpose_a ? 1 : a.size(-1);
  product.a_step = transpose_a ? a.size(-1) : 1;
  product.b_step = transpose_b ? 1 : b.size(-1);
  product.b_column = transpose_b ? b.size(-1) : 1;
  product.c_row = c.size(-1);
  const std::int64_t panel = product.k * kernels.panel, threads = at::get_num_threads();
  if (!packed_.defined() || packed_.numel() < panel * threads) {
    packed_ = at::empty({panel * threads}, memory_.options());
  }
  T* const first = c.mutable_data_ptr<T>();
  T* const packed = packed_.mutable_data_ptr<T>();
  const std::int64_t rows = std::max<std::int64_t>(8, worth_a_thread / (product.n * product.k));
  for (std::int64_t member = 0; member < std::max<std::int64_t>(1, shape_.members); ++member) {
    product.a = member_of<T>(a, member);
    product.b = member_of<T>(b, member);
    product.c = first + member * product.m * product.n;
    product.bias = bias.defined() ? member_of<T>(bias, member) : nullptr;
    if (threads == 1 || product.m <= rows) {
      kernels.product(product, packed);
      continue;
    }
    at::parallel_for(0, product.m, rows, [&](std::int64_t begin, std::int64_t end) {
      Product<T> part = product;
      part.m = end - begin;
      part.a += begin * part.a_row;
      part.c += begin * part.c_row;
      kernels.product(part, packed + at::get_thread_num() * panel);
    });
  }
}

void DenseGradients::product(const torch::Tensor& a, bool transpose_a, const torch::Tensor& b, bool transpose_b,
                             torch::Tensor& c, const torch::Tensor& bias) {
  const std::int64_t k = a.size(transpose_a ? -2 : -1);
  if (c.is_cpu() && k <= longest_sum) {
    if (c.scalar_type() == torch::kFloat32) return cpu_product<float>(a, transpose_a, b, transpose_b, c, bias);
    return cpu_product<double>(a, transpose_a, b, transpose_b, c, bias);
  }
  const auto operand = [&](const torch::Tensor& matrix, bool transpose) {
    const torch::Tensor turned = transpose ? matrix.transpose(-2, -1) : matrix;
    const bool shared = shape_.members > 0 && turned.dim() == 2;
    return shared ? turned.unsqueeze(0).expand({shape_.members, -1, -1}) : turned;
  };
  const torch::Tensor left = operand(a, transpose_a), right = operand(b, transpose_b);
  if (shape_.members > 0) {
    bias.defined() ? at::baddbmm_out(c, bias, left, right) : at::bmm_out(c, left, right);
  } else {
    bias.defined() ? at::addmm_out(c, bias, left, right) : at::mm_out(c, left, right);
  }
}

void DenseGradients::column_sums(const torch::Tensor& x, torch::Tensor& sums) const {
  if (!x.is_cpu()) {
    if (shape_.members > 0) {
      at::bmm_out(sums, tape_->ones.expand({shape_.members, 1, -1}), x);
    } else if (x.size(-1) >= columns_worth_a_product) {
      at::mv_out(sums, x.t(), tape_->ones);
    } else {
      at::sum_out(sums, x, {-2});
    }
    return;
  }
  const std::int64_t rows = x.size(-2), columns = x.size(-1);
  const auto each = [&]<class T>(T) {
    for (std::int64_t member = 0; member < std::max<std::int64_t>(1, shape_.members); ++member) {
      dense_kernels<T>().column_sums(member_of<T>(x, member), rows, columns,
                                     sums.mutable_data_ptr<T>() + member * columns);
    }
  };
  x.scalar_type() == torch::kFloat32 ? each(float{}) : each(double{});
}

const torch::Tensor& DenseGradients::forward(const torch::Tensor& x) {
  const at::AutoDispatchBelowADInplaceOrView below_autograd;
  input_ = x.contiguous();
  tape_ = &tape_for(x.size(0));
  const torch::Tensor* into = &input_;
  for (std::size_t i = 0; i < tape_->layers.size(); ++i) {
    Layer& layer = tape_->layers[i];
    product(*into, false, parameters_[2 * i], false, layer.before, parameters_[2 * i + 1]);
    if (!layer.after.defined()) break;
    activate(layer);
    into = &layer.after;
  }
  return tape_->layers.back().before;
}

void DenseGradients::backward() {
  {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    for (std::size_t i = tape_->layers.size(); i-- > 0;) {
      const torch::Tensor& delta = tape_->layers[i].delta;
      const torch::Tensor& into = i > 0 ? tape_->layers[i - 1].after : input_;
      product(into, true, delta, false, gradients_[2 * i]);
      column_sums(delta, gradients_[2 * i + 1]);
      if (i == 0) break;
      product(delta, false, parameters_[2 * i], true, tape_->layers[i - 1].delta);
      activate_backward(tape_->layers[i - 1]);
    }
    input_.reset();
  }
  for (std::size_t i = 0; i < leaves_.size(); ++i) {
    torch::Tensor& gradient = leaves_[i].mutable_grad();
    if (!gradient.is_same(gradients_[i])) gradient = gradients_[i];
  }
}

}  // namespace assay::detail
