// SPDX-License-Identifier: Apache-2.0
#include "components.hpp"

#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>

namespace fuzz {

using namespace assay;

const Registries& registries() {
  static const Registries made = [] {
    Registries all;
    all.functions.add("f", [](const Values& x) { return x; });
    all.writers.add("w", [](const std::filesystem::path&, const Values&) {});
    all.readers.add("r", [](const std::filesystem::path&) { return Values(); });
    all.modules.add("net", [] {
      torch::nn::Linear net(1, 1);  // takes the mean of the inputs: fits any number of them
      AnyModule module;
      module.module = net.ptr();
      module.forward = [net](const torch::Tensor& x) mutable { return net->forward(x.mean(1, true)); };
      module.loss = mse_loss;
      return module;
    });
    return all;
  }();
  return made;
}

void make_small(Json& spec) {
  lower(spec, {"count", "skip"}, 100, 1e10);
  lower(spec, {"epochs", "fine_tuning_epochs", "threads"}, 1, 1e18);
}

bool small_or_absurd(const Json& spec) {
  const auto number = [&](const char* key) {
    const auto found = spec.find(key);
    return found != spec.end() && found->is_number() ? std::max(1.0, found->get<double>()) : 1.0;
  };
  double parameters = 4, in = 20;
  const auto told = spec.find("hidden");
  const Json hidden = told != spec.end() ? *told : Json{128, 128};  // what a learner takes that is not told
  if (hidden.is_array()) {
    for (const Json& width : hidden) {
      const double out = width.is_number() ? width.get<double>() : 0;
      parameters += in * out;
      in = out;
    }
  }
  parameters = (parameters + in * std::max(20.0, number("classes"))) * number("members");
  return parameters < 1e5 || parameters > 1e12;
}

Values samples(const std::vector<std::string>& names) {
  Values values;
  for (const std::string& name : names) values.set(name, torch::arange(4, torch::kFloat64).reshape({2, 2}));
  return values;
}

}  // namespace fuzz
