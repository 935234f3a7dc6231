// SPDX-License-Identifier: Apache-2.0
#include <assay/config.hpp>
#include <assay/tools/campaign_space.hpp>

namespace assay {

std::optional<Space> campaign_space(const std::filesystem::path& campaign) {
  const Json configuration = detail::kept_configuration(campaign);
  const auto of = [](const Json& json, const char* name) {
    return json.is_object() && json.contains(name) ? Json(json.at(name)) : Json();
  };
  const Json pool = of(of(configuration, "pools"), "unlabeled"), constraints = of(pool, "constraints");
  Json space = of(pool, "space");
  if (space.is_null()) space = of(configuration, "space");  // of all pools, those from files too
  if (space.is_null()) return std::nullopt;
  return space_from_json({{"variables", space}, {"constraints", constraints.is_null() ? Json::array() : constraints}});
}

}  // namespace assay
