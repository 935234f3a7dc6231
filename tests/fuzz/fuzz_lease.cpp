// SPDX-License-Identifier: Apache-2.0
// What a stranger may leave as leases of a directory, between NUL bytes: the newest, the one before it, and the one
// file that earlier versions had. The first two are filled up with spaces to the size of a lease, unless they begin
// with '!'. What can be read comes back the same; what can be taken over is, once, and says so.
#include "../support/folder.hpp"
#include "fuzz.hpp"

#include "../../src/detail/lease.hpp"

#include <assay/detail/files.hpp>

#include <filesystem>

namespace {

using namespace assay;
namespace fs = std::filesystem;

fuzz::Tally tally("fuzz_lease");

void put(const fs::path& file, std::string_view part) {
  constexpr std::size_t size = 1024;
  std::string text(part);
  if (text.empty()) return;
  if (text.front() == '!') {
    text.erase(0, 1);
  } else if (text.size() < size) {
    text.resize(size - 1, ' ');
    text += '\n';
  }
  assay::detail::write_file(file, text);
}

void look(const fs::path& file) {
  fuzz::accepts([&] {
    const std::optional<assay::detail::LeaseFile> lease = assay::detail::LeaseFile::open(file);
    const std::optional<assay::detail::LeaseText> text = lease ? lease->read() : std::nullopt;
    if (!text) return;
    tally.count("leases");
    assay::detail::write_file(file, to_string(*text));
    const std::optional<assay::detail::LeaseText> back = assay::detail::LeaseFile::open(file)->read();
    fuzz::require(back && back->taken == text->taken && back->state == text->state && back->ledger == text->ledger &&
                      back->after == text->after && to_json(back->holder) == to_json(text->holder),
                  "a lease comes back as it was");
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tally.count("runs");
  static const temporary::MemoryFolder folder;
  for (const fs::directory_entry& left : fs::directory_iterator(folder.path())) fs::remove(left.path());
  const std::vector<std::string_view> parts = fuzz::split(fuzz::text_of(data, size), 3);
  const fs::path newest = assay::detail::lease_file(folder.path(), 2),
                 before = assay::detail::lease_file(folder.path(), 1);
  put(newest, parts[0]);
  put(before, parts[1]);
  if (!parts[2].empty()) assay::detail::write_file(folder / "lease.json", parts[2]);
  look(newest);
  look(before);
  constexpr std::chrono::milliseconds at_once{0};
  fuzz::accepts([&] { assay::detail::newest_established_lease(folder.path(), at_once); });
  fuzz::accepts([&] {
    assay::detail::LeaseRules rules{.stale = std::chrono::hours(-1), .patience = at_once};
    rules.dead = [](const assay::detail::Holder&) { return true; };
    {
      assay::detail::Lease lease(folder.path(), rules);
      tally.count("taken over");
      lease.establish(7);
      lease.remove_earlier();
      fuzz::require(lease.generation() == assay::detail::newest_lease(folder.path()), "the last to come holds it");
    }
    const auto left = assay::detail::newest_established_lease(folder.path(), at_once);
    fuzz::require(left && left->ledger == 7 && left->state == assay::detail::LeaseState::released,
                  "a lease that ended says which ledger counts");
  });
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  return fuzz::mutate_parts(data, size, most, seed, /*jsons=*/3, /*parts=*/3);
}
