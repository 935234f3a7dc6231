// SPDX-License-Identifier: Apache-2.0
#include "failure.hpp"

#include <assay/error.hpp>
#include <assay/json.hpp>

#include <c10/util/Exception.h>

#include <iostream>
#include <string>
#include <vector>

namespace assay::app {

namespace {

/// On a terminal one thing that is wrong is one line.
std::string one_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  for (std::size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at)) text.replace(at, 1, "; ");
  return text;
}

}  // namespace

std::string usage_text(const std::string& problem) { return "assay: " + one_line(problem) + "; --help tells more\n"; }

void tell_failure(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const ConfigError& error) {
    const std::vector<ErrorParts>& problems = error.problems();
    if (problems.size() == 1) {
      std::cerr << "assay: " << one_line(describe(problems.front())) << '\n';
      return;
    }
    std::cerr << "assay: " << problems.size() << " problems\n";
    for (const ErrorParts& problem : problems) std::cerr << "  " << one_line(describe(problem)) << '\n';
  } catch (const c10::Error& error) {
    std::cerr << "assay: " << one_line(error.what_without_backtrace()) << '\n';
  } catch (const Json::exception& error) {
    std::cerr << "assay: [assay.json.kind] a file: expected JSON as assay writes it, got another kind ("
              << one_line(error.what()) << ")\n";
  } catch (const std::exception& error) {
    std::cerr << "assay: " << one_line(error.what()) << '\n';
  }
}

}  // namespace assay::app
