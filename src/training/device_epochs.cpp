// SPDX-License-Identifier: Apache-2.0
#include "device_epochs.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

namespace assay::detail {

namespace {

constexpr std::int64_t spare_bytes = std::int64_t{16} << 20;
/// Steps of one launch: the host's part of a launch is hidden behind the steps before, and one gather serves them all.
constexpr std::int64_t unrolled = 8;
/// Batches of one gather begin at multiples of so many rows: kernels are chosen by how memory is aligned, and a step
/// out of a recording shall choose what a step by itself does.
constexpr std::int64_t row_step = 16;
constexpr std::int64_t most_gathered_bytes = std::int64_t{16} << 20;

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
    std::int64_t bytes = 0;
    for (const torch::Tensor& tensor : tensors_of(packed)) bytes += static_cast<std::int64_t>(tensor.nbytes());
    row_bytes_ = std::max<std::int64_t>(1, bytes / std::max<std::int64_t>(1, rows));
    capacity_ = rows + std::max(rows / 4, spare_bytes / row_bytes_);
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
          backend_, device.type(), [this](std::int64_t times) { steps(batch_size_, times); }, unrolled),
      rest_(backend_, device.type(), [this](std::int64_t times) { steps(samples_ % batch_size_, times); }),
      end_(backend_, device.type(), [this](std::int64_t) {
        readings_.copy_(work_.readings());
        rewind();
      }) {}

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
  batch_size = std::min(batch_size, samples_);
  if (batch_size != batch_size_) {
    batch_size_ = batch_size;
    spacing_ = (batch_size_ + row_step - 1) / row_step * row_step;
    const torch::Tensor row = at::arange(spacing_, cursor_.options()).clamp_max_(batch_size_ - 1);
    lanes_ = at::arange(unrolled, cursor_.options()).mul_(batch_size_).unsqueeze(1) + row;
  }
  for (RepeatedWork* repeated : {&whole_, &rest_, &end_}) repeated->look_again();
  replayed_before_ = whole_.replayed() + rest_.replayed();
  rewind();
}

void DeviceEpochs::rewind() {
  cursor_.zero_();
  loss_sum_.zero_();
}

void DeviceEpochs::deal(const torch::Tensor& order) {
  order_.narrow(0, 0, samples_).copy_(order, /*non_blocking=*/true);
}

void DeviceEpochs::set_rate(double rate) {
  if (rate == rate_value_) return;
  rate_.fill_(rate);
  rate_value_ = rate;
}

Batch DeviceEpochs::gather(std::int64_t rows, std::int64_t batches) const {
  const torch::Tensor lanes = batches == 1 ? lanes_[0].narrow(0, 0, rows) : lanes_.narrow(0, 0, batches).flatten();
  return training_.memory().rows(order_.index_select(0, lanes + cursor_));
}

void DeviceEpochs::steps(std::int64_t rows, std::int64_t times) {
  const std::int64_t together = training_.row_bytes() * spacing_ * times <= most_gathered_bytes ? times : 1;
  for (std::int64_t first = 0; first < times; first += together) {
    const Batch gathered = gather(rows, together);
    for (std::int64_t i = 0; i < together; ++i) {
      const torch::Tensor loss = work_.step(gathered.slice(i * spacing_, rows));
      loss_sum_.add_(loss.detach(), rows);
    }
    cursor_.add_(rows * together);
  }
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
