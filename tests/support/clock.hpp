// SPDX-License-Identifier: Apache-2.0
// A host whose clock is wrong: that of the file system goes on as it did.
#pragma once

namespace support {

/// While it lives, this process takes the time of day for so much later than it is.
class ClockAhead {
 public:
  explicit ClockAhead(long seconds);
  ClockAhead(const ClockAhead&) = delete;
  ClockAhead& operator=(const ClockAhead&) = delete;
  ~ClockAhead();
};

}  // namespace support
