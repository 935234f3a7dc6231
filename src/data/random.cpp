// SPDX-License-Identifier: Apache-2.0
#include <assay/data/random.hpp>

#include <algorithm>

namespace assay {

namespace {

constexpr std::uint64_t golden = 0x9e3779b97f4a7c15u;

constexpr std::uint64_t mix(std::uint64_t z) noexcept {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

}  // namespace

RandomKey::RandomKey(std::uint64_t seed) noexcept : state_(mix(seed + golden)) {}

RandomKey RandomKey::with(std::uint64_t counter) const noexcept {
  RandomKey child(*this);
  // Two rounds, with the counter mixed on its own first: with(a).with(b) and with(b).with(a) differ.
  child.state_ = mix(state_ * golden + mix(counter + golden) + golden);
  return child;
}

RandomKey RandomKey::with(std::string_view purpose) const noexcept {
  std::uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a, to turn the text into a counter
  for (const char c : purpose) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return with(hash).with(static_cast<std::uint64_t>(purpose.size()));
}

std::vector<std::int64_t> random_order(const RandomKey& key, const std::vector<std::int64_t>& ids) {
  std::vector<std::pair<std::pair<std::uint64_t, std::int64_t>, std::int64_t>> draws;
  draws.reserve(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    draws.push_back({{key.with(ids[i]).bits(), ids[i]}, static_cast<std::int64_t>(i)});
  }
  std::sort(draws.begin(), draws.end());
  std::vector<std::int64_t> order;
  order.reserve(ids.size());
  for (const auto& draw : draws) order.push_back(draw.second);
  return order;
}

}  // namespace assay
