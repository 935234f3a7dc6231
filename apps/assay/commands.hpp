// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace assay::app {

/// Exit codes beside 0, 1 (failure) and 2 (usage).
constexpr int stopped_code = 3;  ///< stopped before the end, resumable
constexpr int nothing_code = 4;  ///< there is nothing to ask for

/// Starts a campaign from a configuration file; without a label strategy it is one to ask and tell.
void start_campaign(const std::filesystem::path& campaign, const std::filesystem::path& config);
/// Runs a campaign to its end, by its own `campaign.json`. \param rounds in all, from now on. \param wait seconds for a
/// campaign that another process holds; so it is below. \return the exit code.
int run_campaign(const std::filesystem::path& campaign, const std::string& wall_time,
                 const std::optional<std::int64_t>& rounds, double wait, bool json);
/// Does what needs no simulation, then writes samples to simulate, which stay asked for until they are told.
/// \param again those that are out already. \return the exit code.
int ask(const std::filesystem::path& campaign, std::int64_t count, bool again, const std::filesystem::path& out,
        const std::string& wall_time, double wait);
/// Takes the outcomes of samples that were asked for: columns `id`, `attempt`, `status`, `reason`, and the targets.
/// Errors: `DataError` with the rows that could not be told, when the others are.
void tell(const std::filesystem::path& campaign, const std::filesystem::path& results, double wait);
/// Writes what the surrogate of a campaign, or an exported one, says about inputs.
void predict(const std::filesystem::path& campaign, const std::filesystem::path& inputs,
             const std::filesystem::path& out, double wait);

/// Prints where a campaign stands; works while another process runs it.
void show(const std::filesystem::path& campaign, bool json);
/// Prints every registered key with its options.
void strategies(bool json);

/// Prints what `check_campaign` or, with `repair`, `repair_campaign` found. \return false if problems are left.
bool check(const std::filesystem::path& campaign, bool repair, bool json);
/// Queues samples again; without ids all that failed.
void retry(const std::filesystem::path& campaign, const std::vector<std::int64_t>& ids, double wait);
void abandon(const std::filesystem::path& campaign, const std::vector<std::int64_t>& ids, double wait);
/// Takes labels back. \param where `solver=VERSION`, or empty.
void withdraw(const std::filesystem::path& campaign, const std::vector<std::int64_t>& ids, const std::string& where,
              const std::string& reason, bool abandon, double wait);
/// Takes labels from another campaign, or from a table. \param map COLUMN of a field, as in x=column.
void import(const std::filesystem::path& campaign, const std::filesystem::path& other,
            const std::vector<std::string>& map);
/// Prints the first difference. \return true if there is none.
bool diff(const std::filesystem::path& a, const std::filesystem::path& b);
/// Writes all labels of a campaign. \param format csv, npz, h5 or safetensors. An empty `out` is stdout, for csv alone.
void export_labels(const std::filesystem::path& campaign, const std::string& format, const std::filesystem::path& out);
struct SelectArguments {
  std::string method, pool, train, pending, weight, cost, memory, out, device = "cpu";
  std::vector<std::string> options;
  std::int64_t count = 1;
  std::uint64_t seed = 0;
  int threads = 0;
  bool json = false, plan = false;
};
/// Which columns of labeled data are what. Each text is the name of a column or field, or several between commas.
struct ColumnChoice {
  std::vector<std::string> targets, inputs, drop, categorical;
  bool classify = false;
};
struct CompareArguments;
/// Runs offline campaigns on labeled data and prints what they come to. \param command this program's own arguments.
void compare(const CompareArguments& arguments, const std::vector<std::string>& command);
struct RecommendArguments {
  std::filesystem::path data, dir = "recommend";
  ColumnChoice columns;
  std::int64_t seeds = 10, jobs = 0;
  std::int64_t labels = 0, batch = 0;  ///< 0: by the number of samples
  bool json = false;
};
/// Compares learners and strategies on labeled samples, and says which to take. \param program this program's file.
void recommend(const RecommendArguments& arguments, const std::string& program);
/// Chooses rows of a file of features.
void select(const SelectArguments& arguments);

}  // namespace assay::app
