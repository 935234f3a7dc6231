// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>

namespace assay::client {

/// The `assay` program in which a campaign runs, as a child of this process, and the socket to it.
///
/// It ends by itself when the socket closes. It has none of the host's descriptors but its standard error, and a
/// process group of its own, so that a Ctrl-C at the terminal is the host's affair.
class ServerProcess {
 public:
  /// Errors: `Error` `assay.client.program` if no program is found, or it cannot be started.
  ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;
  /// Closes the socket and waits for the program's end.
  ~ServerProcess();

  int socket() const { return socket_; }
  pid_t process() const { return process_; }
  const std::string& program() const { return program_; }

  /// Closes the socket and waits for the end, which is put into words: "by signal 9 (Killed)".
  std::string end();
  /// The same of a program that says what no assay would say: it may not notice a closed socket, and is killed.
  void kill();
  /// Hangs up under a call that waits for an answer, and does not wait for the end.
  void abandon() const;
  /// For a child of the host: the socket is closed there, and the program stays the host's.
  void leave_to_parent();

 private:
  std::string program_;
  pid_t process_ = -1;
  int socket_ = -1;
};

}  // namespace assay::client
