// SPDX-License-Identifier: Apache-2.0
#include "thread_calls.hpp"
#include "next_function.hpp"

#include <pthread.h>

#include <atomic>
#include <cerrno>

namespace {

constinit NextFunction<int(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*)> next_create("pthread_create");
constinit std::atomic<bool> refused{false};

}  // namespace

namespace threads {

void refuse(bool all) { refused = all; }

}  // namespace threads

extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*work)(void*),
                              void* argument) {
  return refused ? EAGAIN : next_create(thread, attributes, work, argument);
}
