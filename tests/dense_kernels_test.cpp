// SPDX-License-Identifier: Apache-2.0
// The inner loops of training, in every instruction set that this processor has.
#include "../src/learner/dense_kernels.hpp"
#include "../src/learner/dense_losses.hpp"

#include "support/catch.hpp"
#include "support/one_thread.hpp"

#include <torch/types.h>

#include <ATen/ops/matmul.h>

#include <cmath>
#include <limits>

using namespace assay::detail;

namespace {

template <class T>
torch::Tensor random(std::vector<std::int64_t> shape) {
  return at::rand(shape, c10::CppTypeToScalarType<T>::value) - 0.5;
}

/// Every way round that training asks for, for sizes around those of vectors and tiles.
template <class T>
void check_products(const DenseKernels<T>& kernels, double tolerance) {
  for (const std::int64_t m : {1, 7, 8, 29, 70}) {
    for (const std::int64_t n : {1, 3, 5, 16, 17, 64, 75}) {
      for (const std::int64_t k : {1, 2, 19, 80}) {
        const torch::Tensor a = random<T>({m, k}), b = random<T>({k, n}), bias = random<T>({n});
        const torch::Tensor a_turned = a.t().contiguous(), b_turned = b.t().contiguous();
        torch::Tensor packed = random<T>({kernels.panel * k});
        for (const bool turn_a : {false, true}) {
          for (const bool turn_b : {false, true}) {
            for (const bool with_bias : {false, true}) {
              torch::Tensor c = at::full({m + 1, n}, 7, a.options());
              const torch::Tensor &left = turn_a ? a_turned : a, &right = turn_b ? b_turned : b;
              kernels.product({.m = m,
                               .n = n,
                               .k = k,
                               .a = left.const_data_ptr<T>(),
                               .a_row = turn_a ? 1 : k,
                               .a_step = turn_a ? m : 1,
                               .b = right.const_data_ptr<T>(),
                               .b_step = turn_b ? 1 : n,
                               .b_column = turn_b ? k : 1,
                               .c = c.mutable_data_ptr<T>(),
                               .c_row = n,
                               .bias = with_bias ? bias.const_data_ptr<T>() : nullptr},
                              packed.mutable_data_ptr<T>());
              const torch::Tensor expected = with_bias ? a.matmul(b) + bias : a.matmul(b);
              INFO(m << " x " << n << " x " << k << ", turned " << turn_a << turn_b << ", bias " << with_bias);
              CHECK((c.narrow(0, 0, m) - expected).abs().max().item<double>() < tolerance);
              CHECK((c[m] == 7).all().item<bool>());  // nothing behind the last row is touched
            }
          }
        }
      }
    }
  }
}

template <class T>
void check_activations(const DenseKernels<T>& kernels, double tolerance) {
  const torch::Tensor x = at::cat({at::linspace(-30, 30, 1201, torch::kFloat64),
                                   at::linspace(-1e-3, 1e-3, 20, torch::kFloat64),
                                   torch::tensor({-400.0, 400.0}, torch::kFloat64)})
                              .to(c10::CppTypeToScalarType<T>::value);
  const torch::Tensor wide = x.to(torch::kFloat64), sigmoid = wide.sigmoid(), positive = (wide > 0).to(torch::kFloat64);
  const torch::Tensor squashed = wide.tanh();
  const auto check = [&](Elementwise function, const torch::Tensor& value, const torch::Tensor& slope) {
    INFO("function " << static_cast<int>(function));
    torch::Tensor in = x.clone(), out = at::empty_like(x);
    kernels.activate(function, in.mutable_data_ptr<T>(), out.mutable_data_ptr<T>(), x.numel());
    // Relative to the value: near zero as well.
    CHECK(((out - value).abs() / (value.abs() + 1e-30)).max().item<double>() < tolerance);
    CHECK((in - slope).abs().max().item<double>() < 4 * tolerance);
    torch::Tensor alone = x.clone();
    kernels.apply(function, alone.mutable_data_ptr<T>(), x.numel());
    CHECK(alone.equal(out));
  };
  check(Elementwise::relu, wide * positive, positive);
  check(Elementwise::tanh, squashed, 1 - squashed.square());
  // In float32 e^(-x) ends at x = 87: silu is there below 1e-35.
  const torch::Tensor silu = wide * sigmoid, slope = sigmoid * (1 + wide * (1 - sigmoid));
  torch::Tensor in = x.clone(), out = at::empty_like(x);
  kernels.activate(Elementwise::silu, in.mutable_data_ptr<T>(), out.mutable_data_ptr<T>(), x.numel());
  CHECK(((out - silu).abs() / (silu.abs() + 1e-30)).narrow(0, 0, x.numel() - 2).max().item<double>() < tolerance);
  CHECK((out - silu).abs().narrow(0, x.numel() - 2, 2).max().item<double>() < 1e-30 + tolerance);
  CHECK((in - slope).abs().max().item<double>() < 4 * tolerance);
  in = x.clone();
  kernels.apply(Elementwise::silu, in.mutable_data_ptr<T>(), x.numel());
  CHECK(in.equal(out));

  T value = std::numeric_limits<T>::quiet_NaN(), result = 0;
  for (const Elementwise function : {Elementwise::silu, Elementwise::relu, Elementwise::tanh}) {
    T copy = value;
    kernels.activate(function, &copy, &result, 1);
    CHECK(std::isnan(result));
  }
}

template <class T>
void check_rest(const DenseKernels<T>& kernels) {
  torch::Tensor x = random<T>({13, 37}), factors = random<T>({13, 37}), sums = random<T>({37});
  kernels.column_sums(x.const_data_ptr<T>(), 13, 37, sums.mutable_data_ptr<T>());
  CHECK(torch::allclose(sums, x.sum(0), 1e-5, 1e-6));
  const torch::Tensor expected = x * factors;
  kernels.multiply(x.mutable_data_ptr<T>(), factors.const_data_ptr<T>(), x.numel());
  CHECK(torch::equal(x, expected));
}

}  // namespace

TEST_CASE("the inner loops of training compute what they say in every instruction set", "[learner]") {
  const OneThread one_thread;
  CHECK(&dense_kernels<float>() == dense_kernel_sets<float>().front());
  for (const DenseKernels<float>* kernels : dense_kernel_sets<float>()) {
    check_products(*kernels, 2e-6);
    check_activations(*kernels, 5e-7);
    check_rest(*kernels);
  }
  for (const DenseKernels<double>* kernels : dense_kernel_sets<double>()) {
    check_products(*kernels, 1e-14);
    check_activations(*kernels, 1e-15);
    check_rest(*kernels);
  }
}

TEST_CASE("a device's losses and derivatives are those of the CPU's loops", "[learner]") {
  const std::int64_t n = 7, members = 3;
  for (const DenseLoss loss :
       {DenseLoss::mse, DenseLoss::huber, DenseLoss::gaussian, DenseLoss::two_classes, DenseLoss::classes}) {
    const std::int64_t k = loss == DenseLoss::two_classes ? 1 : 4;
    const torch::Tensor target = loss == DenseLoss::classes ? torch::arange(n, torch::kInt64).remainder(k)
                                 : loss == DenseLoss::two_classes
                                     ? torch::arange(n, torch::kFloat64).remainder(2).unsqueeze(1)
                                     : 2 * random<double>({n, loss == DenseLoss::gaussian ? k / 2 : k});
    for (const bool stacked : {false, true}) {
      for (const bool weighted : {false, true}) {
        if (weighted && !stacked) continue;
        INFO("loss " << static_cast<int>(loss) << ", stacked " << stacked << ", weighted " << weighted);
        const torch::Tensor out = 2 * (stacked ? random<double>({members, n, k}) : random<double>({n, k}));
        const torch::Tensor weights = weighted ? random<double>({n, members}).abs() : torch::Tensor();
        torch::Tensor expected = torch::empty_like(out), got = torch::empty_like(out);
        const torch::Tensor a = loss_with_derivative(loss, out, target, weights, expected);
        const torch::Tensor b = loss_by_operators(loss, out, target, weights, got);
        CHECK(b.item<double>() == Approx(a.item<double>()).epsilon(1e-12));
        CHECK(torch::allclose(got, expected, 1e-12, 1e-14));
      }
    }
  }
}
