// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

/// No problems, no names: a list that is compared with it is printed where it has some.
inline const std::vector<std::string> no_problems;
