// SPDX-License-Identifier: Apache-2.0
// Campaigns of assay.h in this process.
#include "campaign.hpp"

#include <assay/config.hpp>
#include <assay/data/schema.hpp>
#include <assay/detail/asked_campaign.hpp>
#include <assay/detail/guest.hpp>
#include <assay/status.h>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <c10/util/accumulate.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace assay::c_interface {

namespace {

using detail::GuestScope;  // a call may come in any thread of the host

std::int64_t numbers_in(const Field& field) { return c10::multiply_integers(field.shape); }

std::int64_t numbers_in(const Schema& schema) {
  std::int64_t count = 0;
  for (const Field& field : schema) count += numbers_in(field);
  return count;
}

/// Writes the fields of a sample one behind the other; \return where the next number goes.
double* flatten(const Values& sample, const Schema& schema, double* out) {
  for (const Field& field : schema) {
    const std::vector<double> numbers = sample.numbers(field.name);
    out = std::copy(numbers.begin(), numbers.end(), out);
  }
  return out;
}

/// [count, size of all targets], column by column, from a batch of each target.
void write_rows(const Values& batch, const std::vector<std::string>& targets, std::int64_t count, bool root,
                double* out) {
  std::int64_t size = 0, first = 0;
  for (const std::string& name : targets) size += batch.at(name).numel() / count;
  for (const std::string& name : targets) {
    torch::Tensor rows = batch.at(name).to(torch::kFloat64).reshape({count, -1});
    rows = (root ? rows.sqrt() : rows).contiguous();
    const std::int64_t width = rows.size(1);
    const double* from = rows.const_data_ptr<double>();
    for (std::int64_t i = 0; i < count; ++i) std::copy_n(from + i * width, width, out + i * size + first);
    first += width;
  }
}

class CampaignHere : public assay_campaign {
 public:
  explicit CampaignHere(AnyDriver driver) : driver_(std::move(driver)) {
    const std::vector<std::string> names = driver_.learner().inputs();
    if (const PoolView candidates = driver_.unlabeled(); candidates.size() > 0) {
      inputs_ = schema_of_batch(candidates.slice(0, 1).pick(names));
    } else if (!driver_.labeled().empty()) {
      inputs_ = schema_of_batch(driver_.labeled().all().pick(names));
    }
  }

  std::int64_t input_size() const override { return numbers_in(inputs_); }

  std::int64_t target_size() const override {
    const GuestScope guest;
    const Schema known = driver_.target_schema();
    return known.size() == driver_.learner().targets().size() ? numbers_in(known) : 0;
  }

  int advance() override {
    const GuestScope guest;
    switch (driver_.advance()) {
      case RunStatus::waiting: return ASSAY_WAITING;
      case RunStatus::finished: return ASSAY_FINISHED;
      case RunStatus::stopped: break;
    }
    return ASSAY_STOPPED;
  }

  std::int64_t ask(std::int64_t count, std::int64_t* ids, double* inputs) override {
    const GuestScope guest;
    const std::vector<Sample> samples = driver_.ask(count);
    for (const Sample& sample : samples) {
      *ids++ = sample.id;
      inputs = flatten(sample.values, inputs_, inputs);
    }
    return static_cast<std::int64_t>(samples.size());
  }

  int tell(std::int64_t id, std::span<const double> targets) override {
    const GuestScope guest;
    const Values labels = assay::detail::told_labels(driver_, targets);
    return driver_.tell(id, done(labels)) ? ASSAY_OK : ASSAY_REFUSED;
  }

  int tell_failed(std::int64_t id, const char* reason, bool retry) override {
    const GuestScope guest;
    driver_.tell(id, failed(reason, retry));
    return ASSAY_OK;
  }

  int tell_infeasible(std::int64_t id, const char* reason) override {
    const GuestScope guest;
    driver_.tell(id, infeasible(reason));
    return ASSAY_OK;
  }

  int predict(std::int64_t count, const double* inputs, double* means, double* deviations) const override {
    const GuestScope guest;
    const at::NoGradGuard no_gradients;
    const AnyLearner& learner = driver_.learner();
    const std::int64_t size = numbers_in(inputs_);
    Values batch;
    std::int64_t first = 0;
    for (const Field& field : inputs_) {
      std::vector<std::int64_t> shape{count};
      shape.insert(shape.end(), field.shape.begin(), field.shape.end());
      const std::int64_t width = numbers_in(field);
      torch::Tensor values = at::empty({count, width}, torch::kFloat64);
      auto* out = values.mutable_data_ptr<double>();
      for (std::int64_t i = 0; i < count; ++i) std::copy_n(inputs + i * size + first, width, out + i * width);
      batch.set(field.name, values.reshape(shape));
      first += width;
    }
    write_rows(learner.predict(batch), learner.targets(), count, /*root=*/false, means);
    if (deviations) write_rows(learner.variance(batch), learner.targets(), count, /*root=*/true, deviations);
    return ASSAY_OK;
  }

 private:
  AnyDriver driver_;
  Schema inputs_;  // of the learner, in its order
};

}  // namespace

std::unique_ptr<assay_campaign> start(const char* directory, const char* config_file) {
  const GuestScope guest;
  return std::make_unique<CampaignHere>(assay::detail::start_asked_campaign(directory, config_file, Registries()));
}

std::unique_ptr<assay_campaign> open(const char* directory) {
  const GuestScope guest;
  return std::make_unique<CampaignHere>(open_campaign(directory, Registries()));
}

}  // namespace assay::c_interface
