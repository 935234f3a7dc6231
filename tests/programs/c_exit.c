/* SPDX-License-Identifier: Apache-2.0 */
/* usage: c_exit DIRECTORY CONFIG
 * Ends with a campaign open, a checkpoint of which is on its way to the disk, and closes another at exit by itself. */
#include <assay/assay.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static assay_campaign* other;

/* Registered before any campaign is there, so that it runs after assay has closed what is open. */
static void close_other(void) { assay_close(other); }

int main(int argc, char** argv) {
  assay_campaign* campaign = NULL;
  char* name = argc == 3 ? malloc(strlen(argv[1]) + 7) : NULL;
  if (!name) return 2;
  strcat(strcpy(name, argv[1]), "_other");
  atexit(close_other);
  if (assay_new(argv[1], argv[2], &campaign) != ASSAY_OK || assay_new(name, argv[2], &other) != ASSAY_OK ||
      assay_advance(other) != ASSAY_WAITING || assay_advance(campaign) != ASSAY_WAITING) {
    fprintf(stderr, "c_exit: %s\n", assay_message());
    return 1;
  }
  free(name);
  return 0;
}
