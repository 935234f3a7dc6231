// SPDX-License-Identifier: Apache-2.0
// A CSV table, as `tell`, `predict` and `import` read them: names, columns, numbers; what is accepted comes back the
// same from its own encoding. A table with columns x and y is also imported into a campaign.
#include "fuzz.hpp"

#include <assay/config.hpp>
#include <assay/data/table.hpp>
#include <assay/detail/files.hpp>
#include <assay/tools/import_table.hpp>

#include <unistd.h>

#include <cmath>
#include <filesystem>

namespace {

using namespace assay;
namespace fs = std::filesystem;

fuzz::Tally tally("fuzz_table");

/// A campaign in memory that goes away, of one input in 0 to 4 and one target.
struct Campaign {
  fs::path path = (fs::exists("/dev/shm") ? fs::path("/dev/shm") : fs::temp_directory_path()) /
                  ("assay_fuzz_table_" + std::to_string(::getpid()));
  Campaign() {
    Json configuration = Json::parse(R"({
      "driver": {"max_rounds": 1}, "label": {"type": "external", "provides": ["y"]},
      "pools": {"unlabeled": {"type": "sobol", "count": 4, "space": [{"name": "x", "low": 0, "high": 4}]}},
      "learner": {"type": "mlp", "inputs": ["x"], "targets": ["y"], "hidden": [2]}, "query": {"type": "random"}})");
    configuration["pools"]["labeled"] = configuration["pools"]["unlabeled"];
    configuration["driver"]["dir"] = path.string();
    fs::create_directories(path);
    assay::detail::write_file(path / "config.json", configuration.dump());
    load_campaign(path / "config.json", Registries());
  }
  ~Campaign() { fs::remove_all(path); }
};

void look_at(const Table& table) {
  std::vector<std::string> problems;
  std::map<std::string, WantedField> fields;
  for (const std::string& field : table.fields()) {
    const WantedField wanted{.column = field};
    if (!fuzz::accepts([&] { table.require(wanted); })) continue;
    fields[field] = wanted;
    for (std::int64_t row = 0; row < table.rows(); ++row) {
      const std::optional<torch::Tensor> numbers = table.numbers(row, wanted, problems);
      if (!numbers) continue;
      tally.count("numbers");
      fuzz::require(all_finite({{"x", *numbers}}), "numbers are finite");
    }
  }
  fuzz::require(listed_problems(problems).size() < 100'000 + 20 * 10'000, "a list of problems is short");
  Values batch;
  if (fields.empty() || table.rows() == 0) return;
  if (!fuzz::accepts([&] { batch = table.batch(fields); })) return;
  tally.count("batches");
  // Under plain names: what may be one among others may be none alone, as a number.
  Values renamed;
  std::map<std::string, WantedField> written;
  for (const auto& [name, tensor] : batch) {
    const std::string plain = "field" + std::to_string(renamed.size());
    renamed.set(plain, tensor);
    written[plain] = {.column = plain};
  }
  const Values back = Table::from_csv(to_csv({}, renamed), "encoded again").batch(written);
  for (const auto& [name, tensor] : renamed) {
    fuzz::require(back.at(name).sizes() == tensor.sizes() && back.at(name).equal(tensor),
                  "numbers come back as they were");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tally.count("runs");
  const std::string_view text = fuzz::text_of(data, size);
  std::optional<Table> read;
  if (!fuzz::accepts([&] { read.emplace(Table::from_csv(text, "input")); })) return 0;
  const Table& table = *read;
  tally.count("tables");
  look_at(table);
  if (!table.contains("x") || !table.contains("y")) return 0;
  static const Campaign campaign;
  const fs::path file = campaign.path / "table.csv";
  assay::detail::write_file(file, text);
  fuzz::accepts([&] {
    const ImportReport report = import_table(campaign.path, file);
    tally.count("imports");
    fuzz::require(report.added + report.known + static_cast<std::int64_t>(report.refused.size()) == table.rows(),
                  "no row is dropped without a word");
  });
  return 0;
}

/// Puts pieces of tables into others: bytes alone rarely make a cell.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  static const std::vector<std::string> pieces{",",
                                               "\n",
                                               "\r\n",
                                               "\"",
                                               "\"\"",
                                               "x",
                                               "y",
                                               "f[0]",
                                               "f[1]",
                                               "f[2]",
                                               "x [mm]",
                                               "y[MPa]",
                                               "assay.id",
                                               "Unnamed: 0",
                                               "NA",
                                               "id",
                                               "status",
                                               "done",
                                               "failed",
                                               "1",
                                               "2.5",
                                               "-3",
                                               "1e-320",
                                               "1e400",
                                               "1D5",
                                               "nan",
                                               "inf",
                                               "9007199254740993",
                                               "18446744073709551616",
                                               " ",
                                               "\t",
                                               "#",
                                               ";",
                                               "\xEF\xBB\xBF",
                                               "\xC3\xA4",
                                               "\xB5",
                                               "\r",
                                               "+1",
                                               "0.1,0.2\n",
                                               "x,y\n",
                                               "x,y\n1,2\n3,4\n"};
  if (seed % 3 == 0) return LLVMFuzzerMutate(data, size, most);
  std::string text(fuzz::text_of(data, size));
  const std::string& piece = pieces[seed / 3 % pieces.size()];
  const std::size_t place = text.empty() ? 0 : seed / 131 % (text.size() + 1);
  if (seed % 3 == 1) {
    text.insert(place, piece);
  } else {
    text.replace(place, std::min(piece.size(), text.size() - place), piece);
  }
  if (text.size() > most) return LLVMFuzzerMutate(data, size, most);
  std::copy(text.begin(), text.end(), data);
  return text.size();
}
