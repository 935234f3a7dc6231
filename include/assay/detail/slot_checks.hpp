// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/concepts/data_pool.hpp>
#include <assay/concepts/observer.hpp>
#include <assay/concepts/stop_criterion.hpp>

#include <ranges>
#include <type_traits>

namespace assay::detail {

/// A class that somebody gave where a component is wanted: worth a sentence on what it lacks. Ranges are left to the
/// containers of components, which ask whether a list of them can be made into one.
template <class T>
concept ComponentLike = std::is_class_v<T> && !std::ranges::range<T>;

/// One sentence for every way in which a type can miss the protocol, each on the failing path only, as in
/// `driver_checks.hpp`. The erased owners ask from a constructor that only such types reach.
template <class T>
consteval bool check_pool() {
  if constexpr (!DataPool<T>) {
    static_assert(
        requires(const T& pool) {
          { pool.size() } -> std::convertible_to<std::int64_t>;
        }, "assay: a DataPool needs 'std::int64_t size() const'");
    static_assert(
        requires(const T& pool, std::span<const std::int64_t> rows) {
          { pool.gather(rows) } -> std::same_as<Values>;
        }, "assay: a DataPool needs 'Values gather(std::span<const std::int64_t> rows) const'");
  }
  return DataPool<T>;
}

template <class T>
consteval bool check_stop() {
  if constexpr (!StopCriterion<T>) {
    static_assert(HasShouldStop<T>,
                  "assay: a StopCriterion needs 'std::optional<std::string> should_stop(const StopContext&) const'");
    if constexpr (HasShouldStop<T>) {
      static_assert(Stateful<T>,
                    "assay: a StopCriterion with a non-const 'should_stop' needs 'State save() const' and "
                    "'void load(const State&)', or a campaign could not be resumed");
    }
  }
  return StopCriterion<T>;
}

template <class T>
consteval bool check_observer() {
  static_assert(Observer<T>, "assay: an Observer needs 'void observe(const Event&)'");
  return Observer<T>;
}

}  // namespace assay::detail
