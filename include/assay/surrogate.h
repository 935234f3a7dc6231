/* SPDX-License-Identifier: Apache-2.0 */
/* Exported learners from C, and with `assay_surrogate_module.f90` from Fortran, without LibTorch: link assay_surrogate.
 *
 *   assay_surrogate* drag;
 *   double x[2] = {angle, speed}, mean, deviation;
 *   if (assay_surrogate_open("surrogates/drag", &drag) < 0) return fail(assay_surrogate_message());
 *   if (assay_surrogate_inside(drag, x) == 1) assay_surrogate_predict(drag, 1, x, &mean, &deviation);
 *   assay_surrogate_close(drag);
 *
 * Every function that can fail returns a negative code (assay/status.h); `assay_surrogate_message` says what was
 * expected, what came and what to do. Numbers of a point, or of its targets, lie one behind the other in the order of
 * the learner's fields, each in C order. Any number of threads may use one surrogate at once, but for its closing. */
#ifndef ASSAY_SURROGATE_H
#define ASSAY_SURROGATE_H

#include <assay/status.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct assay_surrogate assay_surrogate;

/* What the last call of this thread that failed had to say; "" before any did. Valid until the next one fails. */
const char* assay_surrogate_message(void);

/* Loads what `assay export --surrogate DIRECTORY`, or `export_to` in C++, wrote. */
int assay_surrogate_open(const char* directory, assay_surrogate** surrogate);
/* Once for each that was opened; null is fine. */
void assay_surrogate_close(assay_surrogate* surrogate);

/* Numbers of a point. */
int64_t assay_surrogate_input_size(const assay_surrogate* surrogate);
/* Numbers predicted for a point; of a classification the probability of each class. */
int64_t assay_surrogate_target_size(const assay_surrogate* surrogate);
/* 1 if there is a predictive deviation, else 0. */
int assay_surrogate_has_deviation(const assay_surrogate* surrogate);

/* 1 if the point lies within the ranges of the labeled samples, 0 if it lies outside. */
int assay_surrogate_inside(const assay_surrogate* surrogate, const double* point);
/* Means and, unless null, deviations of `count` points. */
int assay_surrogate_predict(const assay_surrogate* surrogate, int64_t count, const double* points, double* means,
                            double* deviations);
/* The same with the derivatives of the means by the inputs: [count, targets, inputs] in C order. */
int assay_surrogate_predict_with_jacobian(const assay_surrogate* surrogate, int64_t count, const double* points,
                                          double* means, double* jacobians, double* deviations);

#ifdef __cplusplus
}
#endif

#endif
