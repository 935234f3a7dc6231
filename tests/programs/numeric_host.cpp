// SPDX-License-Identifier: Apache-2.0
// usage: numeric_host DIRECTORY CONFIG [real]
// A code with its own LAPACK and eight OpenMP threads, each of which solves for eigenvalues while a campaign is asked
// and told. Its eigenvalues stay right, and its threads stay eight. With "real", no complex matrix is solved for.
#include <assay/assay.h>

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

extern "C" {
void zheev_(const char* job, const char* triangle, const int* n, std::complex<double>* a, const int* lda, double* w,
            std::complex<double>* work, const int* lwork, double* rwork, int* info);
void dsyev_(const char* job, const char* triangle, const int* n, double* a, const int* lda, double* w, double* work,
            const int* lwork, int* info);
}

namespace {

constexpr int threads = 8, order = 60;
bool is_real = false;

void require(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "numeric_host: %s (%s)\n", what, ::assay_message());
  std::exit(1);
}

/// The chain with `diagonal` on the diagonal and `coupling` beside it: a phase of the coupling changes no eigenvalue,
/// which are diagonal + 2 coupling cos(k pi / (n + 1)), k = 1 to n.
std::vector<double> eigenvalues(double diagonal, double coupling) {
  std::vector<double> values(order);
  const int work_size = 64 * order;
  int info = 0;
  if (is_real) {
    std::vector<double> matrix(order * order), work(work_size);
    for (int i = 0; i < order; ++i) {
      matrix[i * order + i] = diagonal;
      if (i > 0) matrix[i * order + i - 1] = matrix[(i - 1) * order + i] = coupling;
    }
    dsyev_("V", "U", &order, matrix.data(), &order, values.data(), work.data(), &work_size, &info);
  } else {
    std::vector<std::complex<double>> matrix(order * order), work(work_size);
    std::vector<double> real_work(3 * order);
    const std::complex<double> turned = std::polar(coupling, 0.7);
    for (int i = 0; i < order; ++i) {
      matrix[i * order + i] = diagonal;
      if (i > 0) {
        matrix[i * order + i - 1] = turned;
        matrix[(i - 1) * order + i] = std::conj(turned);
      }
    }
    zheev_("V", "U", &order, matrix.data(), &order, values.data(), work.data(), &work_size, real_work.data(), &info);
  }
  require(info == 0, "LAPACK found no eigenvalues");
  return values;
}

double largest_error(double diagonal, double coupling) {
  const std::vector<double> found = eigenvalues(diagonal, coupling);
  double largest = 0;
  for (int k = 1; k <= order; ++k) {
    const double exact = diagonal - 2 * std::abs(coupling) * std::cos(k * 3.14159265358979323846 / (order + 1));
    largest = std::max(largest, std::abs(found[k - 1] - exact));
  }
  return largest;
}

/// All threads at once, each with a matrix of its own.
void look_at_host() {
  int seen = 0;
  double largest = 0;
#pragma omp parallel reduction(max : largest)
  {
#pragma omp single
    seen = omp_get_num_threads();
    largest = largest_error(2.0, 0.1 * (1 + omp_get_thread_num()));
  }
  require(seen == threads && omp_get_max_threads() == threads, "the host's OpenMP threads are not what they were");
  require(largest < 1e-12, "the host's eigenvalues are wrong");
}

void run(assay_campaign* campaign) {
  const auto size = static_cast<std::size_t>(::assay_input_size(campaign));
  int code = 0;
  while ((code = ::assay_advance(campaign)) == ASSAY_WAITING) {
    std::int64_t ids[4];
    std::vector<double> points(4 * size);
    std::int64_t count = 0;
    while ((count = ::assay_ask(campaign, 4, ids, points.data())) > 0) {
      for (std::int64_t i = 0; i < count; ++i) {
        const double drag = eigenvalues(points[i * size], points[i * size + 1]).back();
        require(::assay_tell(campaign, ids[i], &drag, 1) == ASSAY_OK, "a label was not taken");
      }
      look_at_host();
    }
    require(count == 0, "no samples came");
  }
  require(code == ASSAY_FINISHED, "the campaign did not end");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  is_real = argc > 3 && std::strcmp(argv[3], "real") == 0;
  omp_set_num_threads(threads);
  look_at_host();
  assay_campaign* campaign = nullptr;
  require(::assay_new(argv[1], argv[2], &campaign) == ASSAY_OK, "no campaign was begun");
  look_at_host();
  run(campaign);
  const double point[] = {0.5, 1.0};
  double mean = 0, deviation = 0;
  require(::assay_predict(campaign, 1, point, &mean, &deviation) == ASSAY_OK, "nothing was predicted");
  require(std::isfinite(mean) && deviation >= 0, "a prediction is no number");
  look_at_host();
  ::assay_close(campaign);
  look_at_host();
  std::printf("%.6f\n", mean);
}
