// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

namespace pendulum {

/// State of a damped pendulum: angle (rad) and angular velocity (rad/s).
struct State {
  double angle;
  double velocity;
};

/// The true angular acceleration: gravity, and a damping that grows with the square of the speed.
inline double acceleration(const State& s) {
  return -9.81 * std::sin(s.angle) - 0.3 * s.velocity - 0.05 * s.velocity * std::abs(s.velocity);
}

/// One step of the classical Runge-Kutta method with any acceleration.
template <class Acceleration>
State step(const State& s, double dt, Acceleration&& a) {
  const auto slope = [&](const State& x) { return State{x.velocity, a(x)}; };
  const auto moved = [](const State& x, const State& k, double h) {
    return State{x.angle + h * k.angle, x.velocity + h * k.velocity};
  };
  const State k1 = slope(s), k2 = slope(moved(s, k1, dt / 2)), k3 = slope(moved(s, k2, dt / 2)),
              k4 = slope(moved(s, k3, dt));
  return {s.angle + dt / 6 * (k1.angle + 2 * k2.angle + 2 * k3.angle + k4.angle),
          s.velocity + dt / 6 * (k1.velocity + 2 * k2.velocity + 2 * k3.velocity + k4.velocity)};
}

}  // namespace pendulum
