// SPDX-License-Identifier: Apache-2.0
// The switch of the mutants in a test program, and which test case reaches which.
#define CATCH_CONFIG_EXTERNAL_INTERFACES
#include "support/catch.hpp"

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

namespace assay_mutation {
constexpr int count = ASSAY_MUTANTS;
unsigned char seen[count + 1] = {};
int active = std::getenv("ASSAY_MUTANT") ? std::atoi(std::getenv("ASSAY_MUTANT")) : 0;
}  // namespace assay_mutation

namespace {

#if CATCH_VERSION_MAJOR >= 3
using Base = Catch::EventListenerBase;
#else
using Base = Catch::TestEventListenerBase;
#endif

// Which mutants a test case reaches, a line for each.
struct Reach : Base {
  using Base::Base;
  void testCaseStarting(const Catch::TestCaseInfo& info) override {
    Base::testCaseStarting(info);
    name_ = info.name;
    tags_ = info.tagsAsString();
    std::memset(assay_mutation::seen, 0, sizeof assay_mutation::seen);
    start_ = std::chrono::steady_clock::now();
  }
  void testCaseEnded(const Catch::TestCaseStats& stats) override {
    Base::testCaseEnded(stats);
    const char* file = std::getenv("ASSAY_MUTANTS_REACHED");
    if (!file) return;
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start_;
    std::string name;
    for (const char c : name_) {
      if (c == '"' || c == '\\') name += '\\';
      name += c;
    }
    std::ofstream out(file, std::ios::app);
    out << "{\"name\": \"" << name << "\", \"passed\": " << (stats.totals.assertions.failed == 0 ? "true" : "false")
        << ", \"seconds\": " << took.count() << ", \"tags\": \"" << tags_ << "\", \"mutants\": [";
    const char* comma = "";
    for (int i = 1; i <= assay_mutation::count; ++i) {
      if (!assay_mutation::seen[i]) continue;
      out << comma << i;
      comma = ",";
    }
    out << "]}\n";
  }
  std::string name_, tags_;
  std::chrono::steady_clock::time_point start_;
};
CATCH_REGISTER_LISTENER(Reach)

}  // namespace
