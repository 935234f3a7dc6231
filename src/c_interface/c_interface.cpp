// SPDX-License-Identifier: Apache-2.0
#include "arguments.hpp"
#include "guarded.hpp"
#include "open_campaigns.hpp"

#include <assay/assay.h>
#include <assay/config.hpp>
#include <assay/data/schema.hpp>
#include <assay/detail/asked_campaign.hpp>
#include <assay/error.hpp>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <c10/util/accumulate.h>

#include <algorithm>
#include <memory>
#include <new>
#include <utility>

struct assay_campaign {
  assay::AnyDriver driver;
  assay::Schema inputs;  // of the learner, in its order
};

namespace {

using namespace assay;

thread_local std::string message;

int wrong_argument(const char* problem) { return c_interface::failed_with(message, ASSAY_ERROR_ARGUMENT, problem); }

template <class Use>
auto guarded(Use use) noexcept -> decltype(use()) {
  return c_interface::guarded(message, std::move(use));
}

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

int hand_over(AnyDriver driver, assay_campaign** campaign) {
  const std::vector<std::string> names = driver.learner().inputs();
  Schema inputs;
  if (const PoolView candidates = driver.unlabeled(); candidates.size() > 0) {
    inputs = schema_of_batch(candidates.slice(0, 1).pick(names));
  } else if (!driver.labeled().empty()) {
    inputs = schema_of_batch(driver.labeled().all().pick(names));
  }
  auto opened = std::make_unique<assay_campaign>(assay_campaign{std::move(driver), std::move(inputs)});
  c_interface::OpenCampaigns::all().add(opened.get());
  *campaign = opened.release();
  return ASSAY_OK;
}

}  // namespace

extern "C" {

const char* assay_message(void) { return message.c_str(); }

int assay_new(const char* directory, const char* config_file, assay_campaign** campaign) {
  if (const char* problem = c_interface::wrong_for_new(directory, config_file, campaign))
    return wrong_argument(problem);
  *campaign = nullptr;
  return guarded(
      [&] { return hand_over(assay::detail::start_asked_campaign(directory, config_file, Registries()), campaign); });
}

int assay_open(const char* directory, assay_campaign** campaign) {
  if (const char* problem = c_interface::wrong_for_open(directory, campaign)) return wrong_argument(problem);
  *campaign = nullptr;
  return guarded([&] { return hand_over(open_campaign(directory, Registries()), campaign); });
}

void assay_close(assay_campaign* campaign) {
  if (campaign && c_interface::OpenCampaigns::all().remove(campaign)) delete campaign;
}

int64_t assay_input_size(const assay_campaign* campaign) { return campaign ? numbers_in(campaign->inputs) : 0; }

int64_t assay_target_size(const assay_campaign* campaign) {
  if (!campaign) return 0;
  return guarded([&]() -> int64_t {
    const Schema known = campaign->driver.target_schema();
    return known.size() == campaign->driver.learner().targets().size() ? numbers_in(known) : 0;
  });
}

int assay_advance(assay_campaign* campaign) {
  if (const char* problem = c_interface::wrong_for_advance(campaign)) return wrong_argument(problem);
  return guarded([&] {
    switch (campaign->driver.advance()) {
      case RunStatus::waiting: return static_cast<int>(ASSAY_WAITING);
      case RunStatus::finished: return static_cast<int>(ASSAY_FINISHED);
      case RunStatus::stopped: break;
    }
    return static_cast<int>(ASSAY_STOPPED);
  });
}

int64_t assay_ask(assay_campaign* campaign, int64_t count, int64_t* ids, double* inputs) {
  if (const char* problem = c_interface::wrong_for_ask(campaign, count, ids, inputs)) return wrong_argument(problem);
  return guarded([&]() -> int64_t {
    const std::vector<Sample> samples = campaign->driver.ask(count);
    for (const Sample& sample : samples) {
      *ids++ = sample.id;
      inputs = flatten(sample.values, campaign->inputs, inputs);
    }
    return static_cast<int64_t>(samples.size());
  });
}

int assay_tell(assay_campaign* campaign, int64_t id, const double* targets, int64_t count) {
  if (const char* problem = c_interface::wrong_for_tell(campaign, targets, count)) return wrong_argument(problem);
  return guarded([&] {
    AnyDriver& driver = campaign->driver;
    const Values labels = assay::detail::told_labels(driver, {targets, static_cast<std::size_t>(count)});
    return static_cast<int>(driver.tell(id, done(labels)) ? ASSAY_OK : ASSAY_REFUSED);
  });
}

int assay_tell_failed(assay_campaign* campaign, int64_t id, const char* reason, int retry) {
  if (const char* problem = c_interface::wrong_for_tell_failed(campaign, reason)) return wrong_argument(problem);
  return guarded([&] {
    campaign->driver.tell(id, failed(reason, retry != 0));
    return static_cast<int>(ASSAY_OK);
  });
}

int assay_tell_infeasible(assay_campaign* campaign, int64_t id, const char* reason) {
  if (const char* problem = c_interface::wrong_for_tell_infeasible(campaign, reason)) return wrong_argument(problem);
  return guarded([&] {
    campaign->driver.tell(id, infeasible(reason));
    return static_cast<int>(ASSAY_OK);
  });
}

int assay_predict(const assay_campaign* campaign, int64_t count, const double* inputs, double* means,
                  double* deviations) {
  if (const char* problem = c_interface::wrong_for_predict(campaign, count, inputs, means))
    return wrong_argument(problem);
  if (count == 0) return ASSAY_OK;
  return guarded([&] {
    const at::NoGradGuard no_gradients;
    const AnyLearner& learner = campaign->driver.learner();
    const std::int64_t size = numbers_in(campaign->inputs);
    Values batch;
    std::int64_t first = 0;
    for (const Field& field : campaign->inputs) {
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
    return static_cast<int>(ASSAY_OK);
  });
}

}  // extern "C"
