// SPDX-License-Identifier: Apache-2.0
// Campaigns of assay.h in a server: each function is a request, and its answer.
#include "../c_interface/campaign.hpp"
#include "../c_interface/open_campaigns.hpp"
#include "connection.hpp"

#include <assay/error.hpp>

#include <pthread.h>

#include <memory>
#include <string>
#include <string_view>

namespace assay::c_interface {

namespace {

using client::Connection;
using client::Kind;
using client::Message;
using client::Received;

constexpr const char* other_form = "a message of another form";

/// So many numbers in `count` points that they fit into one request.
bool fits(std::int64_t count, std::int64_t size) {
  return size == 0 || count <= static_cast<std::int64_t>(client::longest_frame / sizeof(double)) / size;
}

class CampaignInServer : public assay_campaign {
 public:
  CampaignInServer(const char* directory, Message request, const char* function) : server_(directory) {
    Received answer = server_.ask(request, function).rest;
    input_size_ = answer.number();
    if (!answer.whole() || input_size_ < 0)
      server_.lose_as_foreign(function, "how many numbers a point has", other_form);
  }
  /// The answer comes when the campaign is free for others. Without one the server has ended, and it is free as well.
  /// Nothing is said of that: at the end of the program this is called when the thread's message is gone.
  ~CampaignInServer() override {
    try {
      Message request(Kind::close);
      server_.ask(request, "assay_close");
    } catch (...) {
    }
  }

  std::int64_t input_size() const override { return input_size_; }
  std::int64_t target_size() const override { return result_of(Message(Kind::target_size), "assay_target_size"); }
  int advance() override { return code_of(Message(Kind::advance), "assay_advance"); }

  std::int64_t ask(std::int64_t count, std::int64_t* ids, double* inputs) override {
    client::Answer answer = server_.ask(Message(Kind::ask).add(count), "assay_ask");
    const auto came = static_cast<std::uint64_t>(answer.result);
    const std::uint64_t numbers = came * static_cast<std::uint64_t>(input_size_);
    if (answer.result > count || !fits(answer.result, input_size_ + 1) ||
        answer.rest.left() != sizeof(double) * (came + numbers))
      server_.lose_as_foreign("assay_ask", "ids and points", other_form);
    answer.rest.numbers(ids, came);
    answer.rest.numbers(inputs, numbers);
    return answer.result;
  }

  int tell(std::int64_t id, std::span<const double> targets) override {
    const auto count = static_cast<std::int64_t>(targets.size());
    if (!fits(count, 1)) {
      throw Error({"assay.client.size", "assay_tell", "numbers that fit into one message", std::to_string(count), ""});
    }
    return code_of(Message(Kind::tell).add(id).add(targets), "assay_tell");
  }

  int tell_failed(std::int64_t id, const char* reason, bool retry) override {
    return code_of(Message(Kind::tell_failed).add(id).add(std::int64_t{retry}).add(std::string_view(reason)),
                   "assay_tell_failed");
  }

  int tell_infeasible(std::int64_t id, const char* reason) override {
    return code_of(Message(Kind::tell_infeasible).add(id).add(std::string_view(reason)), "assay_tell_infeasible");
  }

  int predict(std::int64_t count, const double* inputs, double* means, double* deviations) const override {
    if (!fits(count, input_size_)) {
      throw Error({"assay.client.size", "assay_predict", "points that fit into one message", std::to_string(count),
                   "divide them into several calls"});
    }
    const auto numbers = static_cast<std::size_t>(count * input_size_);
    Received answer = server_
                          .ask(Message(Kind::predict)
                                   .add(count)
                                   .add(std::int64_t{deviations != nullptr})
                                   .add(std::span(inputs, numbers)),
                               "assay_predict")
                          .rest;
    const std::uint64_t batches = deviations ? 2 : 1;
    if (answer.left() % (static_cast<std::uint64_t>(count) * batches * sizeof(double)) != 0)
      server_.lose_as_foreign("assay_predict", "a prediction of every point", other_form);
    const std::uint64_t each = answer.left() / sizeof(double) / batches;
    answer.numbers(means, each);
    if (deviations) answer.numbers(deviations, each);
    return ASSAY_OK;
  }

  bool abandon_if_busy() override { return server_.abandon_if_busy(); }
  void leave_to_parent() { server_.leave_to_parent(); }

 private:
  /// Of a function whose answer is its result.
  std::int64_t result_of(Message request, const char* function) const {
    const client::Answer answer = server_.ask(request, function);
    if (!answer.rest.whole()) server_.lose_as_foreign(function, "a result alone", other_form);
    return answer.result;
  }
  int code_of(Message request, const char* function) const {
    return static_cast<int>(result_of(std::move(request), function));
  }

  mutable Connection server_;
  std::int64_t input_size_ = 0;
};

OpenCampaigns& open_campaigns() { return OpenCampaigns::all(); }

/// A child of the host that kept the sockets would keep the servers, when the host is long gone.
void close_in_children() {
  [[maybe_unused]] static const int registered = ::pthread_atfork(
      [] { open_campaigns().lock(); }, [] { open_campaigns().unlock(); },
      [] {
        for (assay_campaign* const campaign : open_campaigns().locked())
          static_cast<CampaignInServer*>(campaign)->leave_to_parent();
        open_campaigns().unlock();
      });
}

}  // namespace

std::unique_ptr<assay_campaign> start(const char* directory, const char* config_file) {
  close_in_children();
  return std::make_unique<CampaignInServer>(
      directory, Message(Kind::start).add(std::string_view(directory)).add(std::string_view(config_file)), "assay_new");
}

std::unique_ptr<assay_campaign> open(const char* directory) {
  close_in_children();
  return std::make_unique<CampaignInServer>(directory, Message(Kind::open).add(std::string_view(directory)),
                                            "assay_open");
}

}  // namespace assay::c_interface
