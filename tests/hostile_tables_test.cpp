// SPDX-License-Identifier: Apache-2.0
// Spreadsheets as people have them: each is read right, or an error names the line, what stands there, and what to do.
#include "support/catch.hpp"

#include <assay/data/table.hpp>
#include <assay/error.hpp>

#include <string>
#include <vector>

using namespace assay;

namespace {

struct Sheet {
  std::string name;
  std::string bytes;
  std::vector<double> x, f;        ///< what it holds, if it is read
  std::vector<std::string> words;  ///< of the error, else
};

std::string utf16(const std::string& text, bool mark) {
  std::string bytes = mark ? "\xFF\xFE" : "";
  for (const char c : text) bytes.append(1, c).append(1, '\0');
  return bytes;
}

const std::vector<Sheet>& sheets() {
  static const std::vector<Sheet> all{
      {"as Excel saves it", "\xEF\xBB\xBFx,f\r\n1,2\r\n3,4\r\n", {1, 3}, {2, 4}, {}},
      {"cells with blanks and tabs around", " x ,\tf\n 1 ,2\t\n3 , 4\n", {1, 3}, {2, 4}, {}},
      {"blanks that do not break",
       "x,f\n\xC2\xA0"
       "1,2\xC2\xA0\n",
       {1},
       {2},
       {}},
      {"Fortran's exponents", "x,f\n1.5D+00,-2d-3\n", {1.5}, {-0.002}, {}},
      {"pluses", "x,f\n+1,+2e+0\n", {1}, {2}, {}},
      {"units", "x [mm],f [MPa]\n1,2\n", {1}, {2}, {}},
      {"units without a blank, and none", "x[mm],f[-]\n1,2\n", {1}, {2}, {}},
      {"pandas' index", ",x,f\n0,1,2\n1,3,4\n", {1, 3}, {2, 4}, {}},
      {"R's row names", "\"\",\"x\",\"f\"\n\"1\",1,2\n\"2\",3,4\n", {1, 3}, {2, 4}, {}},
      {"pandas' index written twice", "Unnamed: 0,x,f\n5,1,2\n9,3,4\n", {1, 3}, {2, 4}, {}},
      {"a comma at every end", "x,f,\n1,2,\n3,4,\n", {1, 3}, {2, 4}, {}},
      {"empty rows below", "x,f\n1,2\n,\n,\n", {1}, {2}, {}},
      {"empty lines within", "\n\nx,f\n\n1,2\n\n   \n3,4", {1, 3}, {2, 4}, {}},
      {"quotes around everything", "\"x\", \"f\"\n\"1\" , \"2\"\n", {1}, {2}, {}},
      {"other columns of text", "x,comment,f\n1,\"fine, so far\nand on\",2\n", {1}, {2}, {}},
      {"an export of assay", "assay.id,x,assay.seconds,f\n9,1,0.5,2\n", {1}, {2}, {}},
      {"the other unit", "x [m],f\n1,2\n", {}, {}, {"line 1", "'x [m]'", "convert the numbers"}},
      {"a column without a name", ",x,f\nrun A,1,2\n", {}, {}, {"line 1", "column 1", "write one into the first line"}},
      {"a comment above", "# run 5\nx,f\n1,2\n", {}, {}, {"line 1", "a comment", "remove the lines that begin with #"}},
      {"a comment within", "x,f\n1,2\n# restarted\n3,4\n", {}, {}, {"line 3", "a comment", "remove"}},
      {"numpy.savetxt", "# x,f\n1,2\n", {}, {}, {"line 1", "in front of the names remove the # alone"}},
      {"semicolons", "x;f\n1,5;2,5\n", {}, {}, {"line 1", "semicolons", "save it with commas"}},
      {"tabs", "x\tf\n1\t2\n", {}, {}, {"line 1", "tabs", "save it with commas"}},
      {"bars", "x|f\n1|2\n", {}, {}, {"line 1", "bars", "save it with commas"}},
      {"blanks between", "x f\n1 2\n", {}, {}, {"line 2", "blanks between numbers", "save it with commas"}},
      {"an old Macintosh", "x,f\r1,2\r", {}, {}, {"line 1", "CR alone", "save it with other line ends"}},
      {"UTF-16", utf16("x,f\n1,2\n", true), {}, {}, {"line 1", "UTF-16", "save it as UTF-8"}},
      {"UTF-16 without its mark", utf16("x,f\n1,2\n", false), {}, {}, {"line 1", "UTF-16", "save it as UTF-8"}},
      {"Latin-1 in a name", "x,f,l\xE4nge\n1,2,3\n", {}, {}, {"line 1", "Latin-1", "save it as UTF-8"}},
      {"Latin-1 in a cell", "x,f,unit\n1,2,m\n1,2,\xB5m\n", {}, {}, {"line 3", "Latin-1", "save it as UTF-8"}},
      {"a workbook", "PK\x03\x04 and so on", {}, {}, {"line 1", "Excel", "save the table as CSV"}},
      {"a line for Excel", "sep=,\nx,f\n1,2\n", {}, {}, {"line 1", "sep=", "remove that line"}},
      {"another line for Excel", "sep=;\nx;f\n1;2\n", {}, {}, {"line 1", "sep=;", "remove that line"}},
      {"no names", "1,2\n3,4\n", {}, {}, {"line 1", "numbers alone", "write the names"}},
      {"a title",
       "Results of May\nx,f\n1,2\n",
       {},
       {},
       {"line 2", "1 cells, as the header has", "the first line of the file has the names"}},
      {"a title over all columns", "Results of May,\nx,f\n1,2\n", {}, {}, {"line 1", "column 2", "write one"}},
      {"units in a line of their own", "x,f\nmm,MPa\n1,2\n", {}, {}, {"line 2: x", "'mm'", "mend these cells"}},
      {"NA", "x,f\n1,2\n3,NA\n", {}, {}, {"line 3: f", "'NA', which marks a missing value", "leave their rows out"}},
      {"an empty cell", "x,f\n1,2\n,4\n", {}, {}, {"line 3: x", "nothing", "leave their rows out"}},
      {"NaN", "x,f\n1,NaN\n", {}, {}, {"line 2: f", "'NaN', which is not finite", "mend"}},
      {"infinity", "x,f\ninf,2\n", {}, {}, {"line 2: x", "'inf'", "mend"}},
      {"a number that is too large", "x,f\n1,1e400\n", {}, {}, {"line 2: f", "'1e400'", "mend"}},
      {"a long whole number", "x,f\n9007199254740993,2\n", {}, {}, {"line 2: x", "'9007199254740993'", "2^53"}},
      {"a decimal comma in quotes", "x,f\n\"1,5\",2\n", {}, {}, {"line 2: x", "'1,5'", "write a point"}},
      {"decimal commas", "x,f\n1,5,2,5\n", {}, {}, {"line 2", "4", "write 1.5 for 1,5"}},
      {"thousands", "x,f\n\"12,000\",2\n", {}, {}, {"line 2: x", "'12,000'", "nothing between thousands"}},
      {"a word processor's minus",
       "x,f\n\xE2\x88\x92"
       "1,2\n",
       {},
       {},
       {"line 2: x", "write -1"}},
      {"Fortran's stars", "x,f\n1,******\n", {}, {}, {"line 2: f", "'******'", "too narrow"}},
      {"an error of the spreadsheet", "x,f\n#DIV/0!,2\n", {}, {}, {"line 2: x", "'#DIV/0!'", "mend"}},
      {"percent", "x,f\n5%,2\n", {}, {}, {"line 2: x", "'5%'", "mend"}},
      {"truth", "x,f\n1,TRUE\n", {}, {}, {"line 2: f", "'TRUE'", "mend"}},
      {"one name twice", "x,f,x\n1,2,3\n", {}, {}, {"line 1", "'x' twice", "rename one"}},
      {"one name in two units", "x [mm],x [m],f\n1,2,3\n", {}, {}, {"line 1", "'x [mm]' and 'x [m]'", "rename one"}},
      {"a vector with a hole", "x,f[0],f[1],f[3]\n1,2,3,4\n", {}, {}, {"line 1", "no 'f[2]'", "complete them"}},
      {"a vector that counts from 1", "x,f[1],f[2]\n1,2,3\n", {}, {}, {"line 1", "no 'f[0]'", "from 0 on"}},
      {"a number and a vector of one name", "x,f,f[0]\n1,2,3\n", {}, {}, {"line 1", "'f' and 'f[0]'", "rename one"}},
      {"a vector in two units",
       "x,f[0] [m],f[1] [mm]\n1,2,3\n",
       {},
       {},
       {"line 1", "one unit", "bring them to one unit"}},
      {"a row that is too short", "x,f\n1,2\n3\n", {}, {}, {"line 3", "1", "complete the row"}},
      {"a quote that never ends", "x,f\n1,\"2\n3,4\n", {}, {}, {"line 2", "quote", "end the cell"}},
      {"a quote within", "x,f\n1,\"2\"3\n", {}, {}, {"line 2", "'3'", "write a quote within a quoted cell twice"}},
      {"nothing", "", {}, {}, {"line 1", "an empty file", "write the names"}},
      {"another name", "x,F\n1,2\n", {}, {}, {"line 1", "columns x, F", "known: x, F"}},
  };
  return all;
}

}  // namespace

TEST_CASE("hostile spreadsheets are read right, or named with line, cell and remedy",
          "[data][table][f5][f18][f19][f20][f22]") {
  CHECK(sheets().size() >= 40);
  for (const Sheet& sheet : sheets()) {
    INFO(sheet.name);
    std::string said;
    Values read;
    try {
      const Table table = Table::from_csv(sheet.bytes, "sheet.csv");
      read = table.batch({{"x", {.column = "x", .unit = "mm"}}, {"f", {.column = "f"}}});
    } catch (const DataError& error) {
      said = error.what();
    }
    if (sheet.words.empty()) {
      REQUIRE(said == "");
      CHECK(read.numbers("x") == sheet.x);
      CHECK(read.numbers("f") == sheet.f);
      CHECK(read["f"].dim() == 1);
    } else {
      CHECK_THAT(said, Contains("sheet.csv"));
      for (const std::string& word : sheet.words) CHECK_THAT(said, Contains(word));
    }
  }
}
