// SPDX-License-Identifier: Apache-2.0
// A host code that owns main(), its ranks and its loop. The library calls no MPI.
#include <assay/data/space.hpp>
#include <assay/driver.hpp>
#include <assay/label/external_label.hpp>
#include <assay/learner/ensemble.hpp>
#include <assay/query/variance.hpp>

#include <mpi.h>

#include <cmath>
#include <cstdio>
#include <optional>

namespace {

/// An integral over [0, 1], each rank's share of the midpoints summed by MPI.
double integral(double a, double b) {
  int rank = 0, ranks = 1;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  double share = 0, sum = 0;
  constexpr int points = 3000;
  for (int i = rank; i < points; i += ranks)
    share += std::exp(-a * (i + 0.5) / points) * std::cos(b * (i + 0.5) / points) / points;
  MPI_Allreduce(&share, &sum, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int rank = 0, ranks = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  int status = 0;
  using Campaign = assay::Driver<assay::Ensemble, assay::MaxVariance, assay::ExternalLabel>;
  std::optional<Campaign> campaign;
  if (rank == 0) {
    const assay::Space space{{"a", 0, 3}, {"b", 0, 9}};
    campaign.emplace(
        assay::DriverOptions{.dir = argv[1], .max_rounds = 3},
        assay::Pools{.labeled = assay::sobol(space, 8), .unlabeled = assay::sobol(space, 100, {.skip = 8})},
        assay::Ensemble({.members = 3, .inputs = {"a", "b"}, .targets = {"integral"}, .hidden = {8}}),
        assay::MaxVariance({.max_samples = 4}), assay::ExternalLabel({.provides = {"integral"}}));
    campaign->advance();
  }
  // Rank 0 says what all compute next; a NaN ends the loop.
  std::vector<assay::Sample> samples;
  while (true) {
    double work[2] = {NAN, NAN};
    if (rank == 0) {
      while (samples.empty() && !campaign->finished()) {
        samples = campaign->ask(1);
        if (samples.empty()) campaign->advance();
      }
      if (!samples.empty()) work[0] = samples[0].values.scalar("a"), work[1] = samples[0].values.scalar("b");
    }
    MPI_Bcast(work, 2, MPI_DOUBLE, 0, MPI_COMM_WORLD);
    if (std::isnan(work[0])) break;
    const double value = integral(work[0], work[1]);
    if (rank == 0) {
      if (!campaign->tell(samples[0].id, assay::done({{"integral", value}}))) status = 1;
      samples.clear();
    }
  }
  if (rank == 0) {
    const auto labels = campaign->counts().labels;
    std::printf("%d ranks, %lld labels\n", ranks, static_cast<long long>(labels));
    if (ranks != 3 || labels != 20) status = 1;
    campaign.reset();
  }
  MPI_Finalize();
  return status;
}
