// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/observer/event.hpp>

#include <string>
#include <vector>

/// Keeps what a campaign warns of.
struct Warnings {
  std::vector<std::string>* texts;
  void observe(const assay::Event& event) const {
    if (event.kind == assay::Event::Kind::warning) texts->push_back(event.text);
  }
};
