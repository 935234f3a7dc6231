// SPDX-License-Identifier: Apache-2.0
// Flees from whoever wants to end it: without the environment it was given, in a new session and a new process each
// time, as fast as it can. The first is gone at once; with an argument it stays.
#include <unistd.h>

#include <cstdlib>

int main(int count, char**) {
  ::clearenv();
  const pid_t first = ::fork();
  if (first < 0) return 1;
  if (first > 0) {
    while (count > 1) ::pause();
    return 0;
  }
  while (true) {
    ::setsid();
    if (::fork() != 0) ::_exit(0);
  }
}
