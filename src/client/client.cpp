// SPDX-License-Identifier: Apache-2.0
// The functions of assay.h over a server: each is a request, and its answer.
#include "connection.hpp"

#include "../c_interface/arguments.hpp"
#include "../c_interface/guarded.hpp"

// The library exports these functions and nothing else.
#pragma GCC visibility push(default)
#include <assay/assay.h>
#pragma GCC visibility pop

#include "../c_interface/open_campaigns.hpp"

#include <pthread.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

struct assay_campaign {
  mutable assay::client::Connection server;
  std::int64_t input_size = 0;
};

namespace {

using namespace assay;
using namespace assay::client;

thread_local std::string message;

int wrong_argument(const char* problem) { return c_interface::failed_with(message, ASSAY_ERROR_ARGUMENT, problem); }

template <class Use>
auto guarded(Use use) noexcept -> decltype(use()) {
  return c_interface::guarded(message, std::move(use));
}

c_interface::OpenCampaigns& open_campaigns() { return c_interface::OpenCampaigns::all(); }

/// A child of the host that kept the sockets would keep the servers, when the host is long gone.
void close_in_children() {
  [[maybe_unused]] static const int registered = ::pthread_atfork(
      [] { open_campaigns().lock(); }, [] { open_campaigns().unlock(); },
      [] {
        for (assay_campaign* const campaign : open_campaigns().locked()) campaign->server.leave_to_parent();
        open_campaigns().unlock();
      });
}

/// Asks for a function whose answer is its result.
std::int64_t result_of(const assay_campaign* campaign, Message& request, const char* function) {
  const Answer answer = campaign->server.ask(request, function);
  if (answer.result < 0) message = answer.message;
  if (answer.result >= 0 && !answer.rest.whole())
    campaign->server.lose_as_foreign(function, "a result alone", "a message of another form");
  return answer.result;
}

int code_of(const assay_campaign* campaign, Message request, const char* function) {
  return static_cast<int>(result_of(campaign, request, function));
}

int start(const char* directory, Message request, const char* function, assay_campaign** campaign) {
  close_in_children();
  std::unique_ptr<assay_campaign> opened(new assay_campaign{Connection(directory)});
  Answer answer = opened->server.ask(request, function);
  if (answer.result < 0) return c_interface::failed_with(message, static_cast<int>(answer.result), answer.message);
  opened->input_size = answer.rest.number();
  if (!answer.rest.whole() || opened->input_size < 0)
    opened->server.lose_as_foreign(function, "how many numbers a point has", "a message of another form");
  open_campaigns().add(opened.get());
  *campaign = opened.release();
  return ASSAY_OK;
}

/// So many numbers in `count` points that they fit into one request.
bool fits(std::int64_t count, std::int64_t size) {
  return size == 0 || count <= static_cast<std::int64_t>(longest_frame / sizeof(double)) / size;
}

}  // namespace

extern "C" {

const char* assay_message(void) { return message.c_str(); }

int assay_new(const char* directory, const char* config_file, assay_campaign** campaign) {
  if (const char* problem = c_interface::wrong_for_new(directory, config_file, campaign))
    return wrong_argument(problem);
  *campaign = nullptr;
  return guarded([&] {
    return start(directory, Message(Kind::start).add(std::string_view(directory)).add(std::string_view(config_file)),
                 "assay_new", campaign);
  });
}

int assay_open(const char* directory, assay_campaign** campaign) {
  if (const char* problem = c_interface::wrong_for_open(directory, campaign)) return wrong_argument(problem);
  *campaign = nullptr;
  return guarded(
      [&] { return start(directory, Message(Kind::open).add(std::string_view(directory)), "assay_open", campaign); });
}

void assay_close(assay_campaign* campaign) {
  if (!campaign || !open_campaigns().remove(campaign)) return;
  // The answer comes when the campaign is free for others. Without one the server has ended, and it is free as well.
  // Nothing is said of that: at the end of the program this is called when the thread's message is gone.
  try {
    Message request(Kind::close);
    campaign->server.ask(request, "assay_close");
  } catch (...) {
  }
  delete campaign;
}

int64_t assay_input_size(const assay_campaign* campaign) { return campaign ? campaign->input_size : 0; }

int64_t assay_target_size(const assay_campaign* campaign) {
  if (!campaign) return 0;
  return guarded([&] {
    Message request(Kind::target_size);
    return result_of(campaign, request, "assay_target_size");
  });
}

int assay_advance(assay_campaign* campaign) {
  if (const char* problem = c_interface::wrong_for_advance(campaign)) return wrong_argument(problem);
  return guarded([&] { return code_of(campaign, Message(Kind::advance), "assay_advance"); });
}

int64_t assay_ask(assay_campaign* campaign, int64_t count, int64_t* ids, double* inputs) {
  if (const char* problem = c_interface::wrong_for_ask(campaign, count, ids, inputs)) return wrong_argument(problem);
  return guarded([&]() -> int64_t {
    Answer answer = campaign->server.ask(Message(Kind::ask).add(count), "assay_ask");
    if (answer.result < 0) {
      message = answer.message;
      return answer.result;
    }
    const auto came = static_cast<std::uint64_t>(answer.result);
    const std::uint64_t numbers = came * static_cast<std::uint64_t>(campaign->input_size);
    if (answer.result > count || !fits(answer.result, campaign->input_size + 1) ||
        answer.rest.left() != sizeof(double) * (came + numbers))
      campaign->server.lose_as_foreign("assay_ask", "ids and points", "a message of another form");
    answer.rest.numbers(ids, came);
    answer.rest.numbers(inputs, numbers);
    return answer.result;
  });
}

int assay_tell(assay_campaign* campaign, int64_t id, const double* targets, int64_t count) {
  if (const char* problem = c_interface::wrong_for_tell(campaign, targets, count)) return wrong_argument(problem);
  return guarded([&] {
    if (!fits(count, 1)) {
      throw Error({"assay.client.size", "assay_tell", "numbers that fit into one message", std::to_string(count), ""});
    }
    return code_of(campaign, Message(Kind::tell).add(id).add(std::span(targets, static_cast<std::size_t>(count))),
                   "assay_tell");
  });
}

int assay_tell_failed(assay_campaign* campaign, int64_t id, const char* reason, int retry) {
  if (const char* problem = c_interface::wrong_for_tell_failed(campaign, reason)) return wrong_argument(problem);
  return guarded([&] {
    return code_of(campaign,
                   Message(Kind::tell_failed).add(id).add(std::int64_t{retry != 0}).add(std::string_view(reason)),
                   "assay_tell_failed");
  });
}

int assay_tell_infeasible(assay_campaign* campaign, int64_t id, const char* reason) {
  if (const char* problem = c_interface::wrong_for_tell_infeasible(campaign, reason)) return wrong_argument(problem);
  return guarded([&] {
    return code_of(campaign, Message(Kind::tell_infeasible).add(id).add(std::string_view(reason)),
                   "assay_tell_infeasible");
  });
}

int assay_predict(const assay_campaign* campaign, int64_t count, const double* inputs, double* means,
                  double* deviations) {
  if (const char* problem = c_interface::wrong_for_predict(campaign, count, inputs, means))
    return wrong_argument(problem);
  if (count == 0) return ASSAY_OK;
  return guarded([&] {
    if (!fits(count, campaign->input_size)) {
      throw Error({"assay.client.size", "assay_predict", "points that fit into one message", std::to_string(count),
                   "divide them into several calls"});
    }
    const auto numbers = static_cast<std::size_t>(count * campaign->input_size);
    Answer answer = campaign->server.ask(
        Message(Kind::predict).add(count).add(std::int64_t{deviations != nullptr}).add(std::span(inputs, numbers)),
        "assay_predict");
    if (answer.result < 0) return c_interface::failed_with(message, static_cast<int>(answer.result), answer.message);
    const std::uint64_t columns = static_cast<std::uint64_t>(count) * (deviations ? 2 : 1);
    if (answer.rest.left() % (columns * sizeof(double)) != 0)
      campaign->server.lose_as_foreign("assay_predict", "a prediction of every point", "a message of another form");
    const std::uint64_t each = answer.rest.left() / sizeof(double) / (deviations ? 2 : 1);
    answer.rest.numbers(means, each);
    if (deviations) answer.rest.numbers(deviations, each);
    return static_cast<int>(ASSAY_OK);
  });
}

}  // extern "C"
