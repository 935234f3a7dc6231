// SPDX-License-Identifier: Apache-2.0
#include "../detail/current_ledger.hpp"

#include <assay/detail/files.hpp>
#include <assay/training/own_loop.hpp>

namespace assay::detail {

namespace {

/// Whether the campaign in a folder was begun with `DefaultTrainingLoop` as it is without options. What is no
/// JSON says nothing.
bool was_begun_with_default(const std::filesystem::path& dir) {
  const std::filesystem::path file = dir / "campaign.json";
  if (!std::filesystem::exists(current_ledger(dir)) || !std::filesystem::is_regular_file(file)) return false;
  const Json configuration = Json::parse(read_own_file(file, longest_json), nullptr, /*allow_exceptions=*/false);
  const auto saved = configuration.find("loop");
  if (saved == configuration.end()) return false;
  Json loop = *saved;
  const AnyTrainingLoop standard = DefaultTrainingLoop();
  standard.fill_spec(loop);
  return loop == standard.spec();
}

}  // namespace

AnyTrainingLoop own_loop(LoopMaker maker) { return maker ? maker() : AnyTrainingLoop(DefaultTrainingLoop()); }

AnyTrainingLoop begun_loop(LoopMaker maker, const std::filesystem::path& dir) {
  return own_loop(maker && was_begun_with_default(dir) ? nullptr : maker);
}

}  // namespace assay::detail
