// SPDX-License-Identifier: Apache-2.0
#include "support/catch.hpp"
#include "support/toy.hpp"

#include <assay/data/npy.hpp>
#include <assay/data/safetensors.hpp>
#include <assay/data/table.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>

#include <ATen/ops/tensor.h>

#include <cmath>
#include <limits>

using namespace assay;

namespace {

Table table_of(const std::string& text) { return Table::from_csv(text, "t.csv"); }

std::vector<double> numbers_of_field(const Table& table, const WantedField& field) {
  return Values{{"x", table.numbers(field)}}.numbers("x");
}

/// What is said of one cell that is no number; empty if it is one.
std::string said_of(const std::string& cell) {
  std::vector<std::string> problems;
  const Table table = table_of("a,b\n\"" + cell + "\",1\n");
  table.numbers(0, {.column = "a"}, problems);
  return problems.empty() ? "" : problems.front();
}

}  // namespace

TEST_CASE("CSV is read with its quotes, and what is not CSV is told with its line", "[data][table]") {
  const CsvTable table = parse_csv(
      "\xEF\xBB\xBF"
      "a, \"b\" \r\n1,\"x, \"\"y\"\"\nz\"\r\n\r\n2,\n",
      "t");
  CHECK(table.names == std::vector<std::string>{"a", "b"});
  CHECK(table.rows == std::vector<std::vector<std::string>>{{"1", "x, \"y\"\nz"}, {"2", ""}});
  CHECK(table.lines == std::vector<std::int64_t>{2, 5});
  CHECK_THROWS_WITH(parse_csv("", "t"), Contains("line 1"));
  CHECK_THROWS_WITH(parse_csv("a,a\n", "t"), Contains("'a' twice"));
  CHECK_THROWS_WITH(parse_csv("a,b\n1,2\n3\n", "t"), Contains("line 3") && Contains("2 cells"));
  CHECK_THROWS_WITH(parse_csv("a\n\"1\n", "t"), Contains("line 2") && Contains("quote"));
  CHECK(parse_csv("a;b,c\n1,2\n", "t").names[0] == "a;b");
}

TEST_CASE("columns of a table become fields", "[data][table]") {
  const Table table = table_of("id,why,u[0],u[1]\n1,\"x\ny\",1e-3, +2 \n\n2,,3,4");
  CHECK(table.fields() == std::vector<std::string>{"id", "why", "u"});
  CHECK(table.row_name(1) == "line 5");
  std::vector<std::string> problems;
  CHECK(table.numbers(0, {.column = "u"}, problems)->equal(at::tensor({0.001, 2.0}, torch::kFloat64)));
  CHECK(table.numbers(1, {.column = "id"}, problems)->dim() == 0);
  CHECK(table.shape({.column = "u"}) == std::vector<std::int64_t>{2});
  CHECK(table.shape({.column = "u[1]"}).empty());
  CHECK(numbers_of_field(table, {.column = "u[1]"}) == std::vector<double>{2, 4});
  CHECK(problems.empty());
  CHECK_FALSE(table.numbers(1, {.column = "why"}, problems));
  CHECK(problems.at(0) == "line 5: why: expected a number, got nothing");
  CHECK_THROWS_WITH(table.require({.column = "whi"}), Contains("'whi[0]'") && Contains("did you mean 'why'"));
  const Values batch = table.batch({{"n", {.column = "id"}}, {"x", {.column = "u"}}});
  CHECK(batch["n"].equal(at::tensor({1, 2}, torch::kFloat64)));
  CHECK(batch["x"].equal(at::tensor({0.001, 2.0, 3.0, 4.0}, torch::kFloat64).reshape({2, 2})));
  CHECK_THROWS_WITH(table.batch({{"n", {.column = "id"}}, {"x", {.column = "why"}}}),
                    Contains("2 problems") && Contains("line 2") && Contains("line 5"));
}

TEST_CASE("F5: a cell is a number or is named with what to do", "[data][table][f5][f9]") {
  for (const char* good : {"1.5D+00", " -2.5d-03 ", "7D2", "+9007199254740994", "9007199254740999.0", "1e300",
                           "18446744073709551616", "0018446744073709551616",
                           "\xC2\xA0"
                           "4"})
    CHECK(said_of(good).empty());
  CHECK(csv_number("1.5D+00") == 1.5);
  CHECK(csv_number("7D2") == 700);
  for (const char* text : {"D2", "d", "1.5D", "1D1D1", "nanD1", "1e5D2", "0x10", "--1", "+-1", "++1"})
    CHECK_FALSE(csv_number(text));
  const std::pair<const char*, const char*> bad[] = {{"NA", "'NA', which marks a missing value"},
                                                     {"", "got nothing"},
                                                     {"nan", "'nan', which is not finite"},
                                                     {"-inf", "not finite"},
                                                     {"1e400", "no number that float64 holds"},
                                                     {"1,5", "write a point before decimals"},
                                                     {"12,000", "nothing between thousands"},
                                                     {"\xE2\x88\x92"
                                                      "5",
                                                      "write -5"},
                                                     {"*****", "Fortran"},
                                                     {"#DIV/0!", "an error of the spreadsheet"},
                                                     {"9007199254740993", "float64 does not hold"},
                                                     {"-9007199254740999", "float64 does not hold"},
                                                     {"18446744073709551615", "float64 does not hold"},
                                                     {"5%", "got '5%'"},
                                                     {"TRUE", "got 'TRUE'"}};
  for (const auto& [cell, word] : bad) {
    INFO(cell);
    CHECK_THAT(said_of(cell), Contains("line 2: a: expected a number") && Contains(word));
  }
  CHECK_THAT(said_of(std::string(400, '9')), Contains("line 2: a") && Contains("…"));
}

TEST_CASE("F19: units in headers are units, and have to be those of the space", "[data][table][f19]") {
  const Table table = table_of("x [mm],f[MPa],\"u[0] [m/s]\",u[1] [m/s],n [1]\n1,2,3,4,5\n");
  CHECK(table.fields() == std::vector<std::string>{"x", "f", "u", "n"});
  CHECK(table.unit("x") == "mm");
  CHECK(table.unit("u") == "m/s");
  CHECK(table.shape({.column = "f"}).empty());
  CHECK(table.shape({.column = "u"}) == std::vector<std::int64_t>{2});
  CHECK(numbers_of_field(table, {.column = "x", .unit = "mm"}) == std::vector<double>{1});
  CHECK(numbers_of_field(table, {.column = "x [mm]"}) == std::vector<double>{1});
  CHECK(numbers_of_field(table, {.column = "n", .unit = "-"}) == std::vector<double>{5});
  CHECK_THROWS_WITH(table.numbers({.column = "x", .unit = "m"}),
                    Contains("t.csv, line 1") && Contains("'x' in m") && Contains("'x [mm]'") && Contains("convert"));
  CHECK(same_unit("\xC2\xB5m", "\xCE\xBCm"));
  CHECK_FALSE(same_unit("mm", "m"));
  const Space space{{.name = "x", .unit = "cm"}};
  CHECK_THROWS_WITH(table.batch(wanted_fields({"x"}, &space)), Contains("'x' in cm"));
  CHECK(table.batch(wanted_fields({"x", "f"})).numbers("f") == std::vector<double>{2});
  for (const char* header : {"x [mm],x [m]", "x,x [m]", "u[0] [m],u[1] [mm]"}) {
    INFO(header);
    const std::string text = header;
    CHECK_THROWS_WITH(table_of(text + "\n1,2\n").numbers({.column = text.substr(0, 1)}),
                      Contains("assay.table.column") && Contains(" and "));
  }
}

TEST_CASE("F20: a column that counts the rows is left out, and said", "[data][table][f20]") {
  for (const char* text : {",x\n0,5\n1,6\n", "\"\",\"x\"\n\"1\",5\n\"2\",6\n", "Unnamed: 0,x\n7,5\n3,6\n"}) {
    INFO(text);
    const Table table = table_of(text);
    CHECK(table.fields() == std::vector<std::string>{"x"});
    REQUIRE(table.notes().size() == 1);
    CHECK_THAT(table.notes()[0], Contains("t.csv: column 1 counts the rows"));
  }
  CHECK_THAT(table_of("x,\n5,\n6,\n").notes().at(0), Contains("column 2 is empty"));
  CHECK_THROWS_WITH(table_of(",x\na,5\n"), Contains("line 1") && Contains("a name for column 1"));
  CHECK_THROWS_WITH(table_of(",x\n1,5\n1,6\n"), Contains("a name for column 1"));
  CHECK(table_of("Unnamed: 0,x\n0.5,5\n").fields().size() == 2);
}

TEST_CASE("F6: assay's own columns are told apart from fields of their names", "[data][table][f6]") {
  const Table table = table_of("assay.id,id,x,assay.seconds\n7,1,2,3\n");
  CHECK(table.fields() == std::vector<std::string>{"id", "x"});
  CHECK(table.own("id", {"id", "x"}) == "assay.id");
  CHECK(table.text(0, *table.own("id", {"id"})) == "7");
  CHECK(table.is_own("assay.seconds"));
  CHECK(numbers_of_field(table, {.column = "assay.seconds"}) == std::vector<double>{3});
  const Table plain = table_of("id,x\n1,2\n");
  CHECK(plain.own("id", {"x"}) == "id");
  CHECK_FALSE(plain.own("id", {"id", "x"}));
  // Only the prefix makes a column assay's own.
  CHECK(table_of("purpose,strategy,id,round,rank,score,attempts,seconds\n1,2,3,4,5,6,7,8\n").all().size() == 8);
  const Table arrays = Table::from_arrays({{"assay.id", at::tensor({3L, 4L})}, {"id", at::tensor({1.0, 2.0})}},
                                          "a.npz");
  CHECK(arrays.fields() == std::vector<std::string>{"id"});
  CHECK(arrays.text(1, "assay.id") == "4");
}

TEST_CASE("F14: a category is written by its name or its place", "[data][table][f14]") {
  const WantedField grade{.column = "g", .categories = {"steel", "alu"}};
  CHECK(numbers_of_field(table_of("g\nalu\n0\nsteel\n1\n"), grade) == std::vector<double>{1, 0, 0, 1});
  CHECK_THROWS_WITH(numbers_of_field(table_of("g\nalu\nwood\n"), grade),
                    Contains("line 3: g") && Contains("'steel', 'alu'") && Contains("'wood'"));
  CHECK_THROWS_WITH(numbers_of_field(table_of("g\n2\n"), grade), Contains("line 2"));
  CHECK_THROWS_WITH(numbers_of_field(table_of("g\n1\n"), {.column = "g", .categories = {"1", "2"}}),
                    Contains("the name of one and the place of another"));
  // A number that is no place of any is a name where there is one.
  const WantedField alloy{.column = "g", .categories = {"2024", "6061", "7075"}};
  CHECK(numbers_of_field(table_of("g\n6061\n2\n2024\n"), alloy) == std::vector<double>{1, 2, 0});
  CHECK_THROWS_WITH(numbers_of_field(table_of("g\n7\n"), alloy), Contains("or its place from 0 on, got '7'"));
}

TEST_CASE("arrays are read by the rules of texts", "[data][table]") {
  const torch::Tensor two = at::tensor({1.0, 2.0});
  const Table table = Table::from_arrays({{"x [mm]", two},
                                          {"u[0]", two},
                                          {"u[1]", two},
                                          {"m", at::tensor({1.0, 2.0, 3.0, 4.0}).reshape({2, 2})},
                                          {"big", at::tensor({1L, (1L << 53) + 1})},
                                          {"hole", at::tensor({std::nan(""), 1.0})}},
                                         "a.npz");
  CHECK(table.shape({.column = "u"}) == std::vector<std::int64_t>{2});
  CHECK(table.shape({.column = "m"}) == std::vector<std::int64_t>{2});
  CHECK(numbers_of_field(table, {.column = "u"}) == std::vector<double>{1, 1, 2, 2});
  CHECK_THROWS_WITH(table.numbers({.column = "x", .unit = "m"}), Contains("a.npz") && Contains("'x [mm]'"));
  CHECK_THROWS_WITH(table.numbers({.column = "big"}), Contains("row 1: big") && Contains("2^53"));
  CHECK_THROWS_WITH(table.numbers({.column = "hole"}), Contains("row 0: hole") && Contains("not finite"));
  const torch::Tensor lacking = table.numbers({.column = "hole", .may_lack = true});
  CHECK(std::isnan(lacking[0].item<double>()));
  CHECK_THROWS_WITH(Table::from_arrays({{"a", two}, {"b", at::tensor({1.0})}}, "a.npz"),
                    Contains("2 rows in array 'b'"));
  CHECK_THROWS_WITH(Table::from_arrays({{"a", at::scalar_tensor(1.0)}}, "a.npz"), Contains("a single number"));
}

TEST_CASE("a table is read by the ending of its file", "[data][table]") {
  const toy::Folder folder;
  write_npy(folder / "m.npy", at::tensor({1.0, 2.0, 3.0, 4.0}).reshape({2, 2}));
  CHECK(numbers_of_field(read_table(folder / "m.npy"), {.column = "1"}) == std::vector<double>{2, 4});
  write_npy(folder / "v.npy", at::tensor({1.0}));
  CHECK_THROWS_WITH(read_table(folder / "v.npy"), Contains("a matrix"));
  write_safetensors(folder / "s.safetensors", {{"x", at::tensor({1.5, 2.5})}, {"assay.id", at::tensor({1L, 2L})}});
  CHECK(read_table(folder / "s.safetensors").all().names() == std::vector<std::string>{"x"});
  assay::detail::write_file(folder / "t.txt", "x\n1\n");
  CHECK(read_table(folder / "t.txt").rows() == 1);
}

TEST_CASE("F6, F19, F20: a pool from a file holds its fields alone", "[data][table][f6][f19][f20]") {
  const toy::Folder folder;
  const Registries registries;
  const auto pool = [&](const Json& json) { return registries.pool.make(json, registries); };
  assay::detail::write_file(folder / "p.csv", ",assay.id,x [mm],f[MPa]\n0,7,1,2\n1,8,3,4\n");
  const AnyPool read = pool({{"type", "csv"}, {"file", (folder / "p.csv").string()}});
  const Values row = read.gather(std::vector<std::int64_t>{1});
  CHECK(row.names() == std::vector<std::string>{"f", "x"});
  CHECK(row.numbers("x") == std::vector<double>{3});
  const AnyPool named = pool(
      {{"type", "csv"}, {"file", (folder / "p.csv").string()}, {"columns", {{"a", "x"}, {"n", "assay.id"}}}});
  CHECK(named.gather(std::vector<std::int64_t>{0}).numbers("n") == std::vector<double>{7});
  assay::detail::write_file(folder / "p.csv", "x\n1\nNA\n");
  CHECK_THROWS_WITH(pool({{"type", "csv"}, {"file", (folder / "p.csv").string()}}), Contains("line 3: x"));
}
