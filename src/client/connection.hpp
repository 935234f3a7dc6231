// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "frames.hpp"
#include "server_process.hpp"

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>

namespace assay::client {

/// What a server said to a request: the result of the function of assay.h, which is no error, and what follows it.
struct Answer {
  std::int64_t result = 0;
  Received rest;
};

/// A campaign in a server. Once the server is lost every request says so, until the campaign is opened again.
class Connection {
 public:
  explicit Connection(std::string campaign) : campaign_(std::move(campaign)) {}

  /// \param function of assay.h that asks. Errors: `Error` if no answer comes; `c_interface::Refused` if it is an
  /// error.
  Answer ask(Message& request, const char* function);
  /// For answers that are not as they have to be. Errors: `Error`, always.
  [[noreturn]] void lose_as_foreign(const char* function, const std::string& expected, const std::string& got);
  /// For a child of the host, to which the campaign does not belong.
  void leave_to_parent();
  /// At the end of the host: hangs up if a call is under way, of another thread or of one that a signal interrupted.
  /// \return whether one was.
  bool abandon_if_busy();

 private:
  Answer exchange(Message& request, const char* function);
  [[noreturn]] void lose_as_ended(const char* function);

  std::string campaign_;
  ServerProcess server_;
  std::atomic<bool> busy_ = false;
  bool opened_ = false;
  std::string lost_;  ///< why there is no server any more
};

}  // namespace assay::client
