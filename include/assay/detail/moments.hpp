// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/state.hpp>

#include <string>
#include <vector>

namespace assay::detail {

/// Whether two lists hold the same tensors, not only equal ones.
bool same_tensors(const std::vector<torch::Tensor>& a, const std::vector<torch::Tensor>& b);

/// The parameters an optimizer updates, with a step count and one tensor of each kind of moment for every parameter.
///
/// Parameters that lie one behind the other in one piece of memory are updated as one tensor wherever their gradients
/// lie like that as well: one loop in place of one a parameter. On a device that tensor is cut into pieces, for a fused
/// operator gives 65,536 numbers of a tensor to one block of threads: a small net would keep a few processors busy.
/// A copy owns its own moments and updates the same parameters.
class Moments {
 public:
  /// Parallel lists, as the fused operators take them.
  struct Lists {
    std::vector<torch::Tensor> parameters;
    std::vector<torch::Tensor> gradients;
    std::vector<std::vector<torch::Tensor>> moments;  // one list a kind
    std::vector<torch::Tensor> steps;
  };

  explicit Moments(std::vector<std::string> kinds) : kinds_(std::move(kinds)) {}
  Moments(const Moments& other);
  Moments(Moments&&) noexcept = default;
  Moments& operator=(const Moments& other) { return *this = Moments(other); }
  Moments& operator=(Moments&&) noexcept = default;
  ~Moments() = default;

  /// Takes parameters and forgets all moments; in place, if the parameters are those it has. Errors: `TrainingError`
  /// for parameters the fused operators cannot take.
  void init(std::vector<torch::Tensor> parameters);
  /// The parameters that have a gradient now, their step counts raised by one.
  Lists& next_step();
  /// Lets go of gradients that belong to autograd, so that the next backward pass can hand over new ones.
  void release_gradients();
  /// `rate` as a 0-dimensional tensor on the parameters' device: CUDA kernels read it there.
  const torch::Tensor& rate_on_device(double rate);
  bool on_cpu() const { return all_.parameters.empty() || all_.parameters.front().is_cpu(); }

  State save() const;
  void load(const State& state);

 private:
  /// Whether these are the parameters it was given, where they were.
  bool lies_at(const std::vector<torch::Tensor>& parameters) const;
  void forget();
  void count_step();
  /// Puts the gradients' memory into `whole_`. Returns whether they lie one behind the other.
  bool find_whole_gradient();
  std::vector<torch::Tensor> pieces_of(const torch::Tensor& memory) const;

  std::vector<std::string> kinds_;
  Lists all_;
  Lists whole_;          // the same memory, whole or in pieces; empty where the parameters lie apart
  Lists some_;           // used where a parameter has no gradient
  torch::Tensor steps_;  // [parameters]; all_.steps are its elements: one kernel counts them all
  torch::Tensor rate_;
  double rate_value_ = 0;
};

}  // namespace assay::detail
