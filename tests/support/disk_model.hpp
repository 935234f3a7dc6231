// SPDX-License-Identifier: Apache-2.0
// What disk.hpp knows of the watched tree: what is durable, what is pending, and what a power cut may leave of both.
// Its header says what the model is. Nothing here locks: disk.cpp does.
#pragma once

#include "disk.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <deque>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <string_view>
#include <utility>

namespace disk {

namespace fs = std::filesystem;

using Id = int;  // 0: nothing

/// A pending write, or a truncation to `offset`.
struct Edit {
  bool truncates;
  std::size_t offset;
  std::string bytes;
};

/// A pending change of a folder: names and what they now stand for, all of them or none.
struct Change {
  std::vector<std::pair<std::string, Id>> names;
  std::uint64_t number = 0;  // of a rename between folders
  Id target = 0;             // if this is such a rename's removal: the folder that got the addition
};

struct Node {
  Id id = 0, parent = 0;  // the parent and the name are those it got last, for messages
  std::string name;
  bool directory = false;
  bool scratch = false;
  std::pair<dev_t, ino_t> inode;
  int pin = -1;  // O_PATH: no other file gets the inode's number meanwhile, and closing it drops no lock
  std::string bytes;
  std::vector<Edit> edits;
  std::map<std::string, Id> names;
  std::deque<Change> changes;
};

[[noreturn]] inline void end_process(int status, const std::string& why) {
  std::fprintf(stderr, "disk: %s\n", why.c_str());
  ::_exit(status);
}

inline bool is_scratch(std::string_view name) { return name.ends_with("-shm"); }

inline void apply(std::string& content, const Edit& edit) {
  const std::size_t end = edit.offset + edit.bytes.size();
  if (edit.truncates || content.size() < end) content.resize(end);
  content.replace(edit.offset, edit.bytes.size(), edit.bytes);
}

class Model {
 public:
  Model() = default;  // of nothing
  explicit Model(const fs::path& root) : root_path_(fs::absolute(root)), root_(&enter(AT_FDCWD, root.c_str(), 0, "")) {
    enter_all(*root_, root_path_);
  }
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;
  ~Model() {
    for (const auto& [id, node] : nodes_) ::close(node.pin);
  }

  Node* find(const struct stat& status) {
    const auto id = ids_.find({status.st_dev, status.st_ino});
    return id == ids_.end() ? nullptr : &nodes_.at(id->second);
  }

  bool of_nothing() const { return !root_; }

  /// The path of `name` in `directory`, from the root on.
  std::string label(const Node& directory, const std::string& name) const {
    if (&directory == root_) return name;
    const auto parent = nodes_.find(directory.parent);
    return parent == nodes_.end() ? name : label(parent->second, directory.name) + "/" + name;
  }
  std::string label(const Node& node) const {
    const auto parent = nodes_.find(node.parent);
    return parent == nodes_.end() ? (node.name.empty() ? "." : node.name) : label(parent->second, node.name);
  }

  void made(Node& directory, const std::string& name, int dirfd, const char* path) {
    directory.changes.push_back({{{name, enter(dirfd, path, directory.id, name).id}}});
  }
  void linked(Node& file, Node& directory, const std::string& name) {
    directory.changes.push_back({{{name, file.id}}});
  }
  void removed(Node& directory, const std::string& name) { directory.changes.push_back({{{name, 0}}}); }
  void renamed(Node& node, Node& from, const std::string& old_name, Node& to, const std::string& new_name) {
    if (&from == &to) {
      from.changes.push_back({{{old_name, 0}, {new_name, node.id}}});
    } else {
      ++renames_;
      to.changes.push_back({{{new_name, node.id}}, renames_});
      from.changes.push_back({{{old_name, 0}}, renames_, to.id});
    }
    node.parent = to.id;
    node.name = new_name;
  }
  void edited(Node& file, Edit edit) {
    if (!file.scratch) file.edits.push_back(std::move(edit));
  }
  void synced(Node& node) {
    for (const Edit& edit : node.edits) apply(node.bytes, edit);
    node.edits.clear();
    settle(node, node.changes.size());
    if (node.directory) forget_nameless();
  }

  std::vector<std::string> differences() const {
    std::vector<std::string> found;
    compare(*root_, root_path_, found);
    return found;
  }

  class Image;

 private:
  Node& enter(int dirfd, const char* path, Id parent, const std::string& name) {
    struct stat status {};
    const int pin = ::openat(dirfd, path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (pin < 0 || ::fstat(pin, &status) != 0) end_process(status_wrong, "cannot hold on to " + std::string(path));
    if (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode)) {
      end_process(status_unmodelled, std::string(path) + " is neither a folder nor a plain file");
    }
    if (Node* known = find(status)) {
      ::close(pin);
      return *known;
    }
    const Id id = ++last_id_;
    Node& node = nodes_[id];
    node.id = id;
    node.parent = parent;
    node.name = name;
    node.directory = S_ISDIR(status.st_mode);
    node.scratch = is_scratch(name);
    node.inode = {status.st_dev, status.st_ino};
    node.pin = pin;
    ids_[node.inode] = id;
    return node;
  }

  void enter_all(Node& directory, const fs::path& path) {
    for (const fs::directory_entry& entry : fs::directory_iterator(path)) {
      const std::string name = entry.path().filename().string();
      Node& node = enter(AT_FDCWD, entry.path().c_str(), directory.id, name);
      directory.names[name] = node.id;
      if (node.directory) {
        enter_all(node, entry.path());
      } else {
        node.bytes = read(entry.path());
      }
    }
  }

  static std::string read(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }

  static std::map<std::string, Id> names_of(const Node& directory, std::size_t changes) {
    std::map<std::string, Id> names = directory.names;
    for (std::size_t i = 0; i < changes; ++i) {
      for (const auto& [name, id] : directory.changes[i].names) names[name] = id;
    }
    std::erase_if(names, [](const auto& entry) { return entry.second == 0 || is_scratch(entry.first); });
    return names;
  }

  /// How many of its target's pending changes a removal needs: those up to the addition; none once that is durable.
  std::size_t needed_by(const Change& removal) const {
    const auto target = nodes_.find(removal.target);
    if (target == nodes_.end()) return 0;
    const std::deque<Change>& changes = target->second.changes;
    const auto same = [&](const Change& change) { return change.number == removal.number && change.target == 0; };
    const auto addition = std::find_if(changes.begin(), changes.end(), same);
    return addition == changes.end() ? 0 : static_cast<std::size_t>(addition - changes.begin()) + 1;
  }

  void settle(Node& directory, std::size_t changes) {
    for (; changes > 0; --changes) {
      const Change change = std::move(directory.changes.front());
      directory.changes.pop_front();
      if (const std::size_t needed = needed_by(change)) settle(nodes_.at(change.target), needed);
      for (const auto& [name, id] : change.names) directory.names[name] = id;
    }
    std::erase_if(directory.names, [](const auto& entry) { return entry.second == 0; });
  }

  /// Lets go of what no name leads to, durable or pending: it cannot be in an image.
  void forget_nameless() {
    std::set<Id> named;
    std::vector<Id> next{root_->id};
    while (!next.empty()) {
      const Id id = next.back();
      next.pop_back();
      if (id == 0 || !named.insert(id).second) continue;
      for (const auto& [name, child] : nodes_.at(id).names) next.push_back(child);
      for (const Change& change : nodes_.at(id).changes) {
        for (const auto& [name, child] : change.names) next.push_back(child);
      }
    }
    std::erase_if(nodes_, [&](const auto& entry) {
      if (named.contains(entry.first)) return false;
      ::close(entry.second.pin);
      ids_.erase(entry.second.inode);
      return true;
    });
  }

  void compare(const Node& directory, const fs::path& path, std::vector<std::string>& found) const {
    auto names = names_of(directory, directory.changes.size());
    for (const fs::directory_entry& entry : fs::directory_iterator(path)) {
      const std::string name = entry.path().filename().string();
      const auto known = names.extract(name);
      if (known.empty()) {
        if (!is_scratch(name)) found.push_back(entry.path().string() + " is there and not known");
        continue;
      }
      const Node& node = nodes_.at(known.mapped());
      if (node.directory) {
        compare(node, entry.path(), found);
        continue;
      }
      std::string content = node.bytes;
      for (const Edit& edit : node.edits) apply(content, edit);
      if (content != read(entry.path())) found.push_back(entry.path().string() + " has other contents than known");
    }
    for (const auto& [name, id] : names) found.push_back((path / name).string() + " is known and not there");
  }

  fs::path root_path_;
  std::map<Id, Node> nodes_;
  std::map<std::pair<dev_t, ino_t>, Id> ids_;
  Id last_id_ = 0;
  std::uint64_t renames_ = 0;
  Node* root_ = nullptr;  // the last member: making it needs the others
};

/// What is there when the power is back.
class Model::Image {
 public:
  Image(const Model& model, std::uint64_t seed) : model_(model), all_lost_(seed == 0), random_(seed) {
    // Few losses, about half or most, by the seed: with one rate only, long histories would all look alike.
    kept_of_8_ = std::array<std::uint64_t, 3>{7, 4, 1}[random_() % 3];
    for (const auto& [id, node] : model_.nodes_) kept_[id] = all_lost_ ? 0 : random_() % (node.changes.size() + 1);
    for (bool again = true; again;) {
      again = false;
      for (const auto& [id, node] : model_.nodes_) again |= without_bare_removals(kept_[id], node);
    }
  }

  void write_to(const fs::path& target) { write(*model_.root_, target); }

 private:
  bool without_bare_removals(std::size_t& changes, const Node& directory) {
    for (std::size_t i = 0; i < changes; ++i) {
      const std::size_t needed = model_.needed_by(directory.changes[i]);
      if (needed == 0 || needed <= kept_[directory.changes[i].target]) continue;
      changes = i;
      return true;
    }
    return false;
  }

  void write(const Node& directory, const fs::path& target) {
    fs::create_directories(target);
    if (!above_.insert(directory.id).second) return;  // of two names, one may lead into the folder itself
    for (const auto& [name, id] : names_of(directory, kept_[directory.id])) {
      const Node& node = model_.nodes_.at(id);
      const fs::path path = target / name;
      if (node.directory) {
        write(node, path);
      } else if (const auto [first, is_first] = written_.try_emplace(id, path); is_first) {
        std::ofstream out(path, std::ios::binary);
        out << content(node) << std::flush;
        if (!out) end_process(status_wrong, "cannot write " + path.string());
      } else {
        fs::create_hard_link(first->second, path);
      }
    }
    above_.erase(directory.id);
  }

  std::string content(const Node& file) {
    std::string content = file.bytes;
    if (all_lost_) return content;
    for (const Edit& edit : file.edits) {
      const std::size_t end = edit.offset + edit.bytes.size();
      const std::size_t first = edit.offset / sector + 1, last = (end + sector - 1) / sector;  // boundaries within
      if (random_() % 8 < kept_of_8_) {
        apply(content, edit);
        continue;
      }
      const std::uint64_t how = edit.truncates ? 0 : random_() % 4;
      if (how == 1) content.resize(std::max(content.size(), end));  // zeros
      if (how < 2 || first >= last) continue;
      const std::size_t front = (first + random_() % (last - first)) * sector - edit.offset;
      if (how == 2) apply(content, {false, edit.offset, edit.bytes.substr(0, front)});
      if (how == 3) apply(content, {false, edit.offset + front, edit.bytes.substr(front)});
    }
    return content;
  }

  static constexpr std::size_t sector = 512;
  const Model& model_;
  bool all_lost_;
  std::mt19937_64 random_;
  std::uint64_t kept_of_8_ = 0;
  std::map<Id, std::size_t> kept_;
  std::map<Id, fs::path> written_;
  std::set<Id> above_;
};

// What the calls (disk_calls.cpp) need of disk.cpp:

/// The lock on everything. Calls that its holder makes are passed on.
class Held {
 public:
  Held() {
    if (depth++ == 0) mutex.lock();
  }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() {
    if (--depth == 0) mutex.unlock();
  }

  static inline constinit thread_local int depth = 0;

 private:
  static inline constinit std::mutex mutex;
};

bool watching();
Model& model();  // if held

enum class Fate { goes_on, halved, fails };
/// Counts an operation that is about to happen, and says what becomes of it; does not return from a power cut.
Fate begin(const std::string& what, const Node* written = nullptr, std::size_t size = 0);

}  // namespace disk
