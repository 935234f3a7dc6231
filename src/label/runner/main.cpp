// SPDX-License-Identifier: Apache-2.0
// Runs one simulation program and writes how it ended beside its files. A process of its own, so that this is known
// also where the campaign that wanted it was killed meanwhile. Small: nothing of LibTorch is loaded.
//
// It works in the simulation's directory, so that this may be moved while it does, and is known by that.
#include "process.hpp"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <system_error>

namespace {

volatile std::sig_atomic_t told_to_end = 0;

extern "C" void end(int) { told_to_end = 1; }

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: assay_simulation DIRECTORY   (with a .assay/simulation.json; started by assay)\n", stderr);
    return 2;
  }
  for (const int signal : {SIGTERM, SIGINT}) std::signal(signal, end);
  for (const int signal : {SIGHUP, SIGPIPE, SIGXFSZ}) std::signal(signal, SIG_IGN);
  using namespace assay::detail;
  try {
    if (::chdir(argv[1]) != 0) throw std::system_error(errno, std::generic_category(), argv[1]);
    const std::filesystem::path directory = ".";
    const SimulationOrder order = read_order(directory);
    OutcomeRoom room(directory);
    SimulationOutcome outcome;
    try {
      outcome = run_process(order, directory, [] { return told_to_end != 0; });
    } catch (const std::system_error& error) {
      outcome = {.kind = SimulationOutcome::Kind::not_started, .problem = error.what()};
    }
    room.write(outcome, order.mark);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "assay_simulation: %s\n", error.what());
  }
  return 1;
}
