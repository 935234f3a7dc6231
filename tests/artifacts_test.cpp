// SPDX-License-Identifier: Apache-2.0
// Folders in a campaign for what strategies keep.
#include "support/catch.hpp"
#include "support/toy.hpp"

#include <assay/detail/files.hpp>
#include <assay/error.hpp>

using namespace assay;

namespace {

/// Keeps a file a round, in whatever slot.
struct Artist {
  Selection select(const QueryContext& context) const {
    assay::detail::write_file(context.artifacts("artist") / (std::to_string(context.round()) + ".txt"), "chosen");
    return {.positions = {0}, .scores = {}, .strategies = {}};
  }
  Measurements measure(const MetrologyContext& context) const {
    assay::detail::write_file(context.artifacts("artist") / (std::to_string(context.round()) + ".txt"), "measured");
    return {{"one", 1.0}};
  }
};

}  // namespace

TEST_CASE("strategies keep files of their own in the campaign, each slot under its name", "[driver]") {
  const toy::Folder folder;
  DriverOptions options = toy::options(folder / "c");
  options.max_rounds = 2;
  Driver driver(options, toy::pools(), toy::mlp(), Artist(), toy::label(), Metrics(Artist()), toy::loop());
  driver.run();
  CHECK(assay::detail::read_file(folder / "c/artifacts/query/artist/2.txt") == "chosen");
  CHECK(assay::detail::read_file(folder / "c/artifacts/metrology/artist/2.txt") == "measured");
}

TEST_CASE("a folder for artifacts needs a campaign and a plain name", "[driver]") {
  const toy::Folder folder;
  const ArtifactFolders artifacts(folder / "artifacts");
  CHECK(std::filesystem::is_directory(artifacts.folder("rollout")));
  CHECK_THROWS_WITH(ArtifactFolders().folder("rollout"), Contains("a context that no driver made"));
  for (const char* name : {"", ".", "..", "a/b", "/tmp"}) {
    CHECK_THROWS_WITH(artifacts.folder(name), Contains("a name without '/'"));
  }
  assay::detail::write_file(folder / "taken", "");
  CHECK_THROWS_WITH(ArtifactFolders(folder / "taken").folder("rollout"), Contains("a folder that can be made"));
}
