// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"
#include "failure.hpp"
#include "output.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <exception>

namespace {

/// A file that is opened while a standard stream is closed takes its number, and all that is printed goes into it: the
/// ledger, at worst. What is written to a closed stream fails instead.
void occupy_standard_streams() {
  for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; ++stream) {
    if (::fcntl(stream, F_GETFD) < 0 && errno == EBADF && ::open("/dev/null", O_RDONLY) != stream) std::_Exit(1);
  }
}

int run(CLI::App& app, int argc, char** argv) {
  const std::vector<assay::app::Command> commands = assay::app::add_commands(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : assay::app::usage_code;
  }
  for (const assay::app::Command& command : commands) {
    if (command.options->parsed()) return command.run();
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  occupy_standard_streams();
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error with its name, not an end without a word
  try {
    CLI::App app("Runs assay's campaigns, looks at them, and selects", "assay");
    app.set_version_flag("--version", "assay " ASSAY_VERSION);
    app.require_subcommand(1);
    app.failure_message([](const CLI::App*, const CLI::Error& error) { return assay::app::usage_text(error.what()); });
    const int code = run(app, argc, argv);
    assay::app::flush_output();
    return code;
  } catch (...) {
    assay::app::tell_failure(std::current_exception());
  }
  return 1;
}
