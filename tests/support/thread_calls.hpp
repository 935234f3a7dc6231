// SPDX-License-Identifier: Apache-2.0
// A system that starts no more threads. The test executable defines pthread_create itself (thread_calls.cpp).
#pragma once

namespace threads {

/// From now on, in this process, none can be started; or again they can.
void refuse(bool all);

}  // namespace threads
