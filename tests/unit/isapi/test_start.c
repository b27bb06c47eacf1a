/* SPDX-License-Identifier: Apache-2.0
 *
 * The start of Python: who waits, who is answered, and what they are told.
 */
#include "harness/fake_engine.h"
#include "harness/fake_python.h"
#include "harness/rig.h"
#include "harness/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GET "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
#define SOON_MS 20000 /* nothing here takes so long */

enum { HOSTS_MAX = 1100, DOORS_MAX = 64 };

static struct pie_door *doors[DOORS_MAX]; /* never freed: their threads may still look at them */
static size_t door_count;
static struct pie_door *door;
static struct fake_host hosts[HOSTS_MAX];
static char log_path[600];

static void wait_ms(int ms) { usleep((useconds_t)ms * 1000); }

static void open_door(void) {
  fake_engine_reset();
  fake_python_runs = true;
  fake_python_version = "3.99.0 (main)";
  REQUIRE(door_count < DOORS_MAX);
  door = doors[door_count++] = rig_door_new();
  snprintf(log_path, sizeof log_path, "%s/log-%zu", test_folder(), door_count);
}

static struct fake_host *open_host(size_t i, enum fake_kind kind) {
  fake_open(&hosts[i], kind, GET);
  fake_set(&hosts[i], "REMOTE_ADDR", "127.0.0.1");
  fake_set(&hosts[i], "PYISAPIE_LOG", log_path);
  return &hosts[i];
}

static void close_hosts(size_t n) {
  for (size_t i = 0; i < n; i++) {
    CHECK_TEXT(hosts[i].breach ? hosts[i].breach : "", "");
    fake_close(&hosts[i]);
  }
}

static const char *read_log(void) {
  static char text[1 << 18];
  if (pie_file_read_text(log_path, text, sizeof text) < 0)
    text[0] = '\0';
  return text;
}

static void wait_for(const atomic_int *counter, int value) {
  for (int i = 0; i < SOON_MS && *counter < value; i++)
    wait_ms(1);
  CHECK_INT(*counter, value);
}

static const char *wire(size_t i) { return pie_buf_str(&hosts[i].wire).p; }

/* A request on a host whose thread waits: mod_isapi. */
static uint32_t serve(void) {
  uint32_t outcome = rig_serve(door, open_host(0, FAKE_APACHE));
  CHECK(hosts[0].breach == NULL);
  return outcome;
}

static void expect_hello(void) {
  CHECK_INT(serve(), HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  CHECK_HAS(wire(0), "HTTP/1.1 200 OK\r\n");
  CHECK_HAS(wire(0), "hello\n");
  close_hosts(1);
}

/* ---- starts that go well ---- */

static void the_first_request_starts_python(void) {
  open_door();
  CHECK_INT(fake_engine.opens, 0);
  expect_hello();
  CHECK_INT(fake_engine.opens, 1);
  CHECK_INT(fake_engine.starts, 1);
  wait_for(&fake_engine.runs, 1);
  expect_hello();
  CHECK_INT(fake_engine.starts, 1);
  CHECK_INT(fake_engine.handled, 2);
}

static void requests_wait_in_the_door_where_they_may(void) {
  enum { N = 20 };
  open_door();
  fake_engine.hold_start = true;
  for (size_t i = 0; i < N; i++)
    CHECK_INT(rig_serve(door, open_host(i, FAKE_IIS)), HSE_STATUS_PENDING);
  CHECK_INT(door->parked_count, N);
  CHECK_INT(fake_engine.handled, 0);
  fake_engine.hold_start = false;
  for (size_t i = 0; i < N; i++) {
    REQUIRE(fake_wait_done(&hosts[i], SOON_MS));
    CHECK_HAS(wire(i), "hello\n");
    CHECK_INT(hosts[i].done_calls, 1);
  }
  CHECK_INT(fake_engine.handled, N);
  CHECK_INT(fake_engine.starts, 1);
  close_hosts(N);
}

static void the_settings_reach_the_engine(void) {
  open_door();
  struct fake_host *host = open_host(0, FAKE_IIS);
  setenv("PYISAPIE_QUEUE", "7", 1);
  setenv("PYISAPIE_THREADS", "3", 1);
  fake_set(host, "PYISAPIE_THREADS", "5"); /* the server's word counts more */
  fake_set(host, "PYISAPIE_STACK_SIZE", "2M");
  fake_set(host, "PYISAPIE_START_TIMEOUT", "12.5");
  fake_set(host, "PYISAPIE_RELOAD", "on");
  fake_set(host, "PYISAPIE_LOG_LEVEL", "debug");
  CHECK_INT(rig_serve(door, host), HSE_STATUS_PENDING);
  REQUIRE(fake_wait_done(host, SOON_MS));
  unsetenv("PYISAPIE_QUEUE");
  unsetenv("PYISAPIE_THREADS");
  const struct pie_engine_config *config = &fake_engine.config;
  CHECK_INT(config->threads, 5);
  CHECK_INT(config->queue, 7);
  CHECK_INT(config->stack_size, 2 << 20);
  CHECK_INT(config->start_timeout_ms, 12500);
  CHECK_INT(config->log_level, PIE_LOG_DEBUG);
  CHECK(config->reload);
  CHECK(!config->multiprocess);
  CHECK_TEXT(fake_engine.executable, ""); /* Python runs already */
  CHECK_TEXT(fake_engine.home, "");
  close_hosts(1);
}

static bool starts_as_one_of_several(enum fake_kind kind, const char *workers) {
  open_door();
  struct fake_host *host = open_host(0, kind);
  fake_set(host, "PYISAPIE_WORKERS", workers);
  if (rig_serve(door, host) == HSE_STATUS_PENDING)
    REQUIRE(fake_wait_done(host, SOON_MS));
  close_hosts(1);
  return fake_engine.config.multiprocess;
}

static void other_processes_are_told_of(void) {
  CHECK(starts_as_one_of_several(FAKE_APACHE, NULL)); /* httpd has children */
  CHECK(!starts_as_one_of_several(FAKE_OURS, NULL));
  CHECK(!starts_as_one_of_several(FAKE_OURS, "1"));
  CHECK(starts_as_one_of_several(FAKE_OURS, "4"));
}

static void a_warm_up_starts_and_loads(void) {
  open_door();
  struct fake_host *host = open_host(0, FAKE_OURS);
  CHECK(pie_door_warm(door, &host->ecb));
  CHECK_INT(fake_engine.starts, 1);
  CHECK_INT(fake_engine.warmed, 1);
  CHECK_INT(fake_engine.handled, 0);
  CHECK_INT(host->sends + host->reads + host->done_calls, 0);
  close_hosts(1);
}

static bool warm_in_vain(const struct pie_request_info *info) {
  (void)info;
  return false;
}

static void a_warm_up_tells_of_an_application_that_fails(void) {
  open_door();
  fake_engine.warm = warm_in_vain;
  CHECK(!pie_door_warm(door, &open_host(0, FAKE_OURS)->ecb));
  CHECK_INT(fake_engine.warmed, 1);
  close_hosts(1);
}

/* ---- starts that fail ---- */

static const struct pie_failure no_app = {500, "No <app>.", "Traceback (most recent call last)",
                                          "Mend it."};

static void a_failed_start_answers_all_who_wait(void) {
  enum { N = 5 };
  open_door();
  fake_engine.failure = &no_app;
  fake_engine.hold_start = true;
  for (size_t i = 0; i < N; i++)
    CHECK_INT(rig_serve(door, open_host(i, FAKE_IIS)), HSE_STATUS_PENDING);
  fake_engine.hold_start = false;
  for (size_t i = 0; i < N; i++) {
    REQUIRE(fake_wait_done(&hosts[i], SOON_MS));
    CHECK_HAS(wire(i), "HTTP/1.1 500 Internal Server Error\r\n");
    CHECK_HAS(wire(i), "No &lt;app&gt;.");
    CHECK_HAS(wire(i), "Traceback");
    CHECK_HAS(wire(i), "Mend it.");
    CHECK_INT(hosts[i].done_calls, 1);
  }
  CHECK_INT(fake_engine.handled, 0);
  CHECK_HAS(read_log(), "Python was not started: No <app>.");
  CHECK_HAS(read_log(), "Traceback");
  CHECK_HAS(read_log(), "Mend it.");
  close_hosts(N);
}

static void strangers_see_no_details_of_a_failed_start(void) {
  open_door();
  fake_engine.failure = &no_app;
  struct fake_host *host = open_host(0, FAKE_APACHE);
  fake_set(host, "REMOTE_ADDR", "192.0.2.7");
  CHECK_INT(rig_serve(door, host), HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  CHECK_HAS(wire(0), "HTTP/1.1 500 Internal Server Error\r\n");
  CHECK_HAS(wire(0), "Reference ");
  CHECK_HAS_NOT(wire(0), "app");
  CHECK_HAS_NOT(wire(0), "Traceback");
  close_hosts(1);
}

static void a_failed_start_is_tried_again_once_a_second(void) {
  open_door();
  fake_engine.failure = &no_app;
  int64_t began = pie_clock_ms();
  while (pie_clock_ms() < began + 2500) {
    CHECK_INT(serve(), HSE_STATUS_SUCCESS_AND_KEEP_CONN);
    CHECK_HAS(wire(0), "No &lt;app&gt;.");
    close_hosts(1);
    wait_ms(20);
  }
  CHECK(fake_engine.starts >= 2);
  CHECK(fake_engine.starts <= 3);
  CHECK_INT(fake_engine.opens, 1); /* the engine stays loaded */
  fake_engine.failure = NULL;
  wait_ms(PIE_DOOR_RETRY_MS + 50);
  expect_hello(); /* what has been mended is picked up */
  wait_for(&fake_engine.runs, 1);
}

static void a_warm_up_that_fails_says_so(void) {
  open_door();
  fake_engine.failure = &no_app;
  CHECK(!pie_door_warm(door, &open_host(0, FAKE_OURS)->ecb));
  CHECK_INT(fake_engine.warmed, 0);
  close_hosts(1);
}

static void an_engine_of_another_version_is_told(void) {
  open_door();
  fake_engine.refuse_abi = true;
  CHECK_INT(serve(), HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  CHECK_HAS(wire(0), "The engine ");
  CHECK_HAS(wire(0), "_engine.cpython-399");
  CHECK_HAS(wire(0), "cannot be loaded.");
  CHECK_HAS(wire(0), "it has no pie_engine_open of ABI");
  CHECK_HAS(wire(0), "Install pyisapie again");
  close_hosts(1);
}

static void a_python_of_another_version_is_told(void) {
  open_door();
  fake_python_version = "3.98.1 (main)";
  CHECK_INT(serve(), HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  CHECK_HAS(wire(0), "The Python found is 3.98, but the extension in ");
  CHECK_HAS(wire(0), " is built for Python 3.99.");
  close_hosts(1);
  open_door();
  fake_python_version = "3.99.0 experimental free-threading build (main)";
  CHECK_INT(serve(), HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  CHECK_HAS(wire(0), "The Python found is 3.99t, but the extension in ");
  close_hosts(1);
  CHECK_INT(fake_engine.opens, 0);
}

/* ---- starts that take their time ---- */

static void check_slow(size_t i) {
  CHECK_HAS(wire(i), "HTTP/1.1 503 Service Unavailable\r\n");
  CHECK_HAS(wire(i), "Retry-After: 1\r\n");
  CHECK_HAS(wire(i), "still starting");
}

static void a_slow_start_answers_those_who_wait_in_time(void) {
  open_door();
  fake_engine.hold_start = true;
  fake_set(open_host(0, FAKE_IIS), "PYISAPIE_START_TIMEOUT", "0.3");
  int64_t began = pie_clock_ms();
  CHECK_INT(rig_serve(door, &hosts[0]), HSE_STATUS_PENDING);
  REQUIRE(fake_wait_done(&hosts[0], SOON_MS));
  CHECK(pie_clock_ms() - began >= 290);
  CHECK(pie_clock_ms() - began < 5000);
  check_slow(0);
  CHECK_INT(rig_serve(door, open_host(1, FAKE_IIS)), HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  check_slow(1); /* at once: the time is over */
  CHECK_HAS(read_log(), "has not started within the setting start-timeout");
  close_hosts(2);
  fake_engine.hold_start = false; /* it ends after all */
  for (int i = 0; i < SOON_MS && fake_engine.runs == 0; i++)
    wait_ms(1);
  expect_hello();
  CHECK_INT(fake_engine.starts, 1);
}

static void a_slow_start_lets_the_waiting_thread_go(void) {
  open_door();
  fake_engine.hold_start = true;
  fake_set(open_host(0, FAKE_APACHE), "PYISAPIE_START_TIMEOUT", "0.3");
  int64_t began = pie_clock_ms();
  CHECK_INT(rig_serve(door, &hosts[0]), HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  CHECK(pie_clock_ms() - began >= 290);
  CHECK(pie_clock_ms() - began < 5000);
  check_slow(0);
  close_hosts(1);
  fake_engine.hold_start = false;
  wait_for(&fake_engine.runs, 1);
}

static void not_everybody_can_wait(void) {
  enum { MOST = 1024 };
  open_door();
  fake_engine.hold_start = true;
  for (size_t i = 0; i < MOST; i++)
    CHECK_INT(rig_serve(door, open_host(i, FAKE_IIS)), HSE_STATUS_PENDING);
  CHECK_INT(rig_serve(door, open_host(MOST, FAKE_IIS)), HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  CHECK_HAS(wire(MOST), "HTTP/1.1 503 Service Unavailable\r\n");
  CHECK_HAS(wire(MOST), "Too many requests are waiting.");
  fake_engine.hold_start = false;
  for (size_t i = 0; i < MOST; i++)
    REQUIRE(fake_wait_done(&hosts[i], SOON_MS));
  CHECK_HAS(wire(MOST - 1), "hello\n");
  close_hosts(MOST + 1);
}

/* ---- settings that are wrong ---- */

/* Settings are read once: what is wrong is told until the server is restarted. */
static void a_wrong_setting_is_told(void) {
  open_door();
  fake_set(open_host(0, FAKE_APACHE), "PYISAPIE_THREADS", "many");
  CHECK_INT(rig_serve(door, &hosts[0]), HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  CHECK_HAS(wire(0), "HTTP/1.1 500 Internal Server Error\r\n");
  CHECK_HAS(wire(0), "The setting PYISAPIE_THREADS is &quot;many&quot;, but it must be a whole "
                     "number from 1 to 1024");
  CHECK_HAS(wire(0), "Mend the variable where the web server sets it");
  close_hosts(1);
  CHECK_INT(fake_engine.starts, 0);
  CHECK(!pie_door_warm(door, &open_host(0, FAKE_OURS)->ecb));
  close_hosts(1);
  CHECK_INT(serve(), HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  CHECK_HAS(wire(0), "PYISAPIE_THREADS");
  close_hosts(1);
}

static void a_misspelled_variable_is_told(void) {
  open_door();
  setenv("PYISAPIE_THREAD", "2", 1);
  CHECK_INT(serve(), HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  CHECK_HAS(wire(0), "The environment variable PYISAPIE_THREAD is no setting.");
  CHECK_HAS(wire(0), "Did you mean PYISAPIE_THREADS?");
  close_hosts(1);
  unsetenv("PYISAPIE_THREAD");
  setenv("PYISAPIE_SOMETHING_ELSE", "2", 1);
  open_door();
  CHECK_INT(serve(), HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  CHECK_HAS(wire(0), "PYISAPIE_SOMETHING_ELSE is no setting.");
  CHECK_HAS(wire(0), "Mend it or take it out, and restart the server.");
  close_hosts(1);
  unsetenv("PYISAPIE_SOMETHING_ELSE");
}

/* The log and who may see errors are settings, too: one that is wrong must not switch them off. */
static void a_wrong_setting_leaves_the_others_alone(void) {
  open_door();
  fake_set(open_host(0, FAKE_APACHE), "PYISAPIE_THREADS", "many");
  fake_set(&hosts[0], "PYISAPIE_SHOW_ERRORS", "never");
  CHECK_INT(rig_serve(door, &hosts[0]), HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  CHECK_HAS_NOT(wire(0), "PYISAPIE_THREADS");
  CHECK_HAS(read_log(), "The setting PYISAPIE_THREADS is \"many\"");
  close_hosts(1);
}

static void a_log_that_cannot_be_written_is_told(void) {
  open_door();
  fake_set(open_host(0, FAKE_APACHE), "PYISAPIE_LOG", "/nonexistent/folder/log");
  CHECK_INT(rig_serve(door, &hosts[0]), HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  CHECK_HAS(wire(0), "cannot write the log file /nonexistent/folder/log");
  close_hosts(1);
}

static void a_value_too_long_for_a_setting_is_told(void) {
  static char value[PIE_SETTING_VALUE_MAX + 10];
  memset(value, 'x', sizeof value - 1);
  open_door();
  fake_set(open_host(0, FAKE_APACHE), "PYISAPIE_HOME", value);
  CHECK_INT(rig_serve(door, &hosts[0]), HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  CHECK_HAS(wire(0), "PYISAPIE_HOME");
  close_hosts(1);
}

/* ---- the settings file ---- */

static void a_settings_file_is_read_before_the_engine_starts(void) {
  static const char *const file[] = {"threads", "3",    "app", "no:matter", "queue",
                                     "7",       "bind", "x",   NULL};
  open_door();
  fake_engine.file = file;
  fake_set(open_host(0, FAKE_APACHE), "PYISAPIE_ROOT", "/srv/shop");
  fake_set(&hosts[0], "PYISAPIE_QUEUE", "5");
  rig_serve(door, &hosts[0]);
  CHECK_TEXT(fake_engine.file_root, "/srv/shop");
  CHECK_INT(fake_engine.config.threads, 3);
  CHECK_INT(fake_engine.config.queue, 5); /* the server goes first */
  close_hosts(1);
}

static void a_wrong_settings_file_is_told_until_it_is_mended(void) {
  static const struct pie_failure wrong = {.status = 500, .summary = "The settings file is wrong."};
  open_door();
  fake_engine.file_failure = &wrong;
  CHECK_INT(serve(), HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  CHECK_HAS(wire(0), "The settings file is wrong.");
  CHECK_INT(fake_engine.starts, 0);
  close_hosts(1);
  fake_engine.file_failure = NULL;
  wait_ms(PIE_DOOR_RETRY_MS + 100);
  expect_hello();
}

static void a_settings_file_may_name_the_log(void) {
  static char path[700];
  static const char *const file[] = {"log", path, NULL};
  open_door();
  snprintf(path, sizeof path, "%s/of-the-file", test_folder());
  fake_engine.file = file;
  fake_set(open_host(0, FAKE_APACHE), "PYISAPIE_LOG", NULL);
  rig_serve(door, &hosts[0]);
  pie_door_log(door, PIE_LOG_ERROR, "goes there");
  snprintf(log_path, sizeof log_path, "%s", path);
  CHECK_HAS(read_log(), "goes there");
  close_hosts(1);
}

static void a_log_of_the_settings_file_that_cannot_be_written_is_told(void) {
  static char path[700];
  static const char *const file[] = {"log", path, NULL};
  open_door();
  snprintf(path, sizeof path, "/nonexistent/folder/log");
  fake_engine.file = file;
  for (int i = 0; i < 2; i++) { /* each time, until it is mended */
    fake_set(open_host(0, FAKE_APACHE), "PYISAPIE_LOG", NULL);
    rig_serve(door, &hosts[0]);
    CHECK_HAS(wire(0), "cannot write the log file /nonexistent/folder/log");
    close_hosts(1);
    wait_ms(PIE_DOOR_RETRY_MS + 100);
  }
  snprintf(path, sizeof path, "%s/mended", test_folder());
  fake_set(open_host(0, FAKE_APACHE), "PYISAPIE_LOG", NULL);
  rig_serve(door, &hosts[0]);
  CHECK_HAS(wire(0), "hello\n");
  pie_door_log(door, PIE_LOG_ERROR, "goes there");
  snprintf(log_path, sizeof log_path, "%s", path);
  CHECK_HAS(read_log(), "goes there");
  close_hosts(1);
}

/* The log is the environment's, how large it may grow the file's. */
static void a_settings_file_may_limit_the_log(void) {
  static const char *const file[] = {"log-size", "20000", "log-keep", "1", NULL};
  static char line[1000], older[700];
  open_door();
  fake_engine.file = file;
  rig_serve(door, open_host(0, FAKE_APACHE));
  memset(line, 'x', sizeof line - 1);
  for (int i = 0; i < 60; i++)
    pie_door_log(door, PIE_LOG_ERROR, line);
  snprintf(older, sizeof older, "%s.1", log_path);
  CHECK(pie_path_is_file(older));
  close_hosts(1);
}

static const struct test_case cases[] = {
    CASE(the_first_request_starts_python),
    CASE(requests_wait_in_the_door_where_they_may),
    CASE(the_settings_reach_the_engine),
    CASE(other_processes_are_told_of),
    CASE(a_warm_up_starts_and_loads),
    CASE(a_warm_up_tells_of_an_application_that_fails),
    CASE(a_failed_start_answers_all_who_wait),
    CASE(strangers_see_no_details_of_a_failed_start),
    CASE(a_failed_start_is_tried_again_once_a_second),
    CASE(a_warm_up_that_fails_says_so),
    CASE(an_engine_of_another_version_is_told),
    CASE(a_python_of_another_version_is_told),
    CASE(a_slow_start_answers_those_who_wait_in_time),
    CASE(a_slow_start_lets_the_waiting_thread_go),
    CASE(not_everybody_can_wait),
    CASE(a_wrong_setting_is_told),
    CASE(a_misspelled_variable_is_told),
    CASE(a_wrong_setting_leaves_the_others_alone),
    CASE(a_log_that_cannot_be_written_is_told),
    CASE(a_value_too_long_for_a_setting_is_told),
    CASE(a_settings_file_is_read_before_the_engine_starts),
    CASE(a_wrong_settings_file_is_told_until_it_is_mended),
    CASE(a_settings_file_may_name_the_log),
    CASE(a_log_of_the_settings_file_that_cannot_be_written_is_told),
    CASE(a_settings_file_may_limit_the_log),
};
TEST_MAIN(cases)
