// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/any/any_observer.hpp>
#include <assay/any/any_pool.hpp>
#include <assay/any/any_stop.hpp>
#include <assay/error.hpp>
#include <assay/label/context.hpp>
#include <assay/options.hpp>
#include <assay/storage.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace assay {

/// Whether a campaign that is already in the directory is continued.
enum class Resume {
  never,       ///< there must be none: refuse to touch it
  if_present,  ///< continue it if there is one, else start
  required,    ///< there must be one
};

/// What happens to a sample of the same content as one that is labeled or being simulated.
enum class Duplicates {
  reuse,      ///< the label is copied: the simulation is deterministic
  replicate,  ///< it is simulated again, with a seed of its own: the simulation is stochastic
};

/// How a campaign is run, apart from its strategies: plain data, to and from JSON.
struct DriverOptions {
  std::filesystem::path dir;
  std::int64_t max_rounds = 10;
  std::uint64_t seed = 0;
  Resume resume = Resume::never;
  std::optional<std::int64_t> label_budget = std::nullopt;
  bool skip_training = false;
  bool skip_metrology = false;
  bool skip_labeling = false;
  bool final_training = true;
  std::int64_t checkpoint_every_epochs = 0;
  std::int64_t keep_checkpoints = 2;
  Storage storage = Storage::automatic;
  std::filesystem::path ledger_dir = {};
  std::filesystem::path scratch = {};
  std::optional<std::chrono::duration<double>> wall_time = std::nullopt;
  std::string label_version = "";
  Duplicates duplicates = Duplicates::reuse;
  std::vector<AnyStop> stop = {};
  std::vector<AnyObserver> observers = {};

  static constexpr std::array describe{
      OptionInfo{.name = "dir", .help = "campaign directory; made if it is not there", .required = true},
      OptionInfo{.name = "max_rounds", .help = "rounds of query and labeling", .min = 0},
      OptionInfo{.name = "seed", .help = "of every random stream in the campaign"},
      OptionInfo{.name = "resume", .help = "what to do about a campaign that is already in the directory"},
      OptionInfo{.name = "label_budget",
                 .help = "samples that may be sent to the label strategy in all, initial and validation ones included",
                 .min = 0},
      OptionInfo{.name = "skip_training", .help = "leave the learner as it is"},
      OptionInfo{.name = "skip_metrology", .help = "do not measure"},
      OptionInfo{.name = "skip_labeling", .help = "choose samples, leave them queued in the ledger"},
      OptionInfo{.name = "final_training", .help = "train and measure once more on all labels at the end"},
      OptionInfo{
          .name = "checkpoint_every_epochs", .help = "also in the middle of a training; 0: at phases only", .min = 0},
      OptionInfo{.name = "keep_checkpoints", .help = "older ones are deleted", .min = 1},
      OptionInfo{.name = "storage",
                 .help = "whether the campaign directory lies on a disk of this host or on shared storage"},
      OptionInfo{.name = "ledger_dir",
                 .help = "local folder for the ledger, copied back after each phase; labels paid for since then are "
                         "lost with that disk"},
      OptionInfo{.name = "scratch",
                 .help = "folder for the directories of simulations, under the campaign's id; empty: in 'dir'"},
      OptionInfo{
          .name = "wall_time",
          .help = "of this session, from its opening: no simulation is started that may take longer than what is "
                  "left, and the campaign stops so that it can be resumed",
          .min = 0},
      OptionInfo{.name = "label_version",
                 .help = "what labels depend on beside the inputs (solver, mesh, settings): labels of another version "
                         "are never taken for these"},
      OptionInfo{.name = "duplicates", .help = "what happens to a sample whose content was labeled before"},
      OptionInfo{.name = "stop",
                 .help = "criteria asked after each round's metrology; the first that fires ends the campaign"},
      OptionInfo{.name = "observers", .help = "told about everything that happens: logs, progress bars"},
  };
};

/// The samples of a campaign. A pool whose samples carry all targets counts as labeled; `labeled`, `validation` and
/// `test` pools without targets are sent through the label strategy in round 0.
struct Pools {
  AnyPool labeled = {};
  AnyPool unlabeled = {};
  AnyPool validation = {};  ///< for early stopping
  AnyPool test = {};        ///< only ever measured
};

/// The outcome of one sample that was asked for.
struct Told {
  SampleId id = -1;
  Outcome outcome;
  /// Of the attempt that it is the outcome of (`Driver::attempts`), where it is known: a failure of an earlier attempt
  /// is then old news, not one of the attempt that is under way.
  std::optional<int> attempt = std::nullopt;
  std::string solver = {};  ///< the version of what computed it, where it is known
};

/// What telling one outcome did.
struct TellResult {
  enum class Kind {
    taken,    ///< it is in the ledger
    known,    ///< it was: nothing changed
    refused,  ///< labels that cannot be taken: kept raw, the sample counts as failed
    wrong,    ///< it cannot be an outcome of this sample: nothing changed
  };
  Kind kind = Kind::taken;
  std::string reason = {};               ///< of labels that were refused
  std::optional<ErrorParts> error = {};  ///< why it is wrong
};

/// How long a sample that was asked for stays with who asked.
enum class Asked {
  until_restart,  ///< the next process offers it again
  until_told,     ///< over restarts, however long it takes
  until_kept,     ///< reserved in this process alone: the ledger knows of it from `Driver::keep_asked` on
};

/// How `Driver::run` or `Driver::advance` ended.
enum class RunStatus {
  finished,  ///< rounds, budget, a stop criterion, or the candidates came to their end
  stopped,   ///< a stop was requested, or the wall time is over; call again, or resume, to continue
  waiting,   ///< `advance` only: there are samples to ask for, or asked for and not yet told
};

}  // namespace assay
