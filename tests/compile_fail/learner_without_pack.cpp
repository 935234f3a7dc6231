// expect: assay: a learner needs 'Batch pack(const Values& samples, std::span<const SampleId> ids) const'
// SPDX-License-Identifier: Apache-2.0
#include "support.hpp"

struct Unpacked {
  std::vector<std::string> inputs() const { return {"x"}; }
  std::vector<std::string> targets() const { return {"y"}; }
  std::vector<torch::Tensor> parameters() const { return {}; }
#ifdef ASSAY_FIXED
  assay::Batch pack(const assay::Values&, std::span<const assay::SampleId>) const { return {}; }
#endif
  torch::Tensor training_step(const assay::Batch&) { return {}; }
  assay::Values predict(const assay::Values& inputs) const { return inputs; }
  void set_training(bool) {}
  void reset(std::uint64_t) {}
  assay::State save() const { return {}; }
  void load(const assay::State&) {}
};

void run() { assay::Driver({.dir = "campaign"}, {}, Unpacked(), assay::Random(), Label()).run(); }
