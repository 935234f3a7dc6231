// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sqlite.hpp"

#include <assay/ledger.hpp>

#include <mutex>

namespace assay {

struct Ledger::Impl {
  Impl(const std::filesystem::path& file, bool writable) : database(file, writable) {}

  /// Runs `change` in a transaction and counts it.
  template <class Change>
  void change(Change change) {
    const std::lock_guard lock(mutex);
    detail::Transaction transaction(database);
    change();
    database.run("UPDATE campaign SET sequence = sequence + 1");
    transaction.commit();
  }
  void require_ledger();
  [[noreturn]] void throw_unknown(SampleId id) const;

  mutable std::mutex mutex;
  mutable detail::Database database;
  std::string campaign_id;
};

}  // namespace assay
