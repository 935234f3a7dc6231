// SPDX-License-Identifier: Apache-2.0
// usage: tables FILE.csv OUT.npz|OUT.h5|OUT.safetensors
// The columns of a CSV file as arrays; an empty cell is NaN, as it is in files of numbers.
#include "../../apps/assay/archives.hpp"

#include <assay/data/csv.hpp>
#include <assay/data/safetensors.hpp>

#include <ATen/ops/tensor.h>

#include <cmath>
#include <cstdio>
#include <exception>

int main(int argc, char** argv) try {
  if (argc != 3) return 2;
  const assay::CsvTable table = assay::read_csv(argv[1]);  // texts alone: an empty cell is to become NaN
  assay::Values columns;
  for (std::size_t c = 0; c < table.names.size(); ++c) {
    std::vector<double> numbers;
    for (const std::vector<std::string>& row : table.rows)
      numbers.push_back(assay::csv_number(row[c]).value_or(std::nan("")));
    columns.set(table.names[c], at::tensor(numbers, torch::kFloat64));
  }
  const std::filesystem::path out = argv[2];
  if (out.extension() == ".npz") {
    assay::app::write_npz(out, columns);
  } else if (out.extension() == ".h5") {
    assay::app::write_hdf5(out, columns, {});
  } else {
    assay::write_safetensors(out, columns);
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "tables: %s\n", error.what());
  return 1;
}
