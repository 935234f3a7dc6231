// SPDX-License-Identifier: Apache-2.0
#include "disk.hpp"
#include "disk_model.hpp"

#include <atomic>
#include <cerrno>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>

namespace disk {

namespace {

struct State {
  std::unique_ptr<Model> model = std::make_unique<Model>();
  Others others = Others::idle;
  std::vector<std::string> log;
  std::size_t fail = 0, cut = 0;
  bool keeps_failing = false;
  Fault fault = Fault::no_space;
  Id full = 0;  // the file whose next write finds no space
  std::vector<std::pair<fs::path, std::uint64_t>> images;
  std::function<void(std::size_t)> look;
};

constinit std::atomic<pid_t> watching_process{0};

State& state() {
  static State* const only = new State;  // never destroyed: files are written after the last destructor, too
  return *only;
}

const Model& watched() {
  if (model().of_nothing()) throw std::logic_error("no folder is watched");
  return model();
}

[[noreturn]] void cut() {
  if (state().others == Others::idle) {
    if (const auto wrong = model().differences(); !wrong.empty()) end_process(status_wrong, wrong.front());
  }
  for (const auto& [target, seed] : state().images) Model::Image(model(), seed).write_to(target);
  ::_exit(status_cut);
}

}  // namespace

bool watching() {
  const pid_t process = watching_process.load(std::memory_order_acquire);
  return process != 0 && process == ::getpid() && Held::depth == 0;
}
Model& model() { return *state().model; }

Fate begin(const std::string& what, const Node* written, std::size_t size) {
  State& s = state();
  s.log.push_back(what);
  const std::size_t n = s.log.size();
  try {
    if (s.look) s.look(n);
    if (n == s.cut) cut();
  } catch (const std::exception& error) {  // there is C code above
    end_process(status_wrong, error.what());
  }
  const bool finds_full = written && s.full == written->id;
  if (finds_full) s.full = 0;
  if (!finds_full && (s.fail == 0 || (s.keeps_failing ? n < s.fail : n != s.fail))) return Fate::goes_on;
  if (!finds_full && s.fault == Fault::short_write && n == s.fail && size > 1) {
    s.full = written->id;
    s.log.back() += " (half of it)";
    return Fate::halved;
  }
  const bool broken = !finds_full && s.fault == Fault::io_error;
  s.log.back() += broken ? " (input/output error)" : " (no space)";
  errno = broken ? EIO : ENOSPC;
  return Fate::fails;
}

void watch(const std::filesystem::path& root, Others others) {
  reset();
  const Held held;
  auto model = std::make_unique<Model>(root);
  state() = State();
  state().model = std::move(model);
  state().others = others;
  watching_process = ::getpid();
}

void fail_at(std::size_t n, Fault fault) {
  const Held held;
  state().fail = n;
  state().fault = fault;
  state().keeps_failing = false;
}
void fail_from(std::size_t n, Fault fault) {
  fail_at(n, fault);
  const Held held;
  state().keeps_failing = true;
}
void cut_at(std::size_t n, const std::filesystem::path& target, std::uint64_t seed) {
  const Held held;
  state().cut = n;
  state().images.emplace_back(target, seed);
}
void before_each(std::function<void(std::size_t n)> look) {
  const Held held;
  state().look = std::move(look);
}
void survivors(const std::filesystem::path& target, std::uint64_t seed) {
  const Held held;
  Model::Image(watched(), seed).write_to(target);
}
std::size_t operations() { return log().size(); }
std::vector<std::string> log() {
  const Held held;
  return state().log;
}
std::vector<std::string> differences() {
  const Held held;
  return watched().differences();
}
void reset() {
  const Held held;
  watching_process = 0;
  state().model = std::make_unique<Model>();
}

}  // namespace disk
