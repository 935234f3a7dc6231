// SPDX-License-Identifier: Apache-2.0
// usage: surrogate DIRECTORY < points > predictions
// An exported network in a program that has neither LibTorch nor the headers of it.
#include <assay/surrogate.hpp>

#include <cstdio>
#include <exception>
#include <iostream>
#include <vector>

int main(int argc, char** argv) try {
  if (argc != 2) return 2;
  const assay::Surrogate surrogate(argv[1]);
  std::vector<double> point(static_cast<std::size_t>(surrogate.input_size()));
  std::vector<double> mean(static_cast<std::size_t>(surrogate.target_size())), deviation(mean.size());
  while (true) {
    for (double& number : point) std::cin >> number;
    if (!std::cin) return 0;
    surrogate.predict(point, mean, deviation);
    for (std::size_t i = 0; i < mean.size(); ++i) std::printf("%.9g %.9g\n", mean[i], deviation[i]);
  }
} catch (const std::exception& error) {
  std::cerr << "surrogate: " << error.what() << '\n';
  return 1;
}
