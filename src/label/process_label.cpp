// SPDX-License-Identifier: Apache-2.0
#include "process.hpp"
#include "valid_utf8.hpp"
#include "workers.hpp"

#include <assay/data/npy.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>
#include <assay/label/process_label.hpp>

#include <c10/util/Exception.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
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

/// An input file with numbers to be filled in.
class Template {
 public:
  /// Errors: `LabelError` `assay.label.template`.
  Template(std::string target, fs::path file) : target_(std::move(target)), file_(std::move(file)) {
    std::error_code error;
    std::string text;
    try {
      if (!fs::is_regular_file(file_, error)) fail("a template that can be read", error ? error.message() : "no file");
      text = detail::read_file(file_);
    } catch (const CheckpointError& unreadable) {
      fail("a template that can be read", unreadable.parts().got);
    }
    std::string_view rest = text;
    for (std::size_t at = rest.find("{{"); at != std::string_view::npos; at = rest.find("{{")) {
      const std::size_t end = rest.find("}}", at);
      if (end == std::string_view::npos) fail("'}}' after '{{'", "none");
      texts_.emplace_back(rest.substr(0, at));
      names_.emplace_back(rest.substr(at + 2, end - at - 2));
      rest.remove_prefix(end + 2);
    }
    texts_.emplace_back(rest);
  }

  /// Errors: `LabelError` `assay.label.template` for a name that is no input, or no single number.
  std::string filled(const Values& inputs) const {
    std::string text = texts_.front();
    for (std::size_t i = 0; i < names_.size(); ++i) {
      const torch::Tensor* input = inputs.find(names_[i]);
      if (!input) fail("the name of an input: " + listed(inputs.names()), "{{" + names_[i] + "}}");
      if (input->numel() != 1) fail("an input that is one number", "{{" + names_[i] + "}}, which has more");
      std::array<char, 32> digits;
      const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), inputs.scalar(names_[i]));
      text.append(digits.data(), result.ptr).append(texts_[i + 1]);
    }
    return text;
  }
  const std::string& target() const { return target_; }

 private:
  [[noreturn]] void fail(std::string expected, std::string got) const {
    throw LabelError({"assay.label.template", file_.string(), std::move(expected), std::move(got), ""});
  }
  static std::string listed(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
  }

  std::string target_;
  fs::path file_;
  std::vector<std::string> texts_;  ///< around the names: one more than these
  std::vector<std::string> names_;
};

std::string in_words(const detail::ProcessEnd& end, const ProcessLabelOptions& options) {
  using Kind = detail::ProcessEnd::Kind;
  switch (end.kind) {
    case Kind::exited: return "exit code " + std::to_string(end.status);
    case Kind::signaled: {
      std::string text = "ended by signal " + std::to_string(end.status) + " (" + ::strsignal(end.status) + ")";
      if (end.status == SIGXFSZ && options.file_limit)
        text += ": a file grew beyond 'file_limit', " + std::to_string(*options.file_limit) + " bytes";
      return text;
    }
    case Kind::timed_out: return "not done after " + std::to_string(options.time_limit.count()) + " s: ended";
    case Kind::reaped_by_host:
      return "exit status unknown: the host program reaped the simulation (it ignores SIGCHLD, or waits for any child)";
    case Kind::stopped: break;
  }
  return "stopped";
}

/// A text about an exception, without LibTorch's stack trace.
std::string what(const std::exception& error) {
  const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
  return torch_error ? torch_error->what_without_backtrace() : error.what();
}

/// Errors: `LabelError` `assay.label.output` for what is no file of at most `limit` bytes. A program may leave anything
/// under the name of its output: a pipe would be waited for, an endless file read.
void require_readable(const fs::path& file, std::int64_t limit) {
  const auto fail = [&](std::string expected, std::string got) {
    throw LabelError({"assay.label.output", file.string(), std::move(expected), std::move(got), ""});
  };
  std::error_code error;
  if (!fs::exists(file, error)) fail("a file that the program wrote", "none");
  if (!fs::is_regular_file(file, error)) fail("a file", "something else");
  const std::uintmax_t size = fs::file_size(file, error);
  if (!error && size > static_cast<std::uintmax_t>(limit))
    fail("at most " + std::to_string(limit) + " bytes ('read_limit')", std::to_string(size));
}

}  // namespace

/// What all samples of a phase share.
struct ProcessLabel::Setup {
  explicit Setup(const ProcessLabelOptions& options) : program(detail::find_program(options.command.front())) {
    if (program.empty()) {
      throw LabelError({"assay.label.program", options.command.front(), "a program that can be run",
                        "none of this name", "install it, or give its full path in 'command'"});
    }
    for (const auto& [target, file] : options.templates) templates.emplace_back(target, file);
  }

  fs::path program;
  std::vector<Template> templates;
};

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

Values ProcessLabel::read_outputs(const fs::path& directory) const {
  if (reader_) return reader_(directory);
  Values labels;
  for (const auto& [name, place] : options.outputs) {
    const std::size_t hash = place.find('#');
    const fs::path file = directory / place.substr(0, hash);
    require_readable(file, options.read_limit);
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

void ProcessLabel::run(LabelContext& context, const Job& job, const Setup& setup,
                       const std::function<bool()>& stop) const {
  const auto fail = [&](const std::string& reason, std::optional<int> status, const std::string& tail) {
    Failure failure(detail::valid_utf8(reason), job.failures + 1 < options.attempts);
    failure.exit_status = status;
    failure.output = detail::valid_utf8(tail);
    context.fail(job, failure);
    if (options.keep == KeepDirectories::none) fs::remove_all(job.directory);
  };
  fs::remove_all(job.directory);
  detail::make_directories_durably(job.directory);
  for (const Template& input : setup.templates) {
    detail::write_file(job.directory / input.target(), input.filled(job.inputs));
  }
  try {
    if (writer_) writer_(job.directory, job.inputs);
  } catch (const std::exception& error) {
    return fail("input files: " + what(error), std::nullopt, "");
  }
  const detail::ProcessEnd end = detail::run_process(
      {.program = setup.program,
       .arguments = options.command,
       .directory = job.directory,
       .time_limit = options.time_limit,
       .grace = options.grace,
       .output_limit = options.output_limit,
       .file_limit = options.file_limit},
      stop, [&](long process) { context.set_handle(job, "process " + std::to_string(process)); });
  using Kind = detail::ProcessEnd::Kind;
  if (end.kind == Kind::stopped) return;  // the campaign ends; the sample stays in its queue
  if (end.kind != Kind::exited || end.status != 0) {
    return fail(in_words(end, options), end.kind == Kind::exited ? std::optional(end.status) : std::nullopt, end.tail);
  }
  Values labels;
  try {
    labels = read_outputs(job.directory);
  } catch (const std::exception& error) {
    return fail("output cannot be read: " + what(error), 0, end.tail);
  }
  const bool accepted = context.accept(job, labels);
  if (options.keep == KeepDirectories::none || (accepted && options.keep == KeepDirectories::failed)) {
    fs::remove_all(job.directory);
  }
}

void ProcessLabel::label(LabelContext& context) {
  const Setup setup(options);
  detail::run_workers(options.parallel, [&](const std::atomic<bool>& cancelled) {
    const auto stop = [&] { return cancelled || context.stop_requested(); };
    while (!cancelled) {
      const std::optional<Job> job = context.next();
      if (!job) return;
      run(context, *job, setup, stop);
    }
  });
}

}  // namespace assay
