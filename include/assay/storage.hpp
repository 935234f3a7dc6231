// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace assay {

/// What kind of file system a campaign directory lies on: decides how its ledger is kept and its one writer guarded.
enum class Storage {
  automatic,  ///< asks the operating system
  local,      ///< a disk of this host: write-ahead log, operating-system lock
  shared,     ///< reached from several hosts (NFS, Lustre, GPFS, …): rollback journal, lease file, `status.json`
};

/// How a ledger's database is kept safe.
enum class Journal {
  write_ahead,  ///< fast, readers beside the writer; all of them on one host with a local disk
  rollback,     ///< for network and cluster file systems, where shared memory is not shared
};

/// When a change is on the disk.
enum class Durable {
  now,        ///< when the call returns
  with_next,  ///< no later than the next change, or `Ledger::sync`; a killed process loses nothing, a power cut may
};

}  // namespace assay
