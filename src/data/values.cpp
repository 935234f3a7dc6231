// SPDX-License-Identifier: Apache-2.0
#include <assay/data/schema.hpp>
#include <assay/data/values.hpp>
#include <assay/detail/sha256.hpp>
#include <assay/error.hpp>

#include <ATen/ops/cat.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <sstream>

namespace assay {

namespace {

/// Fewer entries are searched one by one.
constexpr std::size_t many = 32;

std::string list_of(const Values& values) {
  std::string text;
  std::size_t listed = 0;
  for (const NamedTensor& entry : values) {
    if (++listed > many) return text + ", … (" + std::to_string(values.size()) + " in all)";
    text += (text.empty() ? "'" : ", '") + entry.name + "'";
  }
  return text.empty() ? "none" : text;
}

std::string shape_of(const torch::Tensor& tensor) {
  std::string text;
  for (const std::int64_t size : tensor.sizes()) text += (text.empty() ? "" : ", ") + std::to_string(size);
  return "[" + text + "]";
}

/// What few numbers hold is asked for by hand: an operation of LibTorch takes much longer than they do.
template <class Number>
bool finite_by_hand(const torch::Tensor& tensor) {
  const auto* data = static_cast<const Number*>(tensor.const_data_ptr());
  return std::all_of(data, data + tensor.numel(), [](Number number) { return std::isfinite(number); });
}

bool is_finite(const torch::Tensor& tensor) {
  if (!tensor.is_floating_point()) return true;
  constexpr std::int64_t few = 1000;
  if (tensor.is_cpu() && tensor.is_contiguous() && tensor.numel() <= few) {
    if (tensor.scalar_type() == torch::kFloat64) return finite_by_hand<double>(tensor);
    if (tensor.scalar_type() == torch::kFloat32) return finite_by_hand<float>(tensor);
  }
  return at::isfinite(tensor).all().item<bool>();
}

[[noreturn]] void throw_duplicate(const std::string& name) {
  throw DataError({"assay.values.duplicate", "'" + name + "'", "every name once", "it twice", ""});
}

}  // namespace

NamedTensor::NamedTensor(std::string name_, double number)
    : name(std::move(name_)), tensor(at::scalar_tensor(number, torch::kFloat64)) {}

NamedTensor::NamedTensor(std::string name_, const std::vector<double>& numbers)
    : name(std::move(name_)), tensor(at::tensor(numbers, torch::kFloat64)) {}

Values::Values(std::initializer_list<NamedTensor> entries) {
  for (const NamedTensor& entry : entries) {
    if (contains(entry.name)) throw_duplicate(entry.name);
    add(entry.name, entry.tensor);
  }
}

std::vector<std::string> Values::names() const {
  std::vector<std::string> names;
  for (const NamedTensor& entry : entries_) names.push_back(entry.name);
  return names;
}

NamedTensor* Values::entry(std::string_view name) noexcept {
  if (!places_.empty()) {
    const auto found = places_.find(name);
    return found == places_.end() ? nullptr : &entries_[found->second];
  }
  for (NamedTensor& entry : entries_) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

void Values::add(std::string name, torch::Tensor tensor) {
  entries_.emplace_back(std::move(name), std::move(tensor));
  if (entries_.size() <= many) return;
  for (std::size_t place = places_.size(); place < entries_.size(); ++place) {
    places_.emplace(entries_[place].name, place);
  }
}

const torch::Tensor* Values::find(std::string_view name) const noexcept {
  const NamedTensor* found = const_cast<Values*>(this)->entry(name);
  return found ? &found->tensor : nullptr;
}

const torch::Tensor& Values::at(std::string_view name) const {
  if (const torch::Tensor* tensor = find(name)) return *tensor;
  throw DataError({"assay.values.missing", "values", "'" + std::string(name) + "'", list_of(*this), ""});
}

double Values::scalar(std::string_view name) const {
  const torch::Tensor& tensor = at(name);
  if (tensor.numel() == 1) return tensor.to(torch::kFloat64).item<double>();
  throw ShapeError({"assay.values.scalar", "'" + std::string(name) + "'", "a single number",
                    "shape " + shape_of(tensor), "use 'numbers' or 'at'"});
}

std::vector<double> Values::numbers(std::string_view name) const {
  const torch::Tensor flat = at(name).detach().to(torch::kCPU, torch::kFloat64).contiguous();
  const double* data = flat.const_data_ptr<double>();
  return {data, data + flat.numel()};
}

Values& Values::set(std::string name, torch::Tensor tensor) {
  if (NamedTensor* found = entry(name)) {
    found->tensor = std::move(tensor);
  } else {
    add(std::move(name), std::move(tensor));
  }
  return *this;
}

Values& Values::merge(const Values& other) {
  for (const NamedTensor& entry : other) {
    if (contains(entry.name)) throw_duplicate(entry.name);
    add(entry.name, entry.tensor);
  }
  return *this;
}

Values Values::pick(const std::vector<std::string>& names) const {
  Values picked;
  for (const std::string& name : names) picked.add(name, at(name));
  return picked;
}

Values Values::without(const std::vector<std::string>& names) const {
  Values rest;
  for (const NamedTensor& entry : entries_) {
    if (std::find(names.begin(), names.end(), entry.name) == names.end()) rest.add(entry.name, entry.tensor);
  }
  return rest;
}

std::int64_t batch_size(const Values& batch) {
  std::int64_t size = -1;
  for (const NamedTensor& entry : batch) {
    if (entry.tensor.dim() == 0 || (size >= 0 && entry.tensor.size(0) != size)) {
      throw ShapeError({"assay.values.batch", "'" + entry.name + "'",
                        size < 0 ? "a tensor with the samples along dimension 0"
                                 : std::to_string(size) + " samples along dimension 0, as the other fields",
                        "shape " + shape_of(entry.tensor), ""});
    }
    size = entry.tensor.size(0);
  }
  return std::max<std::int64_t>(0, size);
}

Values stack(const std::vector<Values>& samples) {
  Values batch;
  if (samples.empty()) return batch;
  const Schema schema = schema_of_sample(samples.front());
  for (std::size_t i = 1; i < samples.size(); ++i) require_fits(samples[i], schema, "sample " + std::to_string(i));
  for (const NamedTensor& entry : samples.front()) {
    std::vector<torch::Tensor> rows;
    for (const Values& sample : samples) rows.push_back(sample.at(entry.name));
    batch.set(entry.name, at::stack(rows));
  }
  return batch;
}

Values row(const Values& batch, std::int64_t row) {
  Values sample;
  for (const NamedTensor& entry : batch) sample.set(entry.name, entry.tensor.select(0, row).clone());
  return sample;
}

Values rows(const Values& batch, const torch::Tensor& rows) {
  Values picked;
  for (const NamedTensor& entry : batch) picked.set(entry.name, at::index_select(entry.tensor, 0, rows));
  return picked;
}

Values concatenate(const std::vector<Values>& batches) {
  Values all;
  if (batches.empty()) return all;
  for (const NamedTensor& entry : batches.front()) {
    std::vector<torch::Tensor> parts;
    for (const Values& batch : batches) parts.push_back(batch.at(entry.name));
    all.set(entry.name, parts.size() == 1 ? parts.front() : at::cat(parts));
  }
  return all;
}

bool all_finite(const Values& values) {
  return std::all_of(values.begin(), values.end(), [](const NamedTensor& entry) { return is_finite(entry.tensor); });
}

void require_finite(const Values& values, std::string_view where) {
  for (const NamedTensor& entry : values) {
    if (is_finite(entry.tensor)) continue;
    const torch::Tensor flat = entry.tensor.detach().to(torch::kCPU, torch::kFloat64).flatten();
    const std::int64_t element = at::isfinite(flat).logical_not().nonzero()[0].item<std::int64_t>();
    std::ostringstream got;
    got << flat[element].item<double>() << " at element " << element << " of '" << entry.name << "', shape "
        << entry.tensor.sizes();
    throw DataError({"assay.values.not_finite", std::string(where), "finite numbers", got.str(), ""});
  }
}

std::string fingerprint(const Values& values) {
  detail::Sha256 digest;
  for (const NamedTensor& entry : values) {
    const bool at_hand = entry.tensor.is_cpu() && entry.tensor.is_contiguous();
    const torch::Tensor tensor = at_hand ? entry.tensor : entry.tensor.detach().to(torch::kCPU).contiguous();
    digest.update(entry.name + " " + c10::toString(tensor.scalar_type()) + " " + shape_of(tensor) + "\n");
    digest.update(std::span(static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()));
  }
  return digest.hex();
}

}  // namespace assay
