/* SPDX-License-Identifier: Apache-2.0 */
/* usage: c_campaign DIRECTORY CONFIG
 * A whole campaign from C99, opened anew in the middle of a batch, and every kind of misuse. */
#include <assay/assay.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void require(int good, const char* what) {
  if (good) return;
  fprintf(stderr, "c_campaign: %s; %s\n", what, assay_message());
  exit(1);
}

static double drag(const double* x) { return x[0] * x[1]; }

int main(int argc, char** argv) {
  assay_campaign* campaign = NULL;
  int64_t ids[100], n, told = 0;
  double inputs[200], targets[2], means[2], deviations[2];
  int status, opened_again = 0;
  const double nan = strtod("nan", NULL);
  require(argc == 3, "usage: c_campaign DIRECTORY CONFIG");

  require(strcmp(assay_message(), "") == 0, "a message before any call failed");
  require(assay_new(argv[1], "missing.json", &campaign) == ASSAY_ERROR_DATA || assay_message()[0], "a missing file");
  require(campaign == NULL && strstr(assay_message(), "missing.json"), "the file's name in the message");
  require(assay_new(argv[1], argv[2], NULL) == ASSAY_ERROR_ARGUMENT, "a null pointer");
  require(assay_open(argv[1], &campaign) == ASSAY_ERROR_CHECKPOINT, "no campaign yet");

  require(assay_new(argv[1], argv[2], &campaign) == ASSAY_OK, "assay_new");
  require(assay_input_size(campaign) == 2 && assay_target_size(campaign) == 0, "sizes before the first label");
  while ((status = assay_advance(campaign)) == ASSAY_WAITING) {
    n = assay_ask(campaign, 100, ids, inputs);
    require(n > 0, "assay_ask");
    while (n > 0) {
      --n;
      targets[0] = drag(inputs + 2 * n);
      targets[1] = 0;
      if (told == 9) { /* there are labels by now, so that it is known how many numbers they have */
        require(assay_tell(campaign, ids[n], targets, 2) == ASSAY_ERROR_SHAPE, "too many numbers");
        require(assay_tell(campaign, 12345, targets, 1) == ASSAY_ERROR_LABEL, "a sample that nobody asked for");
        require(strstr(assay_message(), "12345") != NULL, "its id in the message");
      }
      require(assay_tell(campaign, ids[n], targets, 1) == ASSAY_OK, "assay_tell");
      require(assay_tell(campaign, ids[n], targets, 1) == ASSAY_OK, "telling the same again");
      targets[0] += 1;
      require(assay_tell(campaign, ids[n], targets, 1) == ASSAY_ERROR_LABEL, "telling another");
      ++told;
      if (!opened_again && told == 10) {
        opened_again = 1;
        assay_close(campaign);
        require(assay_open(argv[1], &campaign) == ASSAY_OK, "assay_open");
        break;
      }
    }
  }
  require(status == ASSAY_FINISHED, "assay_advance");
  require(opened_again, "a batch to be interrupted in");
  require(assay_target_size(campaign) == 1, "the size of the targets");
  require(assay_ask(campaign, 5, ids, inputs) == 0, "nothing to ask for at the end");
  inputs[0] = 0.5, inputs[1] = 1, inputs[2] = -0.5, inputs[3] = 0.25;
  require(assay_predict(campaign, 2, inputs, means, deviations) == ASSAY_OK, "assay_predict");
  require(isfinite(means[0]) && isfinite(means[1]) && deviations[0] > 0 && deviations[1] > 0, "predictions");
  targets[0] = means[0];
  require(assay_predict(campaign, 1, inputs, means, NULL) == ASSAY_OK && fabs(means[0] - targets[0]) < 1e-12,
          "one point alone");
  assay_close(campaign);
  assay_close(NULL);

  /* What is no number is refused, and a failure is told with its reason. */
  {
    char* other = malloc(strlen(argv[1]) + 7);
    strcat(strcpy(other, argv[1]), "_other");
    require(assay_new(other, argv[2], &campaign) == ASSAY_OK, "a second campaign");
    require(assay_advance(campaign) == ASSAY_WAITING && assay_ask(campaign, 3, ids, inputs) == 3, "three samples");
    targets[0] = nan;
    require(assay_tell(campaign, ids[0], targets, 1) == ASSAY_REFUSED, "not a number");
    require(assay_tell_failed(campaign, ids[1], "no licence", 0) == ASSAY_OK, "a failure");
    require(assay_tell_failed(campaign, ids[1], NULL, 0) == ASSAY_ERROR_ARGUMENT, "a failure without a reason");
    require(assay_tell_infeasible(campaign, ids[2], "no such wing") == ASSAY_OK, "a design that cannot be");
    require(assay_tell_infeasible(campaign, ids[2], "no such wing") == ASSAY_OK, "the same again");
    require(assay_tell_failed(campaign, ids[2], "no such wing", 0) == ASSAY_ERROR_LABEL, "it is no failure");
    assay_close(campaign);
    free(other);
  }
  return 0;
}
