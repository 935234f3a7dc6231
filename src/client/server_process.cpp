// SPDX-License-Identifier: Apache-2.0
#include "server_process.hpp"

#include "../detail/spawn.hpp"
#include "find_server.hpp"

#include <assay/error.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

extern char** environ;

namespace assay::client {

namespace {

/// What the server is told as its descriptor: the first behind the standard streams.
constexpr int server_descriptor = 3;

[[noreturn]] void could_not_start(const std::string& program, const char* expected, int error) {
  throw Error({"assay.client.program", program, expected, std::strerror(error), ""});
}

/// A descriptor above those that the server's own get, also where the host has closed its standard streams.
int moved_up(int descriptor) {
  const int moved = ::fcntl(descriptor, F_DUPFD_CLOEXEC, server_descriptor + 1);
  const int error = errno;
  ::close(descriptor);
  errno = error;
  return moved;
}

/// \return 0, or the error.
int spawn_server(const std::string& program, int socket, pid_t& process) {
  detail::SpawnActions actions;
  const detail::SpawnAttributes attributes;
  posix_spawn_file_actions_addopen(actions.get(), STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  if (::fcntl(STDERR_FILENO, F_GETFD) < 0)
    posix_spawn_file_actions_addopen(actions.get(), STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(actions.get(), STDERR_FILENO, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(actions.get(), socket, server_descriptor);
#ifdef __GLIBC__
#if __GLIBC_PREREQ(2, 34)
  // What the host has open may be waited for by others, who would wait for the server too.
  posix_spawn_file_actions_addclosefrom_np(actions.get(), server_descriptor + 1);
#endif
#endif
  const std::vector<std::string> arguments{program, "serve", "--fd", std::to_string(server_descriptor)};
  return ::posix_spawn(&process, program.c_str(), actions.get(), attributes.get(), detail::pointers(arguments).data(),
                       environ);
}

std::string end_in_words(int status) {
  if (WIFSIGNALED(status))
    return "by signal " + std::to_string(WTERMSIG(status)) + " (" + ::strsignal(WTERMSIG(status)) + ")";
  return "with exit code " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

ServerProcess::ServerProcess() : program_(find_server()) {
  int both[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both) != 0)
    could_not_start(program_, "a pair of sockets", errno);
  socket_ = moved_up(both[0]);
  const int moving = errno;
  const int servers = moved_up(both[1]);
  const int error = socket_ < 0 ? moving : servers < 0 ? errno : spawn_server(program_, servers, process_);
  if (servers >= 0) ::close(servers);
  if (error == 0) return;
  if (socket_ >= 0) ::close(socket_);
  could_not_start(program_, "a program that can be started", error);
}

ServerProcess::~ServerProcess() { end(); }

std::string ServerProcess::end() {
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  if (process_ < 0) return "some time ago";
  const pid_t process = std::exchange(process_, -1);
  int status = 0;
  pid_t ended = -1;
  do ended = ::waitpid(process, &status, 0);
  while (ended < 0 && errno == EINTR);
  // A host that waits for all children, or ignores SIGCHLD, has taken the status.
  return ended == process ? end_in_words(status) : "in a way that the host was told of";
}

void ServerProcess::kill() {
  if (process_ > 0) ::kill(process_, SIGKILL);
  end();
}

void ServerProcess::abandon() const { ::shutdown(socket_, SHUT_RDWR); }

void ServerProcess::leave_to_parent() {
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  process_ = -1;
}

}  // namespace assay::client
