// SPDX-License-Identifier: Apache-2.0
// What mutated sources are written with: see mutants.py. Which mutant is switched on, ASSAY_MUTANT says.
#pragma once
namespace assay_mutation {
extern int active;
extern unsigned char seen[];
[[gnu::always_inline]] inline bool on(int n) {
  seen[n] = 1;
  return active == n;
}
struct Negation {
  bool negated;
  template <class T>
  [[gnu::always_inline]] inline bool operator()(T&& value) const {
    return static_cast<bool>(value) != negated;
  }
};
[[gnu::always_inline]] inline Negation negate(int n) { return {on(n)}; }
// a < b becomes a < Op<n>() < b: the operator keeps its place in the order of evaluation.
#define ASSAY_MUTATION_OPERATOR(NAME, AS, IS, BECOMES)                          \
  template <int n>                                                              \
  struct NAME {};                                                               \
  template <int n, class A>                                                     \
  struct NAME##Left {                                                           \
    A&& a;                                                                      \
  };                                                                            \
  template <class A, int n>                                                     \
  [[gnu::always_inline]] inline NAME##Left<n, A> operator AS(A && a, NAME<n>) { \
    return {static_cast<A&&>(a)};                                               \
  }                                                                             \
  template <int n, class A, class B>                                            \
  [[gnu::always_inline]] inline auto operator AS(NAME##Left<n, A>&& l, B&& b)   \
      ->decltype(static_cast<A&&>(l.a) IS static_cast<B&&>(b)) {                \
    if (on(n)) return static_cast<A&&>(l.a) BECOMES static_cast<B&&>(b);        \
    return static_cast<A&&>(l.a) IS static_cast<B&&>(b);                        \
  }
ASSAY_MUTATION_OPERATOR(Less, <, <, <=)
ASSAY_MUTATION_OPERATOR(LessEqual, <, <=, <)
ASSAY_MUTATION_OPERATOR(Greater, <, >, >=)
ASSAY_MUTATION_OPERATOR(GreaterEqual, <, >=, >)
ASSAY_MUTATION_OPERATOR(Equal, ==, ==, !=)
ASSAY_MUTATION_OPERATOR(Unequal, ==, !=, ==)
ASSAY_MUTATION_OPERATOR(Plus, +, +, -)
ASSAY_MUTATION_OPERATOR(Minus, +, -, +)
ASSAY_MUTATION_OPERATOR(Times, *, *, /)
ASSAY_MUTATION_OPERATOR(Over, *, /, *)
#define ASSAY_MUTATION_ASSIGNMENT(NAME, IS, BECOMES)                             \
  template <int n>                                                               \
  struct NAME {};                                                                \
  template <int n, class B>                                                      \
  struct NAME##Right {                                                           \
    B&& b;                                                                       \
  };                                                                             \
  template <int n, class B>                                                      \
  [[gnu::always_inline]] inline NAME##Right<n, B> operator+=(NAME<n>&&, B&& b) { \
    return {static_cast<B&&>(b)};                                                \
  }                                                                              \
  template <class A, int n, class B>                                             \
  [[gnu::always_inline]] inline void operator+=(A&& a, NAME##Right<n, B>&& r) {  \
    if (on(n)) a BECOMES static_cast<B&&>(r.b);                                  \
    else a IS static_cast<B&&>(r.b);                                             \
  }
ASSAY_MUTATION_ASSIGNMENT(AddTo, +=, -=)
ASSAY_MUTATION_ASSIGNMENT(TakeFrom, -=, +=)
// a && b becomes a | AndLeft && AndRight | b, which is a && b, or a || b: what b is kept from still is not asked.
inline thread_local bool kept = false;
template <int n>
struct AndLeft {};
template <int n>
struct AndRight {};
template <int n>
struct OrLeft {};
template <int n>
struct OrRight {};
template <class A, int n>
[[gnu::always_inline]] inline bool operator|(A&& a, AndLeft<n>) {
  const bool value = static_cast<bool>(a);
  if (!on(n)) return value;
  kept = value;
  return true;
}
template <int n, class B>
[[gnu::always_inline]] inline bool operator|(AndRight<n>, B&& b) {
  const bool value = static_cast<bool>(b);
  if (active != n) return value;
  const bool left = kept;
  kept = false;
  return left || value;
}
template <class A, int n>
[[gnu::always_inline]] inline bool operator&(A&& a, OrLeft<n>) {
  const bool value = static_cast<bool>(a);
  if (!on(n)) return value;
  kept = value;
  return false;
}
template <int n, class B>
[[gnu::always_inline]] inline bool operator&(OrRight<n>, B&& b) {
  const bool value = static_cast<bool>(b);
  if (active != n) return value;
  const bool left = kept;
  kept = false;
  return left && value;
}
}  // namespace assay_mutation
