/* SPDX-License-Identifier: Apache-2.0 */
/* What the functions of assay.h and surrogate.h return. */
#ifndef ASSAY_STATUS_H
#define ASSAY_STATUS_H

enum {
  ASSAY_OK = 0,
  ASSAY_WAITING = 1,  /* there are samples to ask for, or asked for and not yet told */
  ASSAY_FINISHED = 2, /* rounds, budget, a stop criterion, or the candidates came to their end */
  ASSAY_STOPPED = 3,  /* the wall time is over: open the campaign again to go on */
  ASSAY_REFUSED = 4,  /* labels that are not finite or do not fit the earlier ones: the sample counts as failed */
  ASSAY_ERROR = -1,   /* of the operating system, or of another library */
  ASSAY_ERROR_ARGUMENT = -2,
  ASSAY_ERROR_CONFIG = -3,
  ASSAY_ERROR_SHAPE = -4,
  ASSAY_ERROR_DATA = -5,
  ASSAY_ERROR_LABEL = -6,
  ASSAY_ERROR_CHECKPOINT = -7,
  ASSAY_ERROR_TRAINING = -8
};

#endif
