// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace assay {

/// What kind of file system a campaign directory lies on: decides how its ledger is kept and its one writer guarded.
enum class Storage {
  automatic,  ///< asks the operating system
  local,      ///< a disk of this host: write-ahead log, operating-system lock
  shared,     ///< reached from several hosts (NFS, Lustre, GPFS, …): rollback journal, lease file, `status.json`
};

}  // namespace assay
