// SPDX-License-Identifier: Apache-2.0
#include "process.hpp"
#include "workers.hpp"

#include <assay/data/npy.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>
#include <assay/label/process_label.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace assay {

namespace fs = std::filesystem;

namespace {

/// Numbers of a (nested) JSON array, as a tensor.
torch::Tensor tensor_from(const Json& json, std::vector<double>& numbers) {
  std::vector<std::int64_t> shape;
  for (const Json* level = &json; level->is_array(); level = &level->front()) {
    shape.push_back(static_cast<std::int64_t>(level->size()));
    if (level->empty()) break;
  }
  const auto collect = [&](const auto& self, const Json& value) -> void {
    if (value.is_array()) {
      for (const Json& item : value) self(self, item);
    } else {
      numbers.push_back(number_from_json(value));
    }
  };
  collect(collect, json);
  return torch::from_blob(numbers.data(), {static_cast<std::int64_t>(numbers.size())}, torch::kFloat64)
      .clone()
      .reshape(shape);
}

std::string with_numbers(std::string text, const Values& inputs, const fs::path& file) {
  for (std::size_t at = text.find("{{"); at != std::string::npos; at = text.find("{{", at)) {
    const std::size_t end = text.find("}}", at);
    if (end == std::string::npos)
      throw DataError({"assay.label.template", file.string(), "'}}' after '{{'", "none", ""});
    std::array<char, 32> digits{};
    const auto result = std::to_chars(digits.data(), digits.data() + digits.size(),
                                      inputs.scalar(text.substr(at + 2, end - at - 2)));
    text.replace(at, end + 2 - at, digits.data(), static_cast<std::size_t>(result.ptr - digits.data()));
  }
  return text;
}

std::string in_words(const detail::ProcessEnd& end, double limit) {
  switch (end.kind) {
    case detail::ProcessEnd::Kind::exited: return "exit code " + std::to_string(end.status);
    case detail::ProcessEnd::Kind::signaled:
      return "ended by signal " + std::to_string(end.status) + " (" + ::strsignal(end.status) + ")";
    case detail::ProcessEnd::Kind::timed_out: return "not done after " + std::to_string(limit) + " s: ended";
    case detail::ProcessEnd::Kind::reaped_by_host:
      return "exit status unknown: the host program reaped the simulation (it ignores SIGCHLD, or waits for any child)";
    case detail::ProcessEnd::Kind::stopped: break;
  }
  return "stopped";
}

}  // namespace

ProcessLabel::ProcessLabel(ProcessLabelOptions options_, Writer writer, Reader reader)
    : options(std::move(options_)), writer_(std::move(writer)), reader_(std::move(reader)) {
  require_valid(options, key);
  std::vector<ErrorParts> problems;
  if (options.command.empty())
    problems.push_back({"assay.config.required", "process/command", "a program", "nothing", ""});
  if (!reader_) {
    for (const std::string& name : options.provides) {
      if (!options.outputs.contains(name)) {
        problems.push_back({"assay.config.required", "process/outputs/" + name, "where '" + name + "' is read",
                            "nothing", "or give a reader"});
      }
    }
  }
  if (!problems.empty()) throw ConfigError(std::move(problems));
}

void ProcessLabel::write_inputs(const fs::path& directory, const Values& inputs) const {
  for (const auto& [name, file] : options.templates) {
    detail::write_file(directory / name, with_numbers(detail::read_file(file), inputs, file));
  }
  if (writer_) writer_(directory, inputs);
}

Values ProcessLabel::read_outputs(const fs::path& directory) const {
  if (reader_) return reader_(directory);
  Values labels;
  for (const auto& [name, place] : options.outputs) {
    const std::size_t hash = place.find('#');
    const fs::path file = directory / place.substr(0, hash);
    if (hash == std::string::npos) {
      labels.set(name, read_npy(file));
    } else {
      const Json json = parse_json(detail::read_file(file), file.string());
      std::vector<double> numbers;
      labels.set(name, tensor_from(json.at(Json::json_pointer(place.substr(hash + 1))), numbers));
    }
  }
  return labels;
}

void ProcessLabel::run(LabelContext& context, const Job& job) const {
  const auto fail = [&](const std::string& reason, std::optional<int> status, const std::string& tail) {
    Failure failure(reason, job.attempt < options.attempts);
    failure.exit_status = status;
    failure.output = tail;
    context.fail(job, failure);
    if (options.keep == KeepDirectories::none) fs::remove_all(job.directory);
  };
  const fs::path program = detail::find_program(options.command.front());
  if (program.empty()) {
    throw LabelError({"assay.label.program", options.command.front(), "a program that can be run", "none of this name",
                      "install it, or give its full path in 'command'"});
  }
  fs::remove_all(job.directory);
  detail::make_directories_durably(job.directory);
  try {
    write_inputs(job.directory, job.inputs);
  } catch (const std::exception& error) {
    return fail(std::string("input files: ") + error.what(), std::nullopt, "");
  }
  const detail::ProcessEnd end = detail::run_process(
      {.program = program,
       .arguments = options.command,
       .directory = job.directory,
       .time_limit = options.time_limit,
       .grace = std::chrono::seconds(5),
       .output_limit = options.output_limit},
      [&] { return context.stop_requested(); },
      [&](long process) { context.set_handle(job, "process " + std::to_string(process)); });
  using Kind = detail::ProcessEnd::Kind;
  if (end.kind == Kind::stopped) return;  // the campaign ends; the sample stays in its queue
  if (end.kind != Kind::exited || end.status != 0) {
    return fail(in_words(end, options.time_limit.count()),
                end.kind == Kind::exited ? std::optional(end.status) : std::nullopt, end.tail);
  }
  Values labels;
  try {
    labels = read_outputs(job.directory);
  } catch (const std::exception& error) {
    return fail(std::string("output cannot be read: ") + error.what(), 0, end.tail);
  }
  const bool accepted = context.accept(job, labels);
  if (options.keep == KeepDirectories::none || (accepted && options.keep == KeepDirectories::failed)) {
    fs::remove_all(job.directory);
  }
}

void ProcessLabel::label(LabelContext& context) {
  detail::run_workers(options.parallel, [&](const std::atomic<bool>& cancelled) {
    while (!cancelled) {
      const std::optional<Job> job = context.next();
      if (!job) return;
      run(context, *job);
    }
  });
}

}  // namespace assay
