// SPDX-License-Identifier: Apache-2.0
#include "device_epochs.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

namespace assay::detail {

namespace {

constexpr std::int64_t spare_bytes = std::int64_t{16} << 20;
/// Steps of one launch: the host's part of a launch is hidden behind the steps before.
constexpr std::int64_t unrolled = 8;

std::vector<torch::Tensor> tensors_of(const Batch& batch) {
  std::vector<torch::Tensor> tensors = batch.inputs;
  tensors.insert(tensors.end(), batch.targets.begin(), batch.targets.end());
  if (batch.weights.defined()) tensors.push_back(batch.weights);
  return tensors;
}

bool same_rows(const torch::Tensor& a, const torch::Tensor& b) {
  return a.scalar_type() == b.scalar_type() && a.device() == b.device() && a.sizes().slice(1) == b.sizes().slice(1);
}

torch::Tensor with_rows(const torch::Tensor& like, std::int64_t rows) {
  std::vector<std::int64_t> shape = like.sizes().vec();
  shape.front() = rows;
  return at::empty(shape, like.options());
}

}  // namespace

bool GrowingBatch::fits(const Batch& packed) const {
  const std::vector<torch::Tensor> held = tensors_of(memory_), given = tensors_of(packed);
  return packed.size() <= capacity_ && memory_.inputs.size() == packed.inputs.size() &&
         memory_.targets.size() == packed.targets.size() &&
         std::equal(held.begin(), held.end(), given.begin(), given.end(), same_rows);
}

Batch GrowingBatch::hold(const Batch& packed) {
  const std::int64_t rows = packed.size();
  if (!fits(packed)) {
    std::int64_t bytes = 1;
    for (const torch::Tensor& tensor : tensors_of(packed)) bytes += static_cast<std::int64_t>(tensor.nbytes());
    const std::int64_t row_bytes = std::max<std::int64_t>(1, bytes / std::max<std::int64_t>(1, rows));
    capacity_ = rows + std::max(rows / 4, spare_bytes / row_bytes);
    memory_ = packed;
    for (torch::Tensor& tensor : memory_.inputs) tensor = with_rows(tensor, capacity_);
    for (torch::Tensor& tensor : memory_.targets) tensor = with_rows(tensor, capacity_);
    if (memory_.weights.defined()) memory_.weights = with_rows(memory_.weights, capacity_);
  }
  Batch views = memory_.slice(0, rows);
  const std::vector<torch::Tensor> into = tensors_of(views), from = tensors_of(packed);
  for (std::size_t i = 0; i < into.size(); ++i) into[i].copy_(from[i]);
  return views;
}

DeviceEpochs::DeviceEpochs(std::shared_ptr<GraphBackend> backend, torch::Device device)
    : backend_(std::move(backend)),
      device_(device),
      cursor_(at::zeros({}, torch::TensorOptions(torch::kInt64).device(device))),
      // The CPU's fused updates take a double.
      rate_(at::zeros({}, torch::TensorOptions(device.is_cpu() ? torch::kFloat64 : torch::kFloat32).device(device))),
      loss_sum_(at::zeros({}, torch::TensorOptions(torch::kFloat64).device(device))),
      readings_(at::zeros({3}, loss_sum_.options())),
      whole_(
          backend_, device.type(), [this] { step(batch_size_); }, unrolled),
      rest_(backend_, device.type(), [this] { step(samples_ % batch_size_); }),
      end_(backend_, device.type(), [this] { readings_.copy_(work_.readings()); }) {}

Batch DeviceEpochs::hold_training(const Batch& packed) {
  Batch views = training_.hold(packed);
  samples_ = packed.size();
  if (!order_.defined() || order_.size(0) != training_.capacity()) {
    order_ = at::empty({training_.capacity()}, cursor_.options());
  }
  return views;
}

void DeviceEpochs::begin(Work work, std::int64_t batch_size) {
  work_ = std::move(work);
  batch_size_ = std::min(batch_size, samples_);
  if (!lanes_.defined() || lanes_.size(0) != batch_size_) lanes_ = at::arange(batch_size_, cursor_.options());
  for (RepeatedWork* repeated : {&whole_, &rest_, &end_}) repeated->look_again();
  replayed_before_ = whole_.replayed() + rest_.replayed();
}

void DeviceEpochs::start_epoch(const torch::Tensor& order, double rate) {
  order_.narrow(0, 0, samples_).copy_(order, /*non_blocking=*/true);
  cursor_.zero_();
  loss_sum_.zero_();
  rate_.fill_(rate);
}

void DeviceEpochs::step(std::int64_t rows) {
  const torch::Tensor index = order_.index_select(0, lanes_.narrow(0, 0, rows) + cursor_);
  const torch::Tensor loss = work_.step(training_.memory().rows(index));
  loss_sum_.add_(loss.detach(), rows);
  cursor_.add_(rows);
}

void DeviceEpochs::run_batches() {
  whole_.run(samples_ / batch_size_);
  if (samples_ % batch_size_ != 0) rest_.run();
}

const torch::Tensor& DeviceEpochs::finish_epoch() {
  end_.run();
  return readings_;
}

std::string DeviceEpochs::obstacle() const { return whole_.obstacle().empty() ? rest_.obstacle() : whole_.obstacle(); }

}  // namespace assay::detail
