// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace assay::app {

/// Prints where a campaign stands; works while another process runs it.
void show(const std::filesystem::path& campaign, bool json);
/// Prints every registered key with its options.
void strategies(bool json);

/// Prints what `check_campaign` or, with `repair`, `repair_campaign` found. \return false if problems are left.
bool check(const std::filesystem::path& campaign, bool repair, bool json);
/// Queues samples again; without ids all that failed.
void retry(const std::filesystem::path& campaign, const std::vector<std::int64_t>& ids);
void abandon(const std::filesystem::path& campaign, const std::vector<std::int64_t>& ids);
void import(const std::filesystem::path& campaign, const std::filesystem::path& other);
/// Prints the first difference. \return true if there is none.
bool diff(const std::filesystem::path& a, const std::filesystem::path& b);
/// Writes all labels of a campaign. \param format csv, npz or safetensors. An empty `out` is stdout, for csv alone.
void export_labels(const std::filesystem::path& campaign, const std::string& format, const std::filesystem::path& out);
struct SelectArguments {
  std::string method, pool, train, pending, weight, cost, memory, out, device = "cpu";
  std::vector<std::string> options;
  std::int64_t count = 1;
  std::uint64_t seed = 0;
  int threads = 0;
  bool json = false, plan = false;
};
struct CompareArguments;
/// Runs offline campaigns on labeled data and prints what they come to. \param command this program's own arguments.
void compare(const CompareArguments& arguments, const std::vector<std::string>& command);
struct RecommendArguments {
  std::filesystem::path data, dir = "recommend";
  std::vector<std::string> targets;
  std::int64_t seeds = 10, jobs = 0;
  bool json = false, classify = false;
};
/// Compares learners and strategies on labeled samples, and says which to take. \param program this program's file.
void recommend(const RecommendArguments& arguments, const std::string& program);
/// Chooses rows of a file of features.
void select(const SelectArguments& arguments);

}  // namespace assay::app
