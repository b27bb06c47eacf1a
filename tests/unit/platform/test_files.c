/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "harness/test.h"
#include "harness/tree.h"
#include "platform/platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void paths_are_joined(void) {
  char out[16];
  CHECK_INT(pie_path_join(out, sizeof out, "/a", "b"), 0);
  CHECK_TEXT(out, "/a/b");
  CHECK_INT(pie_path_join(out, sizeof out, "/", "b"), 0);
  CHECK_TEXT(out, "/b");
  CHECK_INT(pie_path_join(out, sizeof out, "", "b"), 0);
  CHECK_TEXT(out, "b");
  CHECK_INT(pie_path_join(out, sizeof out, "/23456789", "2345"), 0);
  CHECK_INT(strlen(out), 14);
  CHECK_INT(pie_path_join(out, sizeof out, "/23456789", "234567"), -PIE_ETOOBIG);
}

static void paths_have_parents(void) {
  char path[] = "/a/bc/d";
  CHECK_INT(pie_path_parent(path), 0);
  CHECK_TEXT(path, "/a/bc");
  CHECK_INT(pie_path_parent(path), 0);
  CHECK_TEXT(path, "/a");
  CHECK_INT(pie_path_parent(path), 0);
  CHECK_TEXT(path, "/");
  CHECK_INT(pie_path_parent(path), -PIE_ENOENT);
  CHECK_INT(pie_path_parent((char[]){"name"}), -PIE_ENOENT);
}

static bool count_name(void *context, const char *name) {
  CHECK(strncmp(name, "pre", 3) == 0);
  return ++*(int *)context == 2;
}

static void folders_are_listed(void) {
  int count = 0;
  tree_new();
  tree_file("pre1", "");
  tree_file("pre2/x", "");
  tree_file("pre3", "");
  tree_file("other", "");
  pie_path_list(tree_path(""), "pre", count_name, &count);
  CHECK_INT(count, 2); /* it stops when it is told */
  pie_path_list(tree_path("none"), "pre", count_name, &count);
  CHECK_INT(count, 2);
  CHECK(pie_path_is_file(tree_path("pre1")) && !pie_path_is_dir(tree_path("pre1")));
  CHECK(!pie_path_is_file(tree_path("pre2")) && pie_path_is_dir(tree_path("pre2")));
  CHECK(!pie_path_is_file(tree_path("none")) && !pie_path_is_dir(tree_path("none")));
  CHECK(pie_path_is_readable(tree_path("pre1")) && !pie_path_is_readable(tree_path("none")));
}

static void texts_are_read_and_terminated(void) {
  char out[6];
  tree_new();
  tree_file("five", "12345");
  tree_file("nine", "123456789");
  tree_file("none", "");
  CHECK_INT(pie_file_read_text(tree_path("five"), out, sizeof out), 5);
  CHECK_TEXT(out, "12345");
  CHECK_INT(pie_file_read_text(tree_path("nine"), out, sizeof out), 5);
  CHECK_TEXT(out, "12345");
  CHECK_INT(pie_file_read_text(tree_path("none"), out, sizeof out), 0);
  CHECK_TEXT(out, "");
  CHECK_INT(pie_file_read_text(tree_path("missing"), out, sizeof out), -PIE_ENOENT);
}

static void variables_have_their_size(void) {
  char out[5];
  setenv("PIE_TEST_VARIABLE", "1234", 1);
  CHECK_INT(pie_env_get("PIE_TEST_VARIABLE", out, sizeof out), 0);
  CHECK_TEXT(out, "1234");
  setenv("PIE_TEST_VARIABLE", "12345", 1);
  CHECK_INT(pie_env_get("PIE_TEST_VARIABLE", out, sizeof out), -PIE_ETOOBIG);
  unsetenv("PIE_TEST_VARIABLE");
  CHECK_INT(pie_env_get("PIE_TEST_VARIABLE", out, sizeof out), -PIE_ENOENT);
}

struct names {
  int count;
  char last[64];
};

static bool on_name(void *context, const char *name) {
  struct names *names = context;
  names->count++;
  snprintf(names->last, sizeof names->last, "%s", name);
  return strcmp(name, "PIE_TEST_STOP") == 0;
}

static void variables_are_listed_by_their_beginning(void) {
  struct names names = {0};
  setenv("PIE_TEST_A", "PIE_TEST_B=1", 1);
  setenv("NO_PIE_TEST_C", "", 1);
  pie_env_list("PIE_TEST_", on_name, &names);
  CHECK_INT(names.count, 1);
  CHECK_TEXT(names.last, "PIE_TEST_A");
  setenv("PIE_TEST_STOP", "", 1);
  names.count = 0;
  pie_env_list("PIE_TEST_STOP", on_name, &names);
  CHECK_INT(names.count, 1);
  unsetenv("PIE_TEST_A");
  unsetenv("PIE_TEST_STOP");
}

static void clocks_go_on(void) {
  int64_t ms = pie_clock_ms(), us = pie_clock_us(), unix_us = pie_clock_unix_us();
  char stamp[64];
  usleep(20000);
  CHECK(pie_clock_ms() - ms >= 19 && pie_clock_ms() - ms < 10000);
  CHECK(pie_clock_us() - us >= 19000);
  CHECK(pie_clock_unix_us() > unix_us);
  CHECK(llabs(pie_clock_unix_s() - pie_clock_unix_us() / 1000000) <= 1);
  size_t n = pie_log_stamp(stamp, sizeof stamp);
  REQUIRE(n > 26 && n < sizeof stamp);
  CHECK(stamp[4] == '-' && stamp[10] == 'T' && stamp[19] == '.' && stamp[23] == 'Z');
  CHECK_INT(atoi(stamp + 25), pie_process_id());
}

static void a_log_file_is_appended_to_and_reopened(void) {
  char why[256], text[64];
  tree_new();
  tree_file("log", "before\n");
  struct pie_log_file *file = pie_log_file_open(tree_path("log"), why, sizeof why);
  REQUIRE(file != NULL);
  pie_log_file_write(file, "one\n", 4);
  REQUIRE(rename(tree_path("log"), tree_path("log.1")) == 0); /* as logrotate does */
  pie_log_file_write(file, "two\n", 4);
  pie_log_file_reopen(file);
  pie_log_file_write(file, "three\n", 6);
  pie_log_file_close(file);
  pie_file_read_text(tree_path("log.1"), text, sizeof text);
  CHECK_TEXT(text, "before\none\ntwo\n");
  pie_file_read_text(tree_path("log"), text, sizeof text);
  CHECK_TEXT(text, "three\n");
  CHECK(pie_log_file_open(tree_path("no/such/log"), why, sizeof why) == NULL);
  CHECK_HAS(why, "cannot write the log file");
  pie_log_file_close(NULL);
}

static int64_t size_of(const char *name) {
  intptr_t file = pie_file_open(tree_path(name));
  int64_t size = file == -1 ? -1 : pie_file_size(file);
  if (file != -1)
    pie_file_close(file);
  return size;
}

enum { LINE = 1024, LOG_MAX = 64 * 1024 };

static void write_lines(struct pie_log_file *file, int count) {
  char line[LINE];
  memset(line, 'x', sizeof line);
  line[sizeof line - 1] = '\n';
  for (int i = 0; i < count; i++)
    pie_log_file_write(file, line, sizeof line);
}

static void a_log_file_that_is_full_becomes_an_older_one(void) {
  char why[256];
  struct pie_log_file *file = pie_log_file_open(tree_path("full"), why, sizeof why);
  REQUIRE(file);
  pie_log_file_limit(file, LOG_MAX, 2);
  write_lines(file, 60);
  CHECK_INT(size_of("full.1"), -1);
  write_lines(file, 40);
  CHECK(size_of("full.1") >= LOG_MAX);
  CHECK_INT(size_of("full") + size_of("full.1"), 100 * LINE);
  write_lines(file, 400);
  CHECK(size_of("full.2") >= LOG_MAX);
  CHECK_INT(size_of("full.3"), -1);
  pie_log_file_close(file);
}

/* Its name is relative, and the application goes to another folder. */
static void a_log_file_stays_in_its_folder(void) {
  char why[256], before[1024];
  REQUIRE(getcwd(before, sizeof before) != NULL && chdir(tree_path("")) == 0);
  struct pie_log_file *file = pie_log_file_open("stays", why, sizeof why);
  REQUIRE(file != NULL);
  pie_log_file_limit(file, LOG_MAX, 2);
  REQUIRE(chdir(before) == 0);
  write_lines(file, 2 * LOG_MAX / 100);
  pie_log_file_close(file);
  CHECK(pie_path_is_file(tree_path("stays.1")));
}

static void several_writers_share_a_log_file(void) {
  enum { WRITERS = 3 };
  char why[256];
  struct pie_log_file *files[WRITERS];
  for (int i = 0; i < WRITERS; i++) {
    files[i] = pie_log_file_open(tree_path("shared"), why, sizeof why);
    REQUIRE(files[i]);
    pie_log_file_limit(files[i], LOG_MAX, 50);
  }
  for (int i = 0; i < 900; i++)
    write_lines(files[i % WRITERS], 1);
  int64_t total = size_of("shared");
  int older = 0;
  for (int i = 1; i <= 50; i++) {
    char name[32];
    snprintf(name, sizeof name, "shared.%d", i);
    int64_t size = size_of(name);
    total += size > 0 ? size : 0;
    older += size >= 0;
    CHECK(size < 0 || size < 3 * LOG_MAX);
  }
  CHECK_INT(total, 900 * LINE);         /* nothing is lost, */
  CHECK(older <= 900 * LINE / LOG_MAX); /* and none was renamed that others had just begun */
  for (int i = 0; i < WRITERS; i++)
    pie_log_file_close(files[i]);
}

static const struct test_case cases[] = {
    CASE(paths_are_joined),
    CASE(paths_have_parents),
    CASE(folders_are_listed),
    CASE(texts_are_read_and_terminated),
    CASE(variables_have_their_size),
    CASE(variables_are_listed_by_their_beginning),
    CASE(clocks_go_on),
    CASE(a_log_file_is_appended_to_and_reopened),
    CASE(a_log_file_that_is_full_becomes_an_older_one),
    CASE(a_log_file_stays_in_its_folder),
    CASE(several_writers_share_a_log_file),
};
TEST_MAIN(cases)
