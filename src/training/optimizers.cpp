// SPDX-License-Identifier: Apache-2.0
#include <assay/error.hpp>
#include <assay/training/adam.hpp>
#include <assay/training/adamw.hpp>
#include <assay/training/sgd.hpp>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/_fused_sgd.h>

namespace assay {

namespace {

/// Calls a fused operator with its lists.
template <class Rate, class Kernel>
void with_lists(detail::Moments& moments, const Rate& rate, Kernel&& kernel) {
  const at::NoGradGuard no_grad;
  detail::Moments::Lists& lists = moments.next_step();
  if (lists.parameters.empty()) return;
  kernel(lists, rate);
  moments.release_gradients();
}

/// The rate stands where the kernel reads it: a number on the CPU, a tensor on a device.
template <class Kernel>
void with_rate(detail::Moments& moments, double lr, Kernel&& kernel) {
  moments.on_cpu() ? with_lists(moments, lr, kernel) : with_lists(moments, moments.rate_on_device(lr), kernel);
}
template <class Kernel>
void with_rate(detail::Moments& moments, const torch::Tensor& lr, Kernel&& kernel) {
  with_lists(moments, lr, kernel);
}

template <class Rate>
void update(detail::Moments& moments, const AdamOptions& options, const Rate& lr) {
  with_rate(moments, lr, [&](auto& lists, const auto& rate) {
    at::_fused_adam_(lists.parameters, lists.gradients, lists.moments[0], lists.moments[1], {}, lists.steps, rate,
                     options.beta1, options.beta2, options.weight_decay, options.eps, /*amsgrad=*/false,
                     /*maximize=*/false);
  });
}

template <class Rate>
void update(detail::Moments& moments, const AdamWOptions& options, const Rate& lr) {
  with_rate(moments, lr, [&](auto& lists, const auto& rate) {
    at::_fused_adamw_(lists.parameters, lists.gradients, lists.moments[0], lists.moments[1], {}, lists.steps, rate,
                      options.beta1, options.beta2, options.weight_decay, options.eps, /*amsgrad=*/false,
                      /*maximize=*/false);
  });
}

template <class Rate>
void update(detail::Moments& moments, const SgdOptions& options, const Rate& lr) {
  with_rate(moments, lr, [&](auto& lists, const auto& rate) {
    // Buffers start at zero, so that "first step" is no special case (equal without dampening).
    const std::vector<torch::Tensor> none;
    at::_fused_sgd_(lists.parameters, lists.gradients, lists.moments.empty() ? none : lists.moments[0],
                    options.weight_decay, options.momentum, rate, /*dampening=*/0, options.nesterov,
                    /*maximize=*/false, /*is_first_step=*/false);
  });
}

}  // namespace

Adam::Adam(AdamOptions options_) : options(options_) { require_valid(options, key); }
void Adam::step(double lr) { update(moments_, options, lr); }
void Adam::step(const torch::Tensor& lr) { update(moments_, options, lr); }

AdamW::AdamW(AdamWOptions options_) : options(options_) { require_valid(options, key); }
void AdamW::step(double lr) { update(moments_, options, lr); }
void AdamW::step(const torch::Tensor& lr) { update(moments_, options, lr); }

Sgd::Sgd(SgdOptions options_)
    : options(options_),
      moments_(options_.momentum > 0 ? std::vector<std::string>{"momentum"} : std::vector<std::string>{}) {
  require_valid(options, key);
  if (options.nesterov && options.momentum == 0) {
    throw ConfigError({"assay.config.range", "/momentum", "a number > 0 with nesterov", "0", ""});
  }
}

void Sgd::step(double lr) { update(moments_, options, lr); }
void Sgd::step(const torch::Tensor& lr) { update(moments_, options, lr); }

}  // namespace assay
