/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include "platform/platform.h"

#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SHOWN_MAX = 600 };

static const char *running = "";
static atomic_int failures; /* of the running case */
static _Thread_local char context[512];
static pthread_mutex_t print_lock = PTHREAD_MUTEX_INITIALIZER;

void test_context(const char *format, ...) {
  va_list args;
  context[0] = '\0';
  if (!format)
    return;
  va_start(args, format);
  vsnprintf(context, sizeof context, format, args);
  va_end(args);
  for (char *at = context; *at; at++) {
    if ((unsigned char)*at < 0x20 || (unsigned char)*at >= 0x7f)
      *at = '~';
  }
}

bool test_has_failed(void) { return atomic_load(&failures) != 0; }

void test_forget_failures(void) { atomic_store(&failures, 0); }

static void show(const char *title, struct pie_str text) {
  printf("#   %s \"", title);
  for (size_t i = 0; i < text.n && i < SHOWN_MAX; i++) {
    unsigned char c = (unsigned char)text.p[i];
    if (c == '\n')
      printf("\\n");
    else if (c == '\r')
      printf("\\r");
    else if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
      printf("\\x%02x", c);
    else
      putchar(c);
  }
  printf("\"%s (%zu bytes)\n", text.n > SHOWN_MAX ? "..." : "", text.n);
}

static void open_failure(const char *fact, const char *file, int line) {
  pthread_mutex_lock(&print_lock);
  failures++;
  printf("# %s:%d: %s: %s\n", file, line, running, fact);
  if (context[0])
    printf("#   with %s\n", context);
}

static void close_failure(void) {
  fflush(stdout);
  pthread_mutex_unlock(&print_lock);
}

bool test_check(bool good, const char *fact, const char *file, int line) {
  if (good)
    return true;
  open_failure(fact, file, line);
  close_failure();
  return false;
}

void test_require(bool good, const char *fact, const char *file, int line) {
  if (test_check(good, fact, file, line))
    return;
  printf("# %s cannot go on\n", running);
  fflush(stdout);
  _exit(1);
}

bool test_check_int(int64_t got, int64_t want, const char *fact, const char *file, int line) {
  if (got == want)
    return true;
  open_failure(fact, file, line);
  printf("#   is %lld, should be %lld\n", (long long)got, (long long)want);
  close_failure();
  return false;
}

bool test_check_str(struct pie_str got, struct pie_str want, const char *fact, const char *file,
                    int line) {
  if (got.p && pie_str_equal(got, want))
    return true;
  open_failure(fact, file, line);
  show("is       ", got.p ? got : PIE_STR("(NULL)"));
  show("should be", want);
  close_failure();
  return false;
}

bool test_check_has(struct pie_str text, const char *part, bool wanted, const char *fact,
                    const char *file, int line) {
  if ((memmem(text.p, text.n, part, strlen(part)) != NULL) == wanted)
    return true;
  open_failure(fact, file, line);
  show("is              ", text);
  show(wanted ? "should hold     " : "should not hold ", pie_str_from(part));
  close_failure();
  return false;
}

/* ---- folders ---- */

static char folder[PIE_PATH_MAX];
static int folder_owner;

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
  (void)st, (void)flag, (void)ftw;
  return remove(path);
}

static void remove_folder(void) {
  if (folder[0] && folder_owner == pie_process_id())
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *test_folder(void) {
  if (!folder[0]) {
    const char *top = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/pie-test-XXXXXX", top && *top ? top : "/tmp");
    REQUIRE(mkdtemp(folder) != NULL);
    folder_owner = pie_process_id();
    atexit(remove_folder);
  }
  return folder;
}

const char *test_program_folder(void) {
  static char path[PIE_PATH_MAX];
  if (!path[0]) {
    const void *here = (const void *)(uintptr_t)test_program_folder;
    REQUIRE(pie_lib_path_of(here, path, sizeof path) == 0);
    pie_path_parent(path);
  }
  return path;
}

/* ---- running ---- */

static bool is_wanted(const char *name, int count, char **args) {
  for (int i = 1; i < count; i++) {
    if (strcmp(args[i], name) == 0)
      return true;
  }
  return count < 2;
}

int test_main(int count, char **args, const struct test_case *cases, size_t n) {
  int passed = 0, failed = 0;
  signal(SIGPIPE, SIG_IGN);
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (size_t i = 0; i < n; i++) {
    if (!is_wanted(cases[i].name, count, args))
      continue;
    running = cases[i].name;
    atomic_store(&failures, 0);
    test_context(NULL);
    cases[i].run();
    bool good = !test_has_failed();
    passed += good;
    failed += !good;
    printf("%s %d - %s\n", good ? "ok" : "not ok", passed + failed, cases[i].name);
    fflush(stdout);
  }
  printf("1..%d\n%d passed, %d failed\n", passed + failed, passed, failed);
  return failed ? 1 : 0;
}
