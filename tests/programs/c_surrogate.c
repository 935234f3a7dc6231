/* SPDX-License-Identifier: Apache-2.0 */
/* usage: c_surrogate DIRECTORY < points > predictions
 * An exported learner in C99, without LibTorch. Prints for each target mean and deviation, and checks the derivatives
 * against differences. */
#include <assay/surrogate.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static int fail(const char* what) {
  fprintf(stderr, "c_surrogate: %s: %s\n", what, assay_surrogate_message());
  return 1;
}

int main(int argc, char** argv) {
  assay_surrogate* surrogate;
  int64_t inputs, targets, i, j;
  double *point, *mean, *other, *deviation, *jacobian;
  if (argc != 2) return 2;
  if (assay_surrogate_open(argv[1], &surrogate) < 0) return fail("open");
  inputs = assay_surrogate_input_size(surrogate);
  targets = assay_surrogate_target_size(surrogate);
  point = malloc((size_t)inputs * sizeof *point);
  mean = malloc((size_t)targets * sizeof *mean);
  other = malloc((size_t)targets * sizeof *other);
  deviation = malloc((size_t)targets * sizeof *deviation);
  jacobian = malloc((size_t)(targets * inputs) * sizeof *jacobian);
  if (!point || !mean || !other || !deviation || !jacobian) return 1;
  for (;;) {
    for (i = 0; i < inputs; ++i) {
      if (scanf("%lf", point + i) != 1) {
        free(point), free(mean), free(other), free(deviation), free(jacobian);
        assay_surrogate_close(surrogate);
        return 0;
      }
    }
    if (assay_surrogate_predict_with_jacobian(surrogate, 1, point, mean, jacobian, deviation) < 0) return fail("predict");
    if (assay_surrogate_inside(surrogate, point) != 1) return fail("a labeled sample lies outside");
    for (j = 0; j < targets; ++j) printf("%.9g %.9g\n", mean[j], deviation[j]);
    for (i = 0; i < inputs; ++i) {
      const double step = 1e-3 * fabs(point[i]) + 1e-6;
      point[i] += step;
      if (assay_surrogate_predict(surrogate, 1, point, other, NULL) < 0) return fail("predict");
      point[i] -= step;
      for (j = 0; j < targets; ++j) {
        const double change = other[j] - mean[j], told = jacobian[j * inputs + i] * step;
        if (fabs(change - told) > 0.05 * fabs(change) + 1e-4 * fabs(mean[j])) return fail("a derivative is another");
      }
    }
  }
}
