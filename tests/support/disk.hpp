// SPDX-License-Identifier: Apache-2.0
// A disk that fills up, breaks or loses its power, for tests of what is on it.
//
// The test executable defines open, write, fsync, rename and their kin itself (disk.cpp), so that the library, SQLite
// and libstdc++ all go through this file. Outside of the watched folder, and while nothing is watched, calls are passed
// on. A fork forwards too, until it watches something itself: a test forks a child per case, the child watches, arms
// and runs, and the parent looks at what is left.
//
// What a power cut leaves, after POSIX and no file system in particular:
//  - The tree that `watch` found is durable. Data becomes durable with fsync or fdatasync of the file. A name (made,
//    renamed, linked, removed) becomes durable with either call on its folder, and with nothing else.
//  - Seed 0 loses all that is not durable. Any other seed draws for every pending write or truncation by itself whether
//    it is there, lost, torn at a 512-byte boundary (either side may be the one that is there), or there as size only
//    (zeros). Of each folder's pending names a prefix is there, of an order in which they were changed.
//  - A rename between two folders is an addition in one and a removal in the other. The removal is not there without
//    the addition: syncing the source also makes durable what the target got up to that addition. Syncing the target
//    only may leave both names. If the target folder's own name is not durable, the content goes with it.
//  - "*-shm" is SQLite's shared memory: counted, and gone after the cut.
// Not modelled: the moment between two halves of one call, other processes, modes, times and owners, symbolic links,
// O_TMPFILE, O_SYNC and sync() (both taken as nothing), an fsync that fails and is tried again (the second one is
// believed), files that have no durable or pending name left (no longer counted). What reaches a file past this shim
// (mmap, fwrite, other processes) makes `differences` speak, which a cut asks first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace disk {

enum class Fault {
  no_space,    // ENOSPC
  io_error,    // EIO
  short_write  // half of a write's bytes arrive, and the next write to that file gets ENOSPC; ENOSPC for other calls
};

/// Whether processes beside this one write under the root: a cut then does not hold the model against the real tree.
enum class Others { idle, writing };

/// Exit statuses of a process that a cut ends, of one whose model was wrong, and of one that did what is not modelled.
inline constexpr int status_cut = 99, status_wrong = 98, status_unmodelled = 97;

/// Forgets what was armed and counted, and begins with the tree under `root` as it is now, which must be of folders and
/// plain files. While SQLite has a file of it open, neither this nor `differences` may be called: they open and close
/// the files, which drops the process's locks.
void watch(const std::filesystem::path& root, Others others = Others::idle);

/// The n-th operation since `watch`, from 1 on, fails and does nothing. Operations are what changes something under the
/// root, and fsync: reads, and calls that would find nothing to change, do not count.
void fail_at(std::size_t n, Fault fault);
/// It and all that follow: a disk that stays full or broken. Removals and fsync fail too.
void fail_from(std::size_t n, Fault fault);

/// Ends the process with `status_cut` where the n-th operation would begin, after writing to the new folder `target`,
/// which is outside of the root, what is there when the power is back. More calls with the same n add images.
void cut_at(std::size_t n, const std::filesystem::path& target, std::uint64_t seed);
/// Writes such an image as of now, or of the moment before the operation where `before_each` looks.
void survivors(const std::filesystem::path& target, std::uint64_t seed);

/// Calls this before each operation, with its number, under the lock: with `survivors` in it, one run gives the images
/// of all cuts. Calls that it makes itself are passed on and not counted; it must not use the database that is running.
void before_each(std::function<void(std::size_t n)> look);

/// The number of operations since `watch`.
std::size_t operations();
/// One line for each: "pwrite ledger.sqlite-wal 4096", with the fault it met.
std::vector<std::string> log();

/// Where the model of the tree, everything pending included, differs from the real one: nowhere if it saw all.
std::vector<std::string> differences();

/// Watches nothing any longer; counts and log stay until the next `watch`.
void reset();

}  // namespace disk
