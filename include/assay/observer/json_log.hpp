// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/detail/files.hpp>
#include <assay/observer/event.hpp>

#include <filesystem>
#include <string>

namespace assay {

/// Appends every event but the epochs to a file, one JSON object a line, with the time (UTC) and the campaign's id.
class JsonLog {
 public:
  JsonLog(const std::filesystem::path& file, std::string campaign_id);
  void observe(const Event& event);

 private:
  detail::AppendFile file_;
  std::string campaign_id_;
};

}  // namespace assay
