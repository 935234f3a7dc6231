// SPDX-License-Identifier: Apache-2.0
#include "out_of_bag.hpp"

namespace assay::detail {

std::vector<std::int64_t> out_of_bag_rows(const LearnerRef& learner, const Batch& packed) {
  if (!learner->has_out_of_bag()) throw_no_out_of_bag();
  const torch::Tensor rows = (packed.weights == 0).any(1).nonzero().flatten().cpu();
  const auto* first = rows.const_data_ptr<std::int64_t>();
  return {first, first + rows.numel()};
}

}  // namespace assay::detail
