// SPDX-License-Identifier: Apache-2.0
#include "connection.hpp"

#include "../c_interface/guarded.hpp"

#include <assay/error.hpp>

#include <cstring>
#include <new>

namespace assay::client {

namespace {

constexpr const char* how_to_go_on =
    "close the campaign, open it again, and ask before you tell: every outcome whose call has returned is in its "
    "ledger, and what was asked for and not told is offered again";

/// While a call is under way.
class Busy {
 public:
  explicit Busy(std::atomic<bool>& busy) : busy_(busy) { busy_ = true; }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;
  ~Busy() { busy_ = false; }

 private:
  std::atomic<bool>& busy_;
};

}  // namespace

void Connection::lose_as_ended(const char* function) {
  const std::string process = std::to_string(server_.process());
  lost_ = describe(
      {"assay.client.ended", campaign_, std::string("an answer of its server (process ") + process + ") to " + function,
       "its end " + server_.end(),
       opened_ ? how_to_go_on
               : "run '" + server_.program() + " --version': what keeps it from running is on standard error"});
  throw Error({"assay.client.ended", campaign_, "", "", ""}, lost_);
}

void Connection::lose_as_foreign(const char* function, const std::string& expected, const std::string& got) {
  server_.kill();
  lost_ = describe({"assay.client.protocol", server_.program(), expected + " as the answer to " + function, got,
                    "install the library and the program from one release of assay, or set ASSAY_SERVER to the program "
                    "that belongs to the library"});
  throw Error({"assay.client.protocol", server_.program(), "", "", ""}, lost_);
}

bool Connection::abandon_if_busy() {
  if (!busy_) return false;
  server_.abandon();
  return true;
}

Answer Connection::ask(Message& request, const char* function) {
  if (!lost_.empty()) throw Error({"assay.client.lost", campaign_, "", "", ""}, lost_);
  const Busy busy(busy_);
  try {
    return exchange(request, function);
  } catch (const std::bad_alloc&) {  // a part of the answer is still on its way, and would be the answer to the next
    server_.kill();
    lost_ = describe({"assay.client.memory", campaign_, std::string("memory for the answer to ") + function,
                      "none left", how_to_go_on});
    throw Error({"assay.client.memory", campaign_, "", "", ""}, lost_);
  }
}

Answer Connection::exchange(Message& request, const char* function) {
  if (request.length() > longest_frame) {
    throw Error({"assay.client.size", function, "at most " + std::to_string(longest_frame) + " bytes in one call",
                 std::to_string(request.length()), "divide it into several calls"});
  }
  if (request.send(server_.socket()) != 0) lose_as_ended(function);
  Reception reception = receive(server_.socket());
  switch (reception.outcome) {
    case Reception::Outcome::frame: break;
    case Reception::Outcome::end:
    case Reception::Outcome::failed: lose_as_ended(function);
    case Reception::Outcome::foreign:
    case Reception::Outcome::other_version:
    case Reception::Outcome::too_long: lose_as_foreign(function, reception.expected, reception.got);
  }
  Answer answer;
  answer.rest = std::move(reception.frame);
  answer.result = answer.rest.number();
  const std::string message = answer.result < 0 ? answer.rest.text() : std::string();
  if (answer.rest.kind() != Kind::answer || (answer.result < 0 && !answer.rest.whole()))
    lose_as_foreign(function, "a result", "a message of another form");
  opened_ = true;
  if (answer.result < 0) throw c_interface::Refused(static_cast<int>(answer.result), message);
  return answer;
}

void Connection::leave_to_parent() {
  server_.leave_to_parent();
  lost_ = describe(
      {"assay.client.fork", campaign_, "the process that opened the campaign", "a child of it", "ask and tell there"});
}

}  // namespace assay::client
