// SPDX-License-Identifier: Apache-2.0
#include "tools/campaign_files.hpp"

#include <assay/campaign_hash.hpp>
#include <assay/checkpoint.hpp>
#include <assay/detail/restoring.hpp>
#include <assay/detail/sha256.hpp>
#include <assay/error.hpp>
#include <assay/round_files.hpp>

namespace assay {

std::string campaign_hash(const std::filesystem::path& directory) {
  const Ledger ledger = tools::open_to_read(directory);
  std::vector<std::string> damaged;
  const std::optional<Checkpoint> checkpoint = newest_checkpoint(directory, damaged);
  if (!checkpoint) {
    throw CheckpointError({"assay.checkpoint.missing", directory.string(), "an intact checkpoint",
                           damaged.empty() ? "none" : damaged.front(), ""});
  }
  detail::Sha256 digest;
  for (const NamedTensor& entry : checkpoint->tensors) {
    if (entry.name.starts_with("learner/")) digest.update(fingerprint(Values{{entry.name, entry.tensor}}));
  }
  for (const SampleId id : ledger.picked()) digest.update("picked " + std::to_string(id) + "\n");
  for (const SampleId id : ledger.integrated(0)) {
    digest.update("label " + std::to_string(id) + " " + fingerprint(ledger.labels(id)) + "\n");
  }
  detail::restoring(directory.string() + ", newest checkpoint",
                    [&] { digest.update(checkpoint->json.at("records").dump()); });
  return digest.hex();
}

}  // namespace assay
