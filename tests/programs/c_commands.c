/* SPDX-License-Identifier: Apache-2.0 */
/* Calls a function of assay.h for each line of standard input, and prints what came: "2", "-6 message", or numbers.
 *
 * new DIRECTORY CONFIG; open DIRECTORY; close; advance; ask COUNT; tell ID NUMBER...; failed ID RETRY REASON;
 * infeasible ID REASON; predict DEVIATIONS NUMBER...; sizes; fork, which asks in a child; sleeper, a child that stays;
 * exit_in SECONDS, whatever is under way then. */
#include <assay/assay.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* fork, sleep and waitpid are of POSIX. */
#include <sys/wait.h>
#include <unistd.h>

enum { most = 1000 };

static assay_campaign* campaign;

static void print_code(long code) {
  if (code < 0)
    printf("%ld %s\n", code, assay_message());
  else
    printf("%ld\n", code);
}

static int numbers_of(const char* text, double* numbers) {
  int count = 0, used = 0;
  while (count < most && sscanf(text, "%lf%n", numbers + count, &used) == 1) ++count, text += used;
  return count;
}

static void ask(long long wanted) {
  static int64_t ids[most];
  static double inputs[most];
  const int64_t size = assay_input_size(campaign), came = assay_ask(campaign, wanted, ids, inputs);
  int64_t i, j;
  print_code((long)came);
  for (i = 0; i < came; ++i) {
    printf("%lld", (long long)ids[i]);
    for (j = 0; j < size; ++j) printf(" %.17g", inputs[i * size + j]);
    printf("\n");
  }
}

static void predict(int with_deviations, const char* text) {
  static double inputs[most], means[most], deviations[most];
  const int64_t size = assay_input_size(campaign);
  const int64_t count = size > 0 ? numbers_of(text, inputs) / size : 0;
  const int code = assay_predict(campaign, count, inputs, means, with_deviations ? deviations : NULL);
  int64_t i;
  print_code(code);
  for (i = 0; code == 0 && i < count * assay_target_size(campaign); ++i)
    printf(with_deviations ? "%.17g %.17g\n" : "%.17g\n", means[i], deviations[i]);
}

static void fork_and(int stays) {
  const pid_t child = fork();
  if (child == 0 && stays) {
    sleep(600);
    _exit(0);
  }
  if (child == 0) {
    print_code(assay_advance(campaign));
    assay_close(campaign);
    exit(0); /* with what assay does at exit */
  }
  if (!stays) waitpid(child, NULL, 0);
  if (stays) printf("%ld\n", (long)child);
}

static void end(int alarm) {
  (void)alarm;
  exit(3);
}

int main(void) {
  static char line[1 << 16], word[32], first[4096], second[4096];
  setvbuf(stdout, NULL, _IOLBF, 0);
  while (fgets(line, sizeof line, stdin)) {
    long long id = 0;
    int rest = 0, flag = 0;
    static double numbers[most];
    if (sscanf(line, "%31s%n", word, &rest) != 1) continue;
    line[strcspn(line, "\n")] = '\0';
    if (strcmp(word, "new") == 0 && sscanf(line + rest, "%4095s %4095s", first, second) == 2) {
      print_code(assay_new(first, second, &campaign));
    } else if (strcmp(word, "open") == 0) {
      first[0] = '\0';
      sscanf(line + rest, "%4095s", first);
      print_code(assay_open(first, &campaign));
    } else if (strcmp(word, "close") == 0) {
      assay_close(campaign);
      campaign = NULL;
      printf("closed\n");
    } else if (strcmp(word, "advance") == 0) {
      print_code(assay_advance(campaign));
    } else if (strcmp(word, "ask") == 0 && sscanf(line + rest, "%lld", &id) == 1) {
      ask(id);
    } else if (strcmp(word, "tell") == 0 && sscanf(line + rest, "%lld%n", &id, &flag) == 1) {
      const int count = numbers_of(line + rest + flag, numbers);
      print_code(assay_tell(campaign, id, numbers, count));
    } else if (strcmp(word, "failed") == 0 && sscanf(line + rest, "%lld %d %4095[^\n]", &id, &flag, first) == 3) {
      print_code(assay_tell_failed(campaign, id, first, flag));
    } else if (strcmp(word, "infeasible") == 0 && sscanf(line + rest, "%lld %4095[^\n]", &id, first) == 2) {
      print_code(assay_tell_infeasible(campaign, id, first));
    } else if (strcmp(word, "predict") == 0 && sscanf(line + rest, "%d%n", &flag, &rest) == 1) {
      predict(flag, line + strlen("predict") + rest);
    } else if (strcmp(word, "sizes") == 0) {
      printf("%lld %lld\n", (long long)assay_input_size(campaign), (long long)assay_target_size(campaign));
    } else if (strcmp(word, "exit_in") == 0 && sscanf(line + rest, "%lld", &id) == 1) {
      signal(SIGALRM, end);
      alarm((unsigned)id);
      printf("soon\n");
    } else if (strcmp(word, "fork") == 0) {
      fork_and(0);
    } else if (strcmp(word, "sleeper") == 0) {
      fork_and(1);
    } else {
      printf("no such command: %s\n", line);
    }
    fflush(stdout);
  }
  return 0;
}
