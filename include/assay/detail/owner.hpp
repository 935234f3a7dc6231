// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/detail/restoring.hpp>
#include <assay/spec.hpp>
#include <assay/state.hpp>

#include <concepts>
#include <memory>
#include <typeinfo>
#include <utility>

namespace assay::detail {

[[noreturn]] void throw_not_copyable(const std::type_info& type);

/// What all erased components share: a specification, state, and a copy.
template <class Derived>
struct ComponentInterface {
  virtual ~ComponentInterface() = default;
  virtual std::unique_ptr<Derived> clone() const = 0;
  virtual Json spec() const = 0;
  virtual void fill_spec(Json& saved) const = 0;
  virtual State save() const = 0;
  virtual void load(const State& state) = 0;
};

/// The saved state of a component; an empty one for a component without state.
template <class T>
State save_state(const T& component) {
  if constexpr (Stateful<T>) {
    return component.save();
  } else {
    return {};
  }
}

template <class T>
void load_state(T& component, const State& state) {
  if constexpr (Stateful<T>) {
    restoring(type_name(typeid(T)), [&] { component.load(state); });
  }
}

/// Implements `ComponentInterface` for `Model`, which holds a component `T` in its member `held`.
template <class Interface, class Model, class T>
struct ComponentModel : Interface {
  T held;

  template <class U>
  explicit ComponentModel(U&& component) : held(std::forward<U>(component)) {}

  std::unique_ptr<Interface> clone() const override {
    if constexpr (std::copy_constructible<T>) {
      return std::make_unique<Model>(held);
    } else {
      throw_not_copyable(typeid(T));
    }
  }
  Json spec() const override { return spec_of(held); }
  void fill_spec(Json& saved) const override { assay::fill_spec(held, saved); }
  State save() const override { return save_state(held); }
  void load(const State& state) override { load_state(held, state); }
};

/// A pointer that owns, copies with what it points at, and is never null except after a move.
template <class Interface>
class Owner {
 public:
  explicit Owner(std::unique_ptr<Interface> self) : self_(std::move(self)) {}
  Owner(const Owner& other) : self_(other.self_->clone()) {}
  Owner(Owner&&) noexcept = default;
  Owner& operator=(const Owner& other) { return *this = Owner(other); }
  Owner& operator=(Owner&&) noexcept = default;
  ~Owner() = default;

  Interface* operator->() noexcept { return self_.get(); }
  const Interface* operator->() const noexcept { return self_.get(); }

 private:
  std::unique_ptr<Interface> self_;
};

/// `T`, where it is neither `Any` nor a reference to it: guards the converting constructors of erased owners, whose
/// concepts would otherwise be asked about themselves.
template <class T, class Any>
concept NotItself = !std::same_as<std::remove_cvref_t<T>, Any>;

}  // namespace assay::detail
