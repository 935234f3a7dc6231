// SPDX-License-Identifier: Apache-2.0
// The functions of assay.h, of a library with the campaign in process and of one that has it in a server.

// The latter exports these functions and nothing else.
#pragma GCC visibility push(default)
#include <assay/assay.h>
#pragma GCC visibility pop

#include "campaign.hpp"
#include "guarded.hpp"
#include "open_campaigns.hpp"

#include <memory>
#include <string>
#include <utility>

namespace {

thread_local std::string last_message;

/// Calls `use`, unless something is wrong with the arguments.
template <class Use>
auto checked(const char* wrong, Use use) noexcept -> decltype(use()) {
  if (wrong) return assay::c_interface::failed_with(last_message, ASSAY_ERROR_ARGUMENT, wrong);
  return assay::c_interface::guarded(last_message, std::move(use));
}

int hand_over(std::unique_ptr<assay_campaign> opened, assay_campaign** campaign) {
  assay::c_interface::OpenCampaigns::all().add(opened.get());
  *campaign = opened.release();
  return ASSAY_OK;
}

}  // namespace

extern "C" {

const char* assay_message(void) { return last_message.c_str(); }

int assay_new(const char* directory, const char* config_file, assay_campaign** campaign) {
  return checked(directory && config_file && campaign ? nullptr : "assay_new: a null pointer", [&] {
    *campaign = nullptr;
    return hand_over(assay::c_interface::start(directory, config_file), campaign);
  });
}

int assay_open(const char* directory, assay_campaign** campaign) {
  return checked(directory && campaign ? nullptr : "assay_open: a null pointer", [&] {
    *campaign = nullptr;
    return hand_over(assay::c_interface::open(directory), campaign);
  });
}

void assay_close(assay_campaign* campaign) {
  if (campaign && assay::c_interface::OpenCampaigns::all().remove(campaign)) delete campaign;
}

int64_t assay_input_size(const assay_campaign* campaign) { return campaign ? campaign->input_size() : 0; }

int64_t assay_target_size(const assay_campaign* campaign) {
  return checked(nullptr, [&] { return campaign ? campaign->target_size() : 0; });
}

int assay_advance(assay_campaign* campaign) {
  return checked(campaign ? nullptr : "assay_advance: a null pointer", [&] { return campaign->advance(); });
}

int64_t assay_ask(assay_campaign* campaign, int64_t count, int64_t* ids, double* inputs) {
  const bool right = campaign && ids && inputs && count >= 0;
  return checked(right ? nullptr : "assay_ask: a null pointer, or a negative count",
                 [&] { return campaign->ask(count, ids, inputs); });
}

int assay_tell(assay_campaign* campaign, int64_t id, const double* targets, int64_t count) {
  const bool right = campaign && targets && count >= 0;
  return checked(right ? nullptr : "assay_tell: a null pointer, or a negative count",
                 [&] { return campaign->tell(id, {targets, static_cast<std::size_t>(count)}); });
}

int assay_tell_failed(assay_campaign* campaign, int64_t id, const char* reason, int retry) {
  return checked(campaign && reason ? nullptr : "assay_tell_failed: a null pointer",
                 [&] { return campaign->tell_failed(id, reason, retry != 0); });
}

int assay_tell_infeasible(assay_campaign* campaign, int64_t id, const char* reason) {
  return checked(campaign && reason ? nullptr : "assay_tell_infeasible: a null pointer",
                 [&] { return campaign->tell_infeasible(id, reason); });
}

int assay_predict(const assay_campaign* campaign, int64_t count, const double* inputs, double* means,
                  double* deviations) {
  const bool right = campaign && inputs && means && count >= 0;
  return checked(right ? nullptr : "assay_predict: a null pointer, or a negative count",
                 [&] { return count == 0 ? ASSAY_OK : campaign->predict(count, inputs, means, deviations); });
}

}  // extern "C"
