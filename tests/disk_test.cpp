// SPDX-License-Identifier: Apache-2.0
// The disk of the tests (support/disk.hpp) itself: that it loses what POSIX lets it lose, and keeps the rest.
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/disk.hpp"
#include "support/folder.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <set>
#include <thread>
#include <utility>

namespace fs = std::filesystem;
using child::require;

namespace {

struct WatchedFolder : temporary::MemoryFolder {
  WatchedFolder() { fs::create_directory(root()); }
  fs::path root() const { return path() / "root"; }
};

std::string content_or_none(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return in ? std::string{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()} : "none";
}

class File {
 public:
  File(const fs::path& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {
    require(fd_ >= 0, "open " + path.string());
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { ::close(fd_); }
  void write(const std::string& bytes) const {
    require(::write(fd_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()), "write");
  }
  void sync() const { require(::fsync(fd_) == 0, "fsync"); }
  int fd() const { return fd_; }

 private:
  int fd_;
};

void sync_folder(const fs::path& folder) { File(folder, O_RDONLY | O_DIRECTORY).sync(); }
void write_file(const fs::path& path, const std::string& bytes, bool sync) {
  const File file(path, O_WRONLY | O_CREAT | O_TRUNC);
  file.write(bytes);
  if (sync) file.sync();
}

class PlainDatabase {
 public:
  explicit PlainDatabase(const fs::path& file) {
    if (sqlite3_open(file.c_str(), &handle_) != SQLITE_OK) sqlite3_close(std::exchange(handle_, nullptr));
  }
  PlainDatabase(const PlainDatabase&) = delete;
  PlainDatabase& operator=(const PlainDatabase&) = delete;
  ~PlainDatabase() { sqlite3_close(handle_); }
  bool run(const std::string& sql) { return !column(sql).contains("error"); }
  /// The first column; "error" in place of what cannot be read.
  std::set<std::string> column(const std::string& sql) {
    std::set<std::string> all;
    const auto take = [](void* to, int, char** values, char**) {
      static_cast<std::set<std::string>*>(to)->insert(values[0] ? values[0] : "");
      return 0;
    };
    if (!handle_ || sqlite3_exec(handle_, sql.c_str(), take, &all, nullptr) != SQLITE_OK) all.insert("error");
    return all;
  }

 private:
  sqlite3* handle_ = nullptr;
};

constexpr int rows = 20;
constexpr const char* wal_full = "journal_mode = WAL; PRAGMA synchronous = FULL";

/// Commits rows 1 to 20, and counts in `returned` the commits that have returned. Checkpoints often, so that cuts meet
/// those too. Stops at the first error.
void commit_rows(const fs::path& root, int& returned, const std::string& mode) {
  PlainDatabase database(root / "l.sqlite");
  if (!database.run("PRAGMA wal_autocheckpoint = 12; PRAGMA " + mode)) return;
  if (!database.run("CREATE TABLE IF NOT EXISTS t (i INTEGER PRIMARY KEY, filler TEXT)")) return;
  for (int i = 1; i <= rows; ++i) {
    const std::string row = std::to_string(i) + ", hex(randomblob(900))";
    if (!database.run("BEGIN; INSERT OR REPLACE INTO t VALUES (" + row + "); COMMIT")) return;
    ++returned;
  }
}

/// What is wrong with a database after a cut or a fault: nothing, damage, or a lost row.
std::string trouble(const fs::path& file, int returned) {
  if (!fs::exists(file)) return returned == 0 ? "" : "lost";
  PlainDatabase database(file);
  database.run("PRAGMA synchronous = OFF");
  if (database.column("PRAGMA integrity_check") != std::set<std::string>{"ok"}) return "damaged";
  const std::set<std::string> found = database.column("SELECT i FROM t");
  for (int i = 1; i <= returned; ++i) {
    if (!found.contains(std::to_string(i))) return "lost";
  }
  return "";
}

struct Tally {
  int cuts = 0, images = 0, lost = 0, damaged = 0;
};

/// Cuts the power at each operation, and after the last.
Tally cut_everywhere(const std::string& mode, std::uint64_t seeds) {
  const WatchedFolder folder;
  const auto image = [&](std::size_t n, std::uint64_t seed) {
    return folder / std::to_string(n) / std::to_string(seed);
  };
  int returned = 0;
  std::vector<int> returned_before;
  const auto look = [&](std::size_t n) {
    for (std::uint64_t s = 0; s < seeds; ++s) disk::survivors(image(n, s), s == 0 ? 0 : 1000 * n + s);
    returned_before.push_back(returned);
  };
  disk::watch(folder.root());
  disk::before_each(look);
  commit_rows(folder.root(), returned, mode);
  look(disk::operations() + 1);
  CHECK(returned == rows);
  CHECK(disk::differences().empty());
  disk::reset();
  Tally tally;
  for (std::size_t n = 1; n <= returned_before.size(); ++n, ++tally.cuts) {
    for (std::uint64_t seed = 0; seed < seeds; ++seed, ++tally.images) {
      const std::string what = trouble(image(n, seed) / "l.sqlite", returned_before[n - 1]);
      tally.lost += what == "lost";
      tally.damaged += what == "damaged";
    }
  }
  return tally;
}

constexpr std::uint64_t many_seeds = 40;
const std::string old_bytes(1300, 'o'), new_bytes(1700, 'n');
using Contents = std::set<std::string>;

/// The contents that `name` may have after a cut before each operation and after the last: "none" if it is not there.
/// There is a file "f" before anything is watched. The last element are the contents after the task has returned.
std::vector<Contents> contents_after_cuts(const std::string& name, const std::function<void(const fs::path&)>& task) {
  std::vector<Contents> all;
  for (std::size_t n = 1;; ++n) {
    const WatchedFolder folder;
    std::ofstream(folder.root() / "f", std::ios::binary) << old_bytes;
    const int status = child::run([&] {
      disk::watch(folder.root());
      for (std::uint64_t seed = 0; seed < many_seeds; ++seed) disk::cut_at(n, folder / std::to_string(seed), seed);
      task(folder.root());
      for (std::uint64_t seed = 0; seed < many_seeds; ++seed) disk::survivors(folder / std::to_string(seed), seed);
      require(disk::differences().empty(), "the model has lost track");
    });
    REQUIRE((status == 0 || status == disk::status_cut));
    all.emplace_back();
    for (std::uint64_t seed = 0; seed < many_seeds; ++seed) {
      all.back().insert(content_or_none(folder / std::to_string(seed) / name));
    }
    if (status == 0) return all;
  }
}

void replace(const fs::path& root, bool sync_file, bool sync_names) {
  write_file(root / "f.new", new_bytes, sync_file);
  fs::rename(root / "f.new", root / "f");
  if (sync_names) sync_folder(root);
}

}  // namespace

// What SQLite's documentation promises for each mode, no less and no more.
TEST_CASE("a power cut takes no row whose commit returned from a synced database", "[disk]") {
  for (const std::string mode : {wal_full, "journal_mode = DELETE; PRAGMA synchronous = EXTRA"}) {
    const Tally tally = cut_everywhere(mode, 8);
    CAPTURE(mode, tally.cuts, tally.images);
    CHECK(tally.cuts > 100);
    CHECK(tally.lost == 0);
    CHECK(tally.damaged == 0);
  }
}

TEST_CASE("a power cut takes rows, and does no damage, where commits are not synced or the journal's end is not",
          "[disk]") {
  for (const std::string mode :
       {"journal_mode = WAL; PRAGMA synchronous = NORMAL", "journal_mode = DELETE; PRAGMA synchronous = FULL"}) {
    const Tally tally = cut_everywhere(mode, 4);
    CAPTURE(mode, tally.cuts, tally.images);
    CHECK(tally.lost > 0);
    CHECK(tally.damaged == 0);
  }
}

TEST_CASE("a power cut takes rows from a database that does not sync, and damages it", "[disk]") {
  const Tally tally = cut_everywhere("journal_mode = WAL; PRAGMA synchronous = OFF", 8);
  CAPTURE(tally.cuts, tally.images);
  CHECK(tally.lost > tally.images / 10);
  CHECK(tally.damaged > 0);
}

TEST_CASE("a file that is replaced with all syncs is the old or the new one after a power cut", "[disk]") {
  const auto all = contents_after_cuts("f", [](const fs::path& root) { replace(root, true, true); });
  REQUIRE(all.size() == 6);  // create, write, fsync, rename, fsync; after them
  for (const Contents& some : all) {
    for (const std::string& one : some) CHECK((one == old_bytes || one == new_bytes));
  }
  CHECK(all[3] == Contents{old_bytes});
  CHECK(all[4] == Contents{old_bytes, new_bytes});
  CHECK(all[5] == Contents{new_bytes});
}

TEST_CASE("a file that is replaced without a sync of its own may be empty or torn", "[disk]") {
  const Contents last = contents_after_cuts("f", [](const fs::path& root) { replace(root, false, true); }).back();
  CHECK(last.contains(""));
  CHECK(last.contains(new_bytes));
  CHECK_FALSE(last.contains(old_bytes));
  CHECK((last.contains(new_bytes.substr(0, 512)) || last.contains(new_bytes.substr(0, 1024))));
  CHECK(last.contains(std::string(new_bytes.size(), '\0')));
}

TEST_CASE("a file that is replaced without a sync of its folder may be the old one", "[disk]") {
  const auto all = contents_after_cuts("f", [](const fs::path& root) { replace(root, true, false); });
  CHECK(all.back() == Contents{old_bytes, new_bytes});
}

TEST_CASE("a synced file in a folder whose own name is not synced may be gone", "[disk]") {
  const auto make = [](const fs::path& root, bool sync_name) {
    fs::create_directory(root / "d");
    write_file(root / "d/f", new_bytes, true);
    sync_folder(root / "d");
    if (sync_name) sync_folder(root);
  };
  CHECK(contents_after_cuts("d/f", [&](const fs::path& root) { make(root, false); }).back() ==
        Contents{"none", new_bytes});
  CHECK(contents_after_cuts("d/f", [&](const fs::path& root) { make(root, true); }).back() == Contents{new_bytes});
}

TEST_CASE("a rename between two folders loses no content whichever of them is synced", "[disk]") {
  for (const std::string synced : {"", "a", "b"}) {
    const WatchedFolder folder;
    fs::create_directory(folder.root() / "a");
    fs::create_directory(folder.root() / "b");
    std::ofstream(folder.root() / "a/f", std::ios::binary) << old_bytes;
    REQUIRE(child::run([&] {
              disk::watch(folder.root());
              fs::rename(folder.root() / "a/f", folder.root() / "b/g");
              if (!synced.empty()) sync_folder(folder.root() / synced);
              for (std::uint64_t seed = 0; seed < many_seeds; ++seed)
                disk::survivors(folder / std::to_string(seed), seed);
            }) == 0);
    Contents seen;
    for (std::uint64_t seed = 0; seed < many_seeds; ++seed) {
      const fs::path image = folder / std::to_string(seed);
      seen.insert(std::string(fs::exists(image / "a/f") ? "from " : "") + (fs::exists(image / "b/g") ? "to" : ""));
    }
    CAPTURE(synced);
    if (synced.empty()) CHECK(seen == Contents{"from ", "from to", "to"});
    if (synced == "a") CHECK(seen == Contents{"to"});
    if (synced == "b") CHECK(seen == Contents{"from to", "to"});
  }
}

TEST_CASE("a fault in a database's files is an error and no damage", "[disk]") {
  for (const disk::Fault fault : {disk::Fault::no_space, disk::Fault::io_error, disk::Fault::short_write}) {
    for (const bool stays : {false, true}) {
      std::size_t n = 0, errors = 0;
      for (bool met = true; met;) {
        const WatchedFolder folder;
        disk::watch(folder.root());
        ++n;
        stays ? disk::fail_from(n, fault) : disk::fail_at(n, fault);
        int returned = 0, again = 0;
        commit_rows(folder.root(), returned, wal_full);
        met = disk::operations() >= n;
        errors += returned < rows;
        CAPTURE(n, stays, static_cast<int>(fault));
        CHECK(disk::differences().empty());
        disk::watch(folder.root());  // a disk that works again
        CHECK(trouble(folder.root() / "l.sqlite", returned).empty());
        commit_rows(folder.root(), again, wal_full);
        CHECK(again == rows);
        CHECK(trouble(folder.root() / "l.sqlite", rows).empty());
        disk::reset();
      }
      CAPTURE(n, errors, stays, static_cast<int>(fault));
      CHECK(n > 100);
      CHECK(errors > n / 2);
    }
  }
}

TEST_CASE("a fault is met by the operation it was armed for, and only under the root", "[disk]") {
  const WatchedFolder folder;
  CHECK(child::run([&] {
          disk::watch(folder.root());
          disk::fail_at(3, disk::Fault::short_write);
          const File outside(folder / "o", O_WRONLY | O_CREAT), inside(folder.root() / "i", O_WRONLY | O_CREAT);
          outside.write("1234");
          outside.sync();
          inside.write("1234");
          require(::write(inside.fd(), "5678", 4) == 2, "half of a write");
          require(::write(inside.fd(), "78", 2) == -1 && errno == ENOSPC, "no space after it");
          inside.write("9");
          require(::unlink((folder.root() / "missing").c_str()) == -1 && errno == ENOENT, "unlink what is not there");
          disk::fail_from(6, disk::Fault::io_error);
          require(::fsync(inside.fd()) == -1 && errno == EIO, "a failing fsync");
          std::error_code error;
          fs::create_directory(folder.root() / "d", error);
          require(error == std::errc::io_error, "a failing mkdir");
          require(
              disk::log() == std::vector<std::string>{"create i", "write i 4", "write i 4 (half of it)",
                                                      "write i 2 (no space)", "write i 1",
                                                      "fsync i (input/output error)", "mkdir d (input/output error)"},
              "the log");
          require(disk::operations() == 7 && disk::differences().empty(), "the model");
        }) == 0);
  CHECK(content_or_none(folder.root() / "i") == "1234569");
}

TEST_CASE("the disk sees what the standard library does to files", "[disk]") {
  const WatchedFolder folder;
  CHECK(child::run([&] {
          const fs::path root = folder.root();
          disk::watch(root);
          fs::create_directories(root / "a/b/c");
          std::ofstream(root / "a/f") << std::string(100'000, 'x') << 1;
          std::ofstream(root / "a/f", std::ios::app) << "more";
          std::fstream(root / "a/f", std::ios::in | std::ios::out).seekp(10) << "in the middle";
          fs::copy_file(root / "a/f", root / "a/b/copy");
          fs::create_hard_link(root / "a/f", root / "a/b/link");
          fs::resize_file(root / "a/f", 500);
          fs::rename(root / "a/b", root / "moved");
          fs::current_path(root / "moved");
          std::ofstream("copy") << "by a relative path";
          require(disk::differences().empty(), "the model before removals");
          disk::survivors(folder / "image", 0);
          require(fs::is_empty(folder / "image"), "nothing was synced");
          fs::remove(root / "moved/copy");
          fs::remove_all(root / "moved");
          require(disk::differences().empty(), "the model after removals");
          sync_folder(root);
          disk::survivors(folder / "image", 0);
          require(fs::is_empty(folder / "image/a") && !fs::exists(folder / "image/moved"), "names in the root");
        }) == 0);
}

TEST_CASE("a cut reports what reached a watched file past the disk's calls", "[disk]") {
  const WatchedFolder folder;
  CHECK(child::run([&] {
          write_file(folder.root() / "f", old_bytes, true);
          disk::watch(folder.root());
          disk::cut_at(1, folder / "image", 0);
          const File file(folder.root() / "f", O_RDWR);
          static_cast<char*>(::mmap(nullptr, 100, PROT_WRITE, MAP_SHARED, file.fd(), 0))[5] = '!';
          file.sync();
        }) == disk::status_wrong);
}

TEST_CASE("the disk counts what many threads do", "[disk]") {
  const WatchedFolder folder;
  CHECK(child::run([&] {
          disk::watch(folder.root());
          std::vector<std::thread> threads;
          for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&, i] {
              for (int j = 0; j < 100; ++j) write_file(folder.root() / std::to_string(i), "text", true);
              const File shared(folder.root() / "shared", O_WRONLY | O_APPEND | O_CREAT);
              for (int j = 0; j < 100; ++j) shared.write("line\n");
            });
          }
          for (std::thread& thread : threads) thread.join();
          require(disk::operations() == 4 * 300 + 1 + 4 * 100, "the count");  // of three for each file, and a creation
          require(disk::differences().empty(), "the model");
        }) == 0);
}
