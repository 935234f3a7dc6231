// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace assay::client {

/// The `assay` program: the one that ASSAY_SERVER names; else the one of the tree in which this library or the host
/// lies; where it was built or installed; on PATH. Errors: `Error` `assay.client.program`.
std::string find_server();

}  // namespace assay::client
