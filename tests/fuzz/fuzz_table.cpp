// SPDX-License-Identifier: Apache-2.0
// A CSV table, as `tell`, `predict` and `import` read them: names, columns, numbers; what is accepted comes back the
// same from its own encoding. A table with columns x and y is also imported into a campaign.
#include "fuzz.hpp"

#include <assay/config.hpp>
#include <assay/data/npy.hpp>
#include <assay/data/table.hpp>
#include <assay/detail/files.hpp>
#include <assay/tools/import_table.hpp>

#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <iterator>

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

/// What a table says of a field without its numbers.
void describe(const Table& table, const std::string& field) {
  table.unit(field);
  table.texts(field);
  fuzz::require(!table.headers(field).empty() && table.contains(field), "a field has columns");
  const std::optional<std::string> own = table.own(field, table.fields());
  fuzz::require(!own || *own == "assay." + field, "a field is none of assay's own columns");
  fuzz::accepts([&] { table.require({.column = field, .unit = "mm"}); });
}

/// As names of categories, and as a target that may lack: both say what they refuse, or give numbers.
void read_otherwise(const Table& table, const std::string& field, std::vector<std::string>& problems) {
  const WantedField names{.column = field, .categories = {"x", "2", "steel"}}, gaps{.column = field, .may_lack = true};
  for (const WantedField& wanted : {names, gaps}) {
    const std::size_t before = problems.size();
    const torch::Tensor numbers = table.numbers(wanted, problems);
    if (problems.size() > before) continue;
    tally.count(wanted.may_lack ? "gaps" : "categories");
    fuzz::require(wanted.may_lack || all_finite({{"x", numbers}}), "a category has a number");
  }
}

std::map<std::string, WantedField> look_at(const Table& table) {
  std::vector<std::string> problems;
  std::map<std::string, WantedField> fields;
  fuzz::accepts([&] { table.require({.column = "of no such name"}); });
  fuzz::require(!table.is_own("id"), "a column is assay's own by its whole name");
  for (const std::string& field : table.fields()) {
    const WantedField wanted{.column = field};
    if (!fuzz::accepts([&] { table.require(wanted); })) continue;
    fields[field] = wanted;
    describe(table, field);
    read_otherwise(table, field, problems);
    for (std::int64_t row = 0; row < table.rows(); ++row) {
      table.text(row, field);
      const std::optional<torch::Tensor> numbers = table.numbers(row, wanted, problems);
      if (!numbers) continue;
      tally.count("numbers");
      fuzz::require(all_finite({{"x", *numbers}}), "numbers are finite");
    }
  }
  fuzz::require(listed_problems(problems).size() < 100'000 + 20 * 10'000, "a list of problems is short");
  return fields;
}

/// The numbers of all fields, if they can be read.
std::optional<Values> batch_of(const Table& table) {
  const std::map<std::string, WantedField> fields = look_at(table);
  Values batch;
  if (fields.empty() || table.rows() == 0) return std::nullopt;
  if (!fuzz::accepts([&] { batch = table.batch(fields); })) return std::nullopt;
  tally.count("batches");
  return batch;
}

void compare_with_its_encoding(const Values& batch) {
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

/// The same numbers as arrays of several kinds, as a `.npz` or `.safetensors` has them.
void look_at_arrays(const Values& batch) {
  constexpr torch::Dtype dtypes[] = {torch::kFloat64, torch::kFloat32, torch::kInt64,
                                     torch::kUInt8,   torch::kBool,    torch::kComplexDouble};
  Values arrays;
  for (const auto& [name, tensor] : batch) {
    const std::size_t number = arrays.size() + static_cast<std::size_t>(tensor.size(0));
    torch::Tensor array = tensor.to(dtypes[number % std::size(dtypes)]);
    if (number % 7 == 5) array = array.flatten()[0];
    if (number % 7 == 6) array = array.slice(0, 1);
    arrays.set(name, array);
  }
  std::optional<Table> table;
  if (!fuzz::accepts([&] { table.emplace(Table::from_arrays(arrays, "arrays")); })) return;
  tally.count("arrays");
  look_at(*table);
  fuzz::accepts([&] { table->all(); });
}

/// The same numbers as a matrix in a file.
void look_at_matrix(const Values& batch, const fs::path& folder) {
  std::vector<torch::Tensor> columns;
  for (const auto& [name, tensor] : batch) columns.push_back(tensor.reshape({tensor.size(0), -1}));
  torch::Tensor matrix = torch::cat(columns, 1);
  if (matrix.size(0) == 3) matrix = matrix.flatten();
  write_npy(folder / "matrix.npy", matrix);
  fuzz::accepts([&] {
    const Table table = read_table(folder / "matrix.npy");
    tally.count("matrices");
    fuzz::require(table.rows() == matrix.size(0), "a matrix has its rows");
    for (const std::string& field : table.fields()) table.numbers(WantedField{.column = field});
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tally.count("runs");
  const std::string_view text = fuzz::text_of(data, size);
  std::optional<Table> read;
  if (!fuzz::accepts([&] { read.emplace(Table::from_csv(text, "input")); })) return 0;
  const Table& table = *read;
  tally.count("tables");
  static const Campaign campaign;
  if (const std::optional<Values> batch = batch_of(table)) {
    compare_with_its_encoding(*batch);
    look_at_arrays(*batch);
    look_at_matrix(*batch, campaign.path);
  }
  if (!table.contains("x") || !table.contains("y")) return 0;
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
