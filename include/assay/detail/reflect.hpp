// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

// Names, number and values of an aggregate's fields, without macros: fields are counted by trying how many
// initialisers it takes, reached by structured bindings, and named by how the compiler prints a pointer to them
// (the method of the Boost.PFR and reflect-cpp libraries).

namespace assay::detail {

/// Converts to anything, in unevaluated contexts.
struct AnyField {
  template <class T>
    requires(!requires(T t) { t.has_value(); })
  operator T() const;
  // A second, more constrained form keeps std::optional's converting constructor out of the choice.
  template <class T>
    requires requires(T t) { t.has_value(); }
  operator T() const;
};

template <std::size_t>
using AnyFieldAt = AnyField;

template <class T, std::size_t... I>
constexpr bool takes_fields(std::index_sequence<I...>) {
  return requires { T{AnyFieldAt<I>{}...}; };
}

inline constexpr std::size_t most_fields = 24;

template <class T, std::size_t N = most_fields>
constexpr std::size_t count_fields() {
  if constexpr (takes_fields<T>(std::make_index_sequence<N>())) {
    return N;
  } else {
    static_assert(N > 0, "assay: options are aggregates of at most 24 fields");
    return count_fields<T, N - 1>();
  }
}

template <class T>
inline constexpr std::size_t field_count = count_fields<std::remove_cvref_t<T>>();

/// References to all fields of an aggregate, in order.
template <class T>
constexpr auto tie_fields(T& t) {
  constexpr std::size_t n = field_count<T>;
  // clang-format off
  if constexpr (n == 0) { return std::tuple<>(); }
  else if constexpr (n == 1) { auto& [a] = t; return std::tie(a); }
  else if constexpr (n == 2) { auto& [a, b] = t; return std::tie(a, b); }
  else if constexpr (n == 3) { auto& [a, b, c] = t; return std::tie(a, b, c); }
  else if constexpr (n == 4) { auto& [a, b, c, d] = t; return std::tie(a, b, c, d); }
  else if constexpr (n == 5) { auto& [a, b, c, d, e] = t; return std::tie(a, b, c, d, e); }
  else if constexpr (n == 6) { auto& [a, b, c, d, e, f] = t; return std::tie(a, b, c, d, e, f); }
  else if constexpr (n == 7) { auto& [a, b, c, d, e, f, g] = t; return std::tie(a, b, c, d, e, f, g); }
  else if constexpr (n == 8) { auto& [a, b, c, d, e, f, g, h] = t; return std::tie(a, b, c, d, e, f, g, h); }
  else if constexpr (n == 9) { auto& [a, b, c, d, e, f, g, h, i] = t; return std::tie(a, b, c, d, e, f, g, h, i); }
  else if constexpr (n == 10) { auto& [a, b, c, d, e, f, g, h, i, j] = t; return std::tie(a, b, c, d, e, f, g, h, i, j); }
  else if constexpr (n == 11) { auto& [a, b, c, d, e, f, g, h, i, j, k] = t; return std::tie(a, b, c, d, e, f, g, h, i, j, k); }
  else if constexpr (n == 12) { auto& [a, b, c, d, e, f, g, h, i, j, k, l] = t; return std::tie(a, b, c, d, e, f, g, h, i, j, k, l); }
  else if constexpr (n == 13) { auto& [a, b, c, d, e, f, g, h, i, j, k, l, m] = t; return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m); }
  else if constexpr (n == 14) { auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, o] = t; return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, o); }
  else if constexpr (n == 15) { auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, o, p] = t; return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, o, p); }
  else if constexpr (n == 16) { auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q] = t; return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q); }
  else if constexpr (n == 17) { auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, r] = t; return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, r); }
  else if constexpr (n == 18) { auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, r, s] = t; return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, r, s); }
  else if constexpr (n == 19) { auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, r, s, u] = t; return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, r, s, u); }
  else if constexpr (n == 20) { auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, r, s, u, v] = t; return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, r, s, u, v); }
  else if constexpr (n == 21) { auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, r, s, u, v, w] = t; return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, r, s, u, v, w); }
  else if constexpr (n == 22) { auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, r, s, u, v, w, x] = t; return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, r, s, u, v, w, x); }
  else if constexpr (n == 23) { auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, r, s, u, v, w, x, y] = t; return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, r, s, u, v, w, x, y); }
  else if constexpr (n == 24) { auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, r, s, u, v, w, x, y, z] = t; return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, r, s, u, v, w, x, y, z); }
  else { static_assert(n <= most_fields, "assay: options are aggregates of at most 24 fields"); }
  // clang-format on
}

/// An object that is never made; the addresses of its fields are known to the compiler all the same.
template <class T>
struct Phantom {
  T value;
};
#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wundefined-var-template"
#endif
template <class T>
extern const Phantom<T> phantom;

template <class T>
struct Constant {  // clang 14 takes pointers to subobjects as template arguments only inside a class
  T value;
};
template <class T>
Constant(T) -> Constant<T>;

template <auto Value>
constexpr std::string_view printed() {
  return __PRETTY_FUNCTION__;
}

/// The last identifier in what the compiler printed of a template argument: "… .max_samples}]" → "max_samples".
/// GCC prints more after a semicolon.
constexpr std::string_view last_identifier(std::string_view text) {
  text = text.substr(0, text.find(';'));
  const auto part_of_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  std::size_t end = text.size();
  while (end > 0 && !part_of_name(text[end - 1])) --end;
  std::size_t begin = end;
  while (begin > 0 && part_of_name(text[begin - 1])) --begin;
  return text.substr(begin, end - begin);
}

template <class T, std::size_t... I>
constexpr auto name_fields(std::index_sequence<I...>) {
  return std::array<std::string_view, sizeof...(I)>{
      last_identifier(printed<Constant{&std::get<I>(tie_fields(phantom<T>.value))}>())...};
}

template <class T>
inline constexpr auto field_names = name_fields<T>(std::make_index_sequence<field_count<T>>());
#if defined(__clang__)
#pragma clang diagnostic pop
#endif

/// The enumerators of `E` with values 0 … 15 that follow each other without a gap.
template <class E, int N = 0>
constexpr std::size_t count_enumerators() {
  // A value without an enumerator is printed as a cast: "(E)3".
  constexpr std::string_view text = printed<static_cast<E>(N)>();
  constexpr std::string_view argument = text.substr(0, text.find(';'));
  if constexpr (N == 16 || argument.find("= (") != std::string_view::npos) {
    return N;
  } else {
    return count_enumerators<E, N + 1>();
  }
}

template <class E, std::size_t... I>
constexpr auto name_enumerators(std::index_sequence<I...>) {
  return std::array<std::string_view, sizeof...(I)>{last_identifier(printed<static_cast<E>(I)>())...};
}

template <class E>
inline constexpr auto enumerator_names = name_enumerators<E>(std::make_index_sequence<count_enumerators<E>()>());

}  // namespace assay::detail
