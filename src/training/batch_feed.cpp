// SPDX-License-Identifier: Apache-2.0
#include <assay/detail/batch_feed.hpp>

#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>

#include <algorithm>
#include <bit>

namespace assay::detail {

namespace {

constexpr std::int64_t block_bytes = std::int64_t{16} << 20;

torch::Tensor positions(std::size_t count, torch::Device device) {
  return at::empty({static_cast<std::int64_t>(count)},
                   torch::TensorOptions(torch::kInt64).pinned_memory(device.is_cuda()));
}

template <class Visit>
void for_each_tensor(Batch& batch, Visit&& visit) {
  for (torch::Tensor& tensor : batch.inputs) visit(tensor);
  for (torch::Tensor& tensor : batch.targets) visit(tensor);
  if (batch.weights.defined()) visit(batch.weights);
}

}  // namespace

BatchOrder::BatchOrder(std::vector<SampleId> ids, torch::Device device)
    : ids_(std::move(ids)),
      bits_(ids_.size()),
      draws_(ids_.size()),
      order_(positions(ids_.size(), device)),
      before_(positions(ids_.size(), device)) {}

const torch::Tensor& BatchOrder::shuffled(const RandomKey& key) {
  // About one sample a bucket: placing by bucket leaves the draws nearly sorted, and insertion sort finishes the job.
  const std::size_t n = ids_.size();
  const int width = std::bit_width(n | 1);
  const int shift = 64 - width;
  starts_.assign((std::size_t{1} << width) + 1, 0);
  for (std::size_t i = 0; i < n; ++i) {
    bits_[i] = key.with(ids_[i]).bits();
    ++starts_[(bits_[i] >> shift) + 1];
  }
  for (std::size_t bucket = 1; bucket < starts_.size(); ++bucket) starts_[bucket] += starts_[bucket - 1];
  for (std::size_t i = 0; i < n; ++i) {
    const auto place = static_cast<std::size_t>(starts_[bits_[i] >> shift]++);
    draws_[place] = {bits_[i], i};
  }
  const auto before = [this](const Draw& a, const Draw& b) {
    return a.bits != b.bits ? a.bits < b.bits : ids_[a.position] < ids_[b.position];
  };
  for (std::size_t i = 1; i < n; ++i) {
    const Draw draw = draws_[i];
    std::size_t place = i;
    for (; place > 0 && before(draw, draws_[place - 1]); --place) draws_[place] = draws_[place - 1];
    draws_[place] = draw;
  }
  std::swap(order_, before_);
  auto* order = order_.mutable_data_ptr<std::int64_t>();
  for (std::size_t i = 0; i < n; ++i) order[i] = static_cast<std::int64_t>(draws_[i].position);
  return order_;
}

BatchFeed::BatchFeed(Batch packed, std::int64_t batch_size)
    : packed_(std::move(packed)), batch_size_(std::min(batch_size, std::max<std::int64_t>(1, packed_.size()))) {
  std::int64_t batch_bytes = 1;
  for_each_tensor(packed_, [&](torch::Tensor& tensor) {
    tensor = tensor.contiguous();
    if (tensor.numel() > 0) batch_bytes += static_cast<std::int64_t>(tensor.nbytes()) / tensor.size(0) * batch_size_;
  });
  block_batches_ = std::clamp<std::int64_t>(block_bytes / batch_bytes, 1, std::max<std::int64_t>(1, batches()));
  block_ = packed_;
  const std::int64_t rows = std::min(samples(), block_batches_ * batch_size_);
  for_each_tensor(block_, [&](torch::Tensor& tensor) {
    std::vector<std::int64_t> shape = tensor.sizes().vec();
    shape.front() = rows;
    tensor = at::empty(shape, tensor.options());
  });
  for (std::int64_t first = 0; first + batch_size_ <= rows; first += batch_size_) {
    views_.push_back(block_.slice(first, batch_size_));
  }
}

void BatchFeed::start(const torch::Tensor& order) {
  const torch::Device device = packed_.inputs.front().device();
  order_ = device.is_cpu() ? order : order.to(device, torch::kInt64, /*non_blocking=*/true);
}

void BatchFeed::fill(std::int64_t first_batch) {
  const std::int64_t first = first_batch * batch_size_;
  const std::int64_t rows = std::min(block_.size(), samples() - first);
  const torch::Tensor index = order_.narrow(0, first, rows);
  const auto gather = [&](const torch::Tensor& from, const torch::Tensor& into) {
    torch::Tensor out = into.narrow(0, 0, rows);
    at::index_select_out(out, from, 0, index);
  };
  for (std::size_t i = 0; i < packed_.inputs.size(); ++i) gather(packed_.inputs[i], block_.inputs[i]);
  for (std::size_t i = 0; i < packed_.targets.size(); ++i) gather(packed_.targets[i], block_.targets[i]);
  if (packed_.weights.defined()) gather(packed_.weights, block_.weights);
  if (const std::int64_t rest = rows % batch_size_; rest != 0) tail_ = block_.slice(rows - rest, rest);
}

const Batch& BatchFeed::batch(std::int64_t index) {
  const std::int64_t in_block = index % block_batches_;
  if (in_block == 0) fill(index);
  return (index + 1) * batch_size_ <= samples() ? views_[static_cast<std::size_t>(in_block)] : tail_;
}

}  // namespace assay::detail
