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

/// Calls a fused operator with the rate where its kernel reads it: a number on the CPU, a tensor on the device.
template <class Kernel>
void with_rate(detail::Moments& moments, double lr, Kernel&& kernel) {
  const at::NoGradGuard no_grad;
  detail::Moments::Lists& lists = moments.next_step();
  if (lists.parameters.empty()) return;
  if (moments.on_cpu()) {
    kernel(lists, lr);
  } else {
    kernel(lists, moments.rate_on_device(lr));
  }
  moments.release_gradients();
}

}  // namespace

Adam::Adam(AdamOptions options_) : options(options_) { require_valid(options, key); }

void Adam::step(double lr) {
  with_rate(moments_, lr, [&](auto& lists, const auto& rate) {
    at::_fused_adam_(lists.parameters, lists.gradients, lists.moments[0], lists.moments[1], {}, lists.steps, rate,
                     options.beta1, options.beta2, options.weight_decay, options.eps, /*amsgrad=*/false,
                     /*maximize=*/false);
  });
}

AdamW::AdamW(AdamWOptions options_) : options(options_) { require_valid(options, key); }

void AdamW::step(double lr) {
  with_rate(moments_, lr, [&](auto& lists, const auto& rate) {
    at::_fused_adamw_(lists.parameters, lists.gradients, lists.moments[0], lists.moments[1], {}, lists.steps, rate,
                      options.beta1, options.beta2, options.weight_decay, options.eps, /*amsgrad=*/false,
                      /*maximize=*/false);
  });
}

Sgd::Sgd(SgdOptions options_)
    : options(options_),
      moments_(options_.momentum > 0 ? std::vector<std::string>{"momentum"} : std::vector<std::string>{}) {
  require_valid(options, key);
  if (options.nesterov && options.momentum == 0) {
    throw ConfigError({"assay.config.range", "/momentum", "a number > 0 with nesterov", "0", ""});
  }
}

void Sgd::step(double lr) {
  with_rate(moments_, lr, [&](auto& lists, const auto& rate) {
    // Buffers start at zero, so that "first step" is no special case (equal without dampening).
    const std::vector<torch::Tensor> none;
    at::_fused_sgd_(lists.parameters, lists.gradients, lists.moments.empty() ? none : lists.moments[0],
                    options.weight_decay, options.momentum, rate, /*dampening=*/0, options.nesterov,
                    /*maximize=*/false, /*is_first_step=*/false);
  });
}

}  // namespace assay
