// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/concepts/data_pool.hpp>
#include <assay/data/tensor_pool.hpp>
#include <assay/detail/owner.hpp>
#include <assay/detail/slot_checks.hpp>
#include <assay/json.hpp>

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace assay {

/// A type satisfies `FreshPool` if it is a `DataPool` and, for a const pool `p`,
///  1. `p.draw(round)` gives the candidates of a round >= 1, a batch of `p.size()` samples, the same at every call;
///  2. `p.spec()` gives what these depend on, as JSON that is compared when a campaign is resumed.
template <class T>
concept FreshPool = DataPool<T> && requires(const T& pool, std::int64_t round) {
  { pool.draw(round) } -> std::same_as<Values>;
  { pool.spec() } -> std::same_as<Json>;
};

/// Owns any `DataPool`; an empty one if default-constructed. Copies share the pool, which is never changed.
class AnyPool {
 public:
  AnyPool() = default;

  template <detail::NotItself<AnyPool> T>
    requires DataPool<std::remove_cvref_t<T>>
  AnyPool(T&& pool) : pool_(std::make_shared<Model<std::remove_cvref_t<T>>>(std::forward<T>(pool))) {}
  /// For what is neither a pool nor a batch: does not compile, and says in a sentence why.
  template <detail::NotItself<AnyPool> T>
    requires(!DataPool<std::remove_cvref_t<T>> && detail::ComponentLike<std::remove_cvref_t<T>> &&
             !std::convertible_to<T, Values>)
  AnyPool(T&&) {
    static_assert(detail::check_pool<std::remove_cvref_t<T>>());
  }
  /// Samples given as one batch.
  AnyPool(Values batch) : AnyPool(TensorPool(std::move(batch))) {}

  std::int64_t size() const { return pool_ ? pool_->size() : 0; }
  Values gather(std::span<const std::int64_t> rows) const { return pool_ ? pool_->gather(rows) : Values(); }
  /// Field `name` of `rows`; a contiguous pool copies nothing else.
  torch::Tensor column(std::string_view name, std::span<const std::int64_t> rows) const;
  /// For a `FreshPool` what its draws depend on; nothing for any other.
  std::optional<Json> fresh_spec() const { return pool_ ? pool_->fresh_spec() : std::nullopt; }
  /// The candidates of a round of a `FreshPool`.
  Values draw(std::int64_t round) const { return pool_->draw(round); }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual std::int64_t size() const = 0;
    virtual Values gather(std::span<const std::int64_t> rows) const = 0;
    virtual const TensorPool* contiguous() const = 0;
    virtual std::optional<Json> fresh_spec() const = 0;
    virtual Values draw(std::int64_t round) const = 0;
  };
  template <class T>
  struct Model final : Interface {
    T pool;
    template <class U>
    explicit Model(U&& other) : pool(std::forward<U>(other)) {}
    std::int64_t size() const override { return static_cast<std::int64_t>(pool.size()); }
    Values gather(std::span<const std::int64_t> rows) const override { return pool.gather(rows); }
    const TensorPool* contiguous() const override {
      if constexpr (std::same_as<T, TensorPool>) {
        return &pool;
      } else {
        return nullptr;
      }
    }
    std::optional<Json> fresh_spec() const override {
      if constexpr (FreshPool<T>) {
        return pool.spec();
      } else {
        return std::nullopt;
      }
    }
    Values draw([[maybe_unused]] std::int64_t round) const override {
      if constexpr (FreshPool<T>) {
        return pool.draw(round);
      } else {
        return {};
      }
    }
  };

  std::shared_ptr<const Interface> pool_;
};

}  // namespace assay
