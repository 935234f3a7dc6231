// SPDX-License-Identifier: Apache-2.0
#include "digest.hpp"

#include <assay/detail/sha256.hpp>
#include <assay/error.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace assay::store {

namespace {

/// Writes values one behind the other so that no two lists of values give the same bytes: each with its kind and size.
class Canonical {
 public:
  explicit Canonical(std::string_view table) {
    bytes_.reserve(1000);  // of most rows
    text(table);
  }

  Canonical& text(std::string_view value) {
    put('t', value.size());
    bytes_.append(value);
    return *this;
  }
  Canonical& integer(std::int64_t value) {
    put('i', static_cast<std::uint64_t>(value));
    return *this;
  }
  Canonical& number(double value) {
    put('d', std::bit_cast<std::uint64_t>(value));
    return *this;
  }
  Canonical& digest(const Digest& value) { return text(as_bytes(value)); }
  Canonical& nothing() {
    bytes_ += 'n';
    return *this;
  }
  Canonical& maybe(const std::optional<double>& value) { return value ? number(*value) : nothing(); }
  Canonical& maybe(const std::optional<std::int64_t>& value) { return value ? integer(*value) : nothing(); }
  Canonical& maybe(const std::optional<Digest>& value) { return value ? digest(*value) : nothing(); }

  Digest done() const { return digest_of(bytes_); }

 private:
  void put(char kind, std::uint64_t value) {
    std::array<char, 9> bytes{kind};
    for (int byte = 0; byte < 8; ++byte) bytes[1 + byte] = static_cast<char>(value >> (8 * byte));
    bytes_.append(bytes.data(), bytes.size());
  }

  std::string bytes_;
};

struct Halves {
  std::uint64_t low = 0, high = 0;
};

Halves halves(const Digest& digest) {
  Halves parts;
  std::memcpy(&parts.low, digest.data(), 8);
  std::memcpy(&parts.high, digest.data() + 8, 8);
  return parts;
}

Digest joined(const Halves& parts) {
  Digest digest;
  std::memcpy(digest.data(), &parts.low, 8);
  std::memcpy(digest.data() + 8, &parts.high, 8);
  return digest;
}

}  // namespace

Digest digest_of(std::string_view bytes) {
  const detail::Sha256Bytes whole = detail::sha256_bytes(bytes);
  Digest half;
  std::copy_n(whole.begin(), half.size(), half.begin());
  return half;
}

Digest digest_of(std::string_view campaign, const SampleRow& row) {
  return Canonical("sample")
      .text(campaign)
      .integer(row.id)
      .integer(row.round)
      .integer(row.rank)
      .text(row.purpose)
      .text(row.strategy)
      .maybe(row.score)
      .text(row.fingerprint)
      .text(to_string(row.state))
      .integer(row.attempts)
      .maybe(row.integrated)
      .maybe(row.integrated_in)
      .digest(row.inputs)
      .maybe(row.labels)
      .done();
}

Digest digest_of(std::string_view campaign, const AttemptRow& row) {
  return Canonical("attempt")
      .text(campaign)
      .integer(row.id)
      .integer(row.attempt)
      .text(row.started)
      .maybe(row.seconds)
      .text(row.host)
      .text(row.outcome)
      .maybe(row.exit_status)
      .text(row.reason)
      .text(row.output)
      .text(row.directory)
      .text(row.handle)
      .text(row.solver)
      .maybe(row.refused)
      .done();
}

Digest digest_of(std::string_view campaign, const RoundRow& row) {
  return Canonical("round")
      .text(campaign)
      .integer(row.round)
      .text(row.state_json)
      .text(row.state_tensors)
      .text(row.picks_file)
      .text(row.labels_file)
      .done();
}

Digest digest_of(std::string_view campaign, const ArchiveRow& row) {
  return Canonical("archive")
      .text(campaign)
      .text(row.fingerprint)
      .text(row.source)
      .digest(row.inputs)
      .digest(row.labels)
      .done();
}

Digest digest_of(std::string_view campaign, const SessionRow& row) {
  return Canonical("session").text(campaign).integer(row.number).text(row.id).integer(row.first).done();
}

Digest digest_of_clock(std::string_view campaign, std::int64_t round, double seconds) {
  return Canonical("clock").text(campaign).integer(round).number(seconds).done();
}

Digest digest_of(const CampaignRow& row) {
  return Canonical("campaign")
      .text(row.id)
      .text(row.configuration)
      .integer(row.behavior)
      .integer(row.sequence)
      .integer(row.next_place)
      .integer(row.rows)
      .digest(row.seal)
      .done();
}

Digest plus(const Digest& a, const Digest& b) {
  const Halves x = halves(a), y = halves(b);
  const std::uint64_t low = x.low + y.low;
  return joined({low, x.high + y.high + (low < x.low ? 1 : 0)});
}

Digest minus(const Digest& a, const Digest& b) {
  const Halves x = halves(a), y = halves(b);
  return joined({x.low - y.low, x.high - y.high - (x.low < y.low ? 1 : 0)});
}

std::string_view as_bytes(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

Digest digest_from(std::span<const std::byte> bytes, std::string_view where) {
  Digest digest;
  if (bytes.size() != digest.size()) {
    throw CheckpointError({"assay.ledger.damaged", std::string(where),
                           "a digest of " + std::to_string(digest.size()) + " bytes",
                           std::to_string(bytes.size()) + " bytes", "'assay check --repair' mends what can be mended"});
  }
  std::copy(bytes.begin(), bytes.end(), digest.begin());
  return digest;
}

}  // namespace assay::store
