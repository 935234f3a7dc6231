// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/json.hpp>

#include <optional>
#include <string>

namespace assay::detail {

/// A process, so that others can tell whether it is still there.
struct Holder {
  std::string host;
  long process = 0;
  std::string started;  ///< in ticks after boot
  std::string boot;     ///< of the kernel it runs on
  std::string space;    ///< its namespace of process ids: in another one the same number is another process

  friend bool operator==(const Holder&, const Holder&) = default;
};

std::string host_name();
Holder this_holder();
/// True only if that is certain: it ran on this kernel, in this namespace of process ids, and is not there any more.
/// Names of hosts say nothing: containers share them.
bool known_dead(const Holder& holder);

Json to_json(const Holder& holder);
/// Nothing if it is not what `to_json` makes.
std::optional<Holder> holder_from(const Json& json);
/// "process 12 on host a".
std::string in_words(const Holder& holder);

}  // namespace assay::detail
