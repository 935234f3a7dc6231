// SPDX-License-Identifier: Apache-2.0
#include <assay/data/fresh_candidates.hpp>
#include <assay/detail/option_codec.hpp>
#include <assay/error.hpp>

#include <utility>

namespace assay {

FreshCandidates::FreshCandidates(Space space, FreshOptions options) : space_(std::move(space)), options_(options) {
  if (options_.count < 1)
    throw ConfigError({"assay.config.range", "fresh/count", "an integer >= 1", std::to_string(options_.count), ""});
  if (options_.skip != 0 && options_.design != Design::sobol)
    throw ConfigError({"assay.config.value", "fresh/skip", "0 for a design that is no sequence",
                       std::to_string(options_.skip), "only 'sobol' has points to leave out"});
  first_ = TensorPool(draw(1));
}

Values FreshCandidates::draw(std::int64_t round) const {
  const RandomKey key = RandomKey(options_.seed.value_or(0)).with("fresh").with(round);
  switch (options_.design) {
    case Design::latin_hypercube: return latin_hypercube(space_, options_.count, key);
    case Design::uniform: return uniform(space_, options_.count, key);
    case Design::sobol: break;
  }
  std::int64_t skip = 0;
  if (__builtin_mul_overflow(round - 1, options_.count, &skip) || __builtin_add_overflow(skip, options_.skip, &skip)) {
    throw ConfigError({"assay.config.range", "fresh", "a round whose points can be counted", std::to_string(round),
                       "another 'design' is no sequence that ends"});
  }
  return sobol(space_, options_.count, {.skip = skip, .scramble = options_.seed});
}

Json FreshCandidates::spec() const {
  Json spec{{"type", "fresh"},         {"space", space_to_json(space_)},
            {"count", options_.count}, {"design", detail::OptionCodec<Design>::to_json(options_.design)},
            {"skip", options_.skip},   {"seed", nullptr}};
  if (options_.seed) spec["seed"] = *options_.seed;
  return spec;
}

}  // namespace assay
