// SPDX-License-Identifier: Apache-2.0
// The other side of src/client: a campaign for a host that has no LibTorch, by the functions of assay.h themselves, so
// that their meaning and their messages are the same.
#include "command.hpp"

#include "../../src/client/frames.hpp"

#include <assay/assay.h>
#include <assay/error.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace assay::app {

namespace {

using client::Kind;
using client::Message;
using client::Received;
using client::Reception;

/// Ends this process if the host goes while a request is worked on, which may be hours of training that nobody waits
/// for. A campaign survives that, as it survives the end of a host that it runs in. Between requests the end of the
/// socket is noticed where the next one is waited for.
class Watch {
 public:
  explicit Watch(int socket) {
    std::thread([state = state_, socket] {
      pollfd host{.fd = socket, .events = 0, .revents = 0};
      while (::poll(&host, 1, -1) < 0 && errno == EINTR) {
      }
      const std::lock_guard lock(state->mutex);
      state->host_is_gone = true;
      if (state->works) std::_Exit(1);
    }).detach();
  }
  /// \return whether there is a host to work for.
  bool begin() {
    const std::lock_guard lock(state_->mutex);
    state_->works = !state_->host_is_gone;
    return state_->works;
  }
  void end() {
    const std::lock_guard lock(state_->mutex);
    state_->works = false;
  }

 private:
  struct State {
    std::mutex mutex;
    bool works = false, host_is_gone = false;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

Message answer_of(std::int64_t result) {
  Message answer(Kind::answer);
  answer.add(result);
  if (result < 0) answer.add(std::string_view(::assay_message()));
  return answer;
}

Message refusal(const char* id, std::string expected, std::string got) {
  Message answer(Kind::answer);
  answer.add(std::int64_t{ASSAY_ERROR});
  answer.add(std::string_view(describe({id, "assay serve", std::move(expected), std::move(got),
                                        "install the library and the program from one release of assay"})));
  return answer;
}

Message malformed() {
  return refusal("assay.serve.request", "a request as libassay_client sends it", "a message of another form");
}

/// The campaign of a host.
class Service {
 public:
  Service() = default;
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  ~Service() { ::assay_close(campaign_); }

  Message answer(Received& request) {
    switch (request.kind()) {
      case Kind::start:
      case Kind::open: return open(request);
      case Kind::target_size: return request.whole() ? answer_of(::assay_target_size(campaign_)) : malformed();
      case Kind::advance: return request.whole() ? answer_of(::assay_advance(campaign_)) : malformed();
      case Kind::ask: return ask(request);
      case Kind::tell: return tell(request);
      case Kind::tell_failed:
      case Kind::tell_infeasible: return tell_without_targets(request);
      case Kind::predict: return predict(request);
      case Kind::close: ::assay_close(std::exchange(campaign_, nullptr)); return answer_of(ASSAY_OK);
      case Kind::answer: break;
    }
    return malformed();
  }

 private:
  Message open(Received& request) {
    const bool starts = request.kind() == Kind::start;
    const std::string directory = request.text();
    const std::string file = starts ? request.text() : std::string();
    if (!request.whole() || campaign_) return malformed();
    const int code = starts ? ::assay_new(directory.c_str(), file.c_str(), &campaign_)
                            : ::assay_open(directory.c_str(), &campaign_);
    Message answer = answer_of(code);
    if (code >= 0) answer.add(::assay_input_size(campaign_));
    return answer;
  }

  /// In pieces: a host may ask for more samples than there is memory for, when few are to be had.
  Message ask(Received& request) {
    constexpr std::int64_t numbers_at_once = 1 << 17;
    const std::int64_t count = request.number(), size = ::assay_input_size(campaign_);
    if (!request.whole()) return malformed();
    const auto most = static_cast<std::int64_t>(client::longest_frame / 16) / (size + 1);
    const std::int64_t piece = std::max<std::int64_t>(1, numbers_at_once / (size + 1));
    std::vector<std::int64_t> ids;
    std::vector<double> points;
    std::int64_t wanted = 0, came = 0, all = 0;
    do {
      wanted = std::min({piece, count - all, most - all});
      ids.resize(static_cast<std::size_t>(all + wanted) + 1);
      points.resize(static_cast<std::size_t>((all + wanted) * size) + 1);
      came = ::assay_ask(campaign_, wanted, ids.data() + all, points.data() + all * size);
      if (came < 0) return answer_of(came);
      all += came;
    } while (came == wanted && wanted > 0);
    Message answer = answer_of(all);
    answer.add(std::span<const std::int64_t>(ids.data(), static_cast<std::size_t>(all)));
    answer.add(std::span<const double>(points.data(), static_cast<std::size_t>(all * size)));
    return answer;
  }

  Message tell(Received& request) {
    const std::int64_t id = request.number();
    const std::uint64_t count = request.left() / sizeof(double);
    std::vector<double> targets(count + 1);  // room for one more: no targets are told by a pointer, too
    request.numbers(targets.data(), count);
    if (!request.whole()) return malformed();
    return answer_of(::assay_tell(campaign_, id, targets.data(), static_cast<std::int64_t>(count)));
  }

  Message tell_without_targets(Received& request) {
    const bool failed = request.kind() == Kind::tell_failed;
    const std::int64_t id = request.number();
    const int retry = failed && request.number() != 0 ? 1 : 0;
    const std::string reason = request.text();
    if (!request.whole()) return malformed();
    return answer_of(failed ? ::assay_tell_failed(campaign_, id, reason.c_str(), retry)
                            : ::assay_tell_infeasible(campaign_, id, reason.c_str()));
  }

  Message predict(Received& request) {
    const std::int64_t count = request.number();
    const bool with_deviations = request.number() != 0;
    const std::int64_t size = ::assay_input_size(campaign_);
    const std::uint64_t numbers = request.left() / sizeof(double);
    if (count < 1 || size < 0 ||
        (size > 0 && numbers / static_cast<std::uint64_t>(size) != static_cast<std::uint64_t>(count)))
      return malformed();
    std::vector<double> points(numbers + 1);
    request.numbers(points.data(), numbers);
    if (!request.whole()) return malformed();
    const std::int64_t width = ::assay_target_size(campaign_);
    if (width < 0) return answer_of(width);
    if (count > static_cast<std::int64_t>(client::longest_frame / 32) / std::max<std::int64_t>(width, 1))
      return refusal("assay.serve.size", "predictions that fit into one message", std::to_string(count) + " points");
    // Without a width there are no labels, and a learner that has learned nothing refuses.
    std::vector<double> means(static_cast<std::size_t>(count * width) + 1),
        deviations(with_deviations ? means.size() : 0);
    const int code = ::assay_predict(campaign_, count, points.data(), means.data(),
                                     with_deviations ? deviations.data() : nullptr);
    Message answer = answer_of(code);
    if (code < 0) return answer;
    answer.add(std::span<const double>(means.data(), means.size() - 1));
    if (with_deviations) answer.add(std::span<const double>(deviations.data(), deviations.size() - 1));
    return answer;
  }

  assay_campaign* campaign_ = nullptr;
};

void require_socket(int descriptor) {
  int kind = 0;
  socklen_t size = sizeof kind;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &kind, &size) == 0) return;
  throw DataError({"assay.serve.socket", "--fd " + std::to_string(descriptor), "the socket of a host",
                   std::strerror(errno), "a host that links assay::client starts this by itself"});
}

/// Answers requests until the host closes the campaign, or ends.
int serve(int socket) {
  require_socket(socket);
  ::fcntl(socket, F_SETFD, FD_CLOEXEC);  // simulation programs would keep it
  std::signal(SIGTTOU, SIG_IGN);         // in the background of a terminal it may still say something
  Watch watch(socket);
  Service service;
  while (true) {
    Reception reception = client::receive(socket);
    switch (reception.outcome) {
      case Reception::Outcome::frame: break;
      case Reception::Outcome::end: return 0;
      case Reception::Outcome::failed:
        throw DataError({"assay.serve.socket", "the host", "a request", std::strerror(reception.error), ""});
      case Reception::Outcome::foreign:
      case Reception::Outcome::too_long:
        refusal("assay.serve.request", reception.expected, reception.got).send(socket);
        return 1;
      case Reception::Outcome::other_version:
        refusal("assay.serve.version", reception.expected, reception.got).send(socket);
        return 1;
    }
    if (!watch.begin()) return 0;
    const bool closes = reception.frame.kind() == Kind::close;
    const int error = service.answer(reception.frame).send(socket);
    watch.end();
    if (closes || error != 0) return 0;
  }
}

}  // namespace

Command add_serve(CLI::App& app) {
  const auto descriptor = std::make_shared<int>(-1);
  CLI::App* command = app.add_subcommand("serve",
                                         "run a campaign for a host that links assay::client, which starts this");
  command->add_option("--fd", *descriptor, "descriptor of the socket that the host is at")->required();
  return {command, [descriptor] { return serve(*descriptor); }};
}

}  // namespace assay::app
