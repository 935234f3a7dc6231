/* SPDX-License-Identifier: Apache-2.0 */
/* Campaigns from C, and with `assay_module.f90` from Fortran: the code owns its loop, assay says what to simulate next.
 *
 *   assay_campaign* campaign;
 *   if (assay_new("campaigns/drag", "campaign.json", &campaign) < 0) return fail(assay_message());
 *   while ((status = assay_advance(campaign)) == ASSAY_WAITING) {
 *     while ((n = assay_ask(campaign, 8, ids, inputs)) > 0)
 *       for (i = 0; i < n; ++i) {
 *         solve(inputs + i * size, &drag);
 *         if (assay_tell(campaign, ids[i], &drag, 1) < 0) return fail(assay_message());
 *       }
 *     if (n < 0) return fail(assay_message());
 *   }
 *   assay_close(campaign);
 *
 * Every function that can fail returns a negative code (assay/status.h); `assay_message` says what was expected, what came and what to
 * do. Numbers of a point, or of its targets, lie one behind the other in the order of the learner's fields, each in C
 * order. One thread at a time uses a campaign. */
#ifndef ASSAY_ASSAY_H
#define ASSAY_ASSAY_H

#include <assay/status.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct assay_campaign assay_campaign;

/* What the last call of this thread that failed had to say; "" before any did. Valid until the next one fails. */
const char* assay_message(void);

/* Starts a campaign in `directory` from a configuration file, as `assay new` does: without "label" it is one to ask and
 * tell. */
int assay_new(const char* directory, const char* config_file, assay_campaign** campaign);
/* Goes on with the campaign in `directory`. What was asked for and never told is offered again. */
int assay_open(const char* directory, assay_campaign** campaign);
/* Closes a campaign, which can be opened again; null is fine. */
void assay_close(assay_campaign* campaign);

/* Numbers of a point. */
int64_t assay_input_size(const assay_campaign* campaign);
/* Numbers of its targets; 0 before the first label where the configuration holds none. */
int64_t assay_target_size(const assay_campaign* campaign);

/* Does everything that needs no simulation. Returns ASSAY_WAITING, ASSAY_FINISHED, ASSAY_STOPPED or an error. */
int assay_advance(assay_campaign* campaign);
/* Up to `count` samples to simulate now: their ids, and their points one behind the other. Returns how many. */
int64_t assay_ask(assay_campaign* campaign, int64_t count, int64_t* ids, double* inputs);
/* The targets of a sample, durable on return. Telling the same again changes nothing, another is an error. */
int assay_tell(assay_campaign* campaign, int64_t id, const double* targets, int64_t count);
/* A simulation that gave no targets; with `retry` the sample is offered again. */
int assay_tell_failed(assay_campaign* campaign, int64_t id, const char* reason, int retry);
/* A design that cannot be: no failure, counted as a simulation, never offered again. */
int assay_tell_infeasible(assay_campaign* campaign, int64_t id, const char* reason);
/* What the learner says of `count` points. `deviations` may be null. */
int assay_predict(const assay_campaign* campaign, int64_t count, const double* inputs, double* means,
                  double* deviations);

#ifdef __cplusplus
}
#endif

#endif
