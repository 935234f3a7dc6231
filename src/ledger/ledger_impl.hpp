// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "../store/store.hpp"

#include <assay/ledger.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace assay {

/// The ledger is the store with tensors in place of bytes.
struct Ledger::Impl {
  std::unique_ptr<store::Store> store;
};

namespace detail {

LedgerEntry entry_from(const store::SampleRow& row);
LedgerAttempt attempt_from(const store::AttemptRow& row, const std::optional<std::string>& refused);
/// What a sample is called in messages.
std::string place_of(SampleId id);
Values tensors_from(std::string_view bytes, SampleId id);

}  // namespace detail

}  // namespace assay
