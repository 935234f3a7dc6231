// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/concepts/learner.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace assay {

/// What a learner can do beyond `predict`; also the bits of a `CapabilitySet`.
enum class Capability : std::uint32_t {
  variance = 1,
  embeddings = 2,
  posterior_draws = 4,
  class_probabilities = 8,
  gradient_features = 16,
};

/// A set of capabilities, known at run time.
class CapabilitySet {
 public:
  constexpr CapabilitySet() = default;
  constexpr CapabilitySet(Capability one) : bits_(static_cast<std::uint32_t>(one)) {}
  constexpr CapabilitySet operator|(CapabilitySet other) const { return CapabilitySet(bits_ | other.bits_, 0); }
  constexpr bool has(Capability one) const { return (bits_ & static_cast<std::uint32_t>(one)) != 0; }
  /// What is in `this` and not in `other`.
  constexpr CapabilitySet without(CapabilitySet other) const { return CapabilitySet(bits_ & ~other.bits_, 0); }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr bool operator==(const CapabilitySet&) const = default;

 private:
  constexpr CapabilitySet(std::uint32_t bits, int) : bits_(bits) {}
  std::uint32_t bits_ = 0;
};

/// "variance, embeddings", or "none".
std::string describe(CapabilitySet set);

template <class T>
concept HasCapabilitySet = requires(const T& t) {
  { t.capabilities() } -> std::same_as<CapabilitySet>;
};

/// The capabilities of a learner type: what its members provide. An erased owner answers for what it holds.
template <class L>
CapabilitySet capabilities_of(const L& learner) {
  if constexpr (HasCapabilitySet<L>) {
    return learner.capabilities();
  } else {
    CapabilitySet set;
    if constexpr (ProvidesVariance<L>) set = set | Capability::variance;
    if constexpr (ProvidesEmbeddings<L>) set = set | Capability::embeddings;
    if constexpr (ProvidesPosteriorDraws<L>) set = set | Capability::posterior_draws;
    if constexpr (ProvidesClassProbabilities<L>) set = set | Capability::class_probabilities;
    if constexpr (ProvidesGradientFeatures<L>) set = set | Capability::gradient_features;
    return set;
  }
}

}  // namespace assay
