/* SPDX-License-Identifier: Apache-2.0
 *
 * The setting static: which requests the door answers, and how they end.
 */
#include "base/error.h"
#include "harness/fake_engine.h"
#include "harness/rig.h"
#include "harness/test.h"
#include "harness/tree.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

static struct fake_host host;
static struct pie_door *door;
static char value[PIE_SETTING_VALUE_MAX];

static const char *folder_value(void) {
  tree_new();
  tree_file("files/a.txt", "0123456789");
  tree_file("deep/b.txt", "deep");
  snprintf(value, sizeof value, "/static=%s,/static/deep=%s", tree_path("files"),
           tree_path("deep"));
  return value;
}

/* A request of a site whose setting is text (NULL: none), by its variable. */
static void open_door(enum fake_kind kind, const char *request, const char *text) {
  fake_engine_reset();
  fake_open(&host, kind, request);
  door = rig_door_ready(&host);
  if (text)
    fake_set(&host, "PYISAPIE_STATIC", text);
}

static void close_door(const char *status, const char *body) {
  struct pie_buf got;
  pie_buf_init(&got, 1 << 20);
  CHECK_HAS(pie_buf_str(&host.wire).p, status);
  CHECK_INT(fake_read_wire(&host, &got), FAKE_WHOLE);
  CHECK_HAS(pie_buf_str(&got).p ? pie_buf_str(&got).p : "", body);
  CHECK_TEXT(host.breach ? host.breach : "", "");
  pie_buf_free(&got);
  rig_door_free(door);
  fake_close(&host);
}

static int count_files(void) {
  int count = 0;
  DIR *folder = opendir("/proc/self/fd");
  while (folder && readdir(folder))
    count++;
  if (folder)
    closedir(folder);
  return count;
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"

static void files_are_answered_without_the_engine(void) {
  const char *text = folder_value();
  int files = count_files();
  for (int kind = FAKE_IIS; kind <= FAKE_APACHE; kind++) {
    open_door((enum fake_kind)kind, GET("/static/a.txt"), text);
    rig_serve(door, &host);
    if (kind == FAKE_IIS)
      CHECK(fake_wait_done(&host, 5000));
    CHECK_INT(fake_engine.handled, 0);
    CHECK_INT(fake_engine.idled, 1);
    close_door("HTTP/1.1 200 OK\r\n", "0123456789");
    open_door((enum fake_kind)kind, GET("/static/deep/b.txt"), text);
    rig_serve(door, &host);
    close_door("HTTP/1.1 200 OK\r\n", "deep");
    open_door((enum fake_kind)kind, GET("/static/none"), text);
    rig_serve(door, &host);
    CHECK_INT(fake_engine.handled, 0);
    close_door("HTTP/1.1 404 Not Found\r\n", "404 Not Found\n");
  }
  CHECK_INT(count_files(), files);
}

static void other_paths_are_the_engines(void) {
  for (int kind = FAKE_IIS; kind <= FAKE_APACHE; kind++) {
    open_door((enum fake_kind)kind, GET("/statics/a.txt"), folder_value());
    rig_serve(door, &host);
    CHECK_INT(fake_engine.handled, 1);
    close_door("HTTP/1.1 200 OK\r\n", "hello");
    open_door((enum fake_kind)kind, GET("/static/a.txt"), NULL);
    rig_serve(door, &host);
    CHECK_INT(fake_engine.handled, 1);
    close_door("HTTP/1.1 200 OK\r\n", "hello");
  }
}

/* Where the host is as IIS, the thread leaves before the client has all of it. */
static void a_last_send_is_not_waited_for(void) {
  int files = count_files();
  for (int kind = FAKE_IIS; kind <= FAKE_OURS; kind++) {
    open_door((enum fake_kind)kind, GET("/static/a.txt"), folder_value());
    host.holds_async = true;
    CHECK_INT(rig_serve(door, &host), HSE_STATUS_PENDING);
    CHECK(host.is_held);
    CHECK_INT(host.outcome, 0);
    fake_complete(&host, 0);
    CHECK(host.outcome == HSE_STATUS_SUCCESS || host.outcome == HSE_STATUS_SUCCESS_AND_KEEP_CONN);
    CHECK_INT(host.done_calls, 1);
    close_door("HTTP/1.1 200 OK\r\n", "0123456789");
    open_door((enum fake_kind)kind, GET("/static/a.txt"), folder_value());
    host.holds_async = true;
    CHECK_INT(rig_serve(door, &host), HSE_STATUS_PENDING);
    fake_complete(&host, 64);
    CHECK_INT(host.outcome, HSE_STATUS_ERROR);
    rig_door_free(door);
    fake_close(&host);
  }
  CHECK_INT(count_files(), files);
}

static void a_client_may_go(void) {
  int files = count_files();
  for (int kind = FAKE_IIS; kind <= FAKE_APACHE; kind++) {
    open_door((enum fake_kind)kind, GET("/static/a.txt"), folder_value());
    host.fail_at = 1;
    rig_serve(door, &host);
    CHECK_INT(host.outcome, HSE_STATUS_ERROR);
    CHECK_TEXT(host.breach ? host.breach : "", "");
    rig_door_free(door);
    fake_close(&host);
  }
  CHECK_INT(count_files(), files);
}

static void a_wrong_setting_is_told(void) {
  static const char *const texts[] = {"/static", "static=/tmp", "/static=", "/a=b,/a=c"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    test_context("%s", texts[i]);
    open_door(FAKE_APACHE, GET("/static/a.txt"), texts[i]);
    fake_set(&host, "REMOTE_ADDR", "127.0.0.1");
    rig_serve(door, &host);
    CHECK_INT(fake_engine.handled, 0);
    close_door("HTTP/1.1 500 Internal Server Error\r\n", "The setting static of this site must");
  }
  test_context(NULL);
}

static void a_missing_folder_is_told(void) {
  for (int kind = FAKE_IIS; kind <= FAKE_APACHE; kind++) {
    open_door((enum fake_kind)kind, GET("/static/a.txt"), "/static=/no/such/folder");
    rig_serve(door, &host);
    CHECK_HAS(rig_log(door), "/no/such/folder");
    close_door("HTTP/1.1 500 Internal Server Error\r\n", "");
  }
}

static void a_relative_folder_is_of_the_root(void) {
  folder_value();
  open_door(FAKE_APACHE, GET("/static/a.txt"), "/static=files");
  fake_set(&host, "PYISAPIE_ROOT", tree_path(""));
  rig_serve(door, &host);
  close_door("HTTP/1.1 200 OK\r\n", "0123456789");
  open_door(FAKE_APACHE, GET("/static/a.txt"), "/static=files");
  rig_serve(door, &host);
  close_door("HTTP/1.1 500 Internal Server Error\r\n", "");
}

static void a_settings_file_speaks_for_its_site_only(void) {
  const char *text = folder_value();
  for (int own = 0; own < 2; own++) {
    open_door(FAKE_APACHE, GET("/static/a.txt"), NULL);
    fake_set(&host, "PYISAPIE_ROOT", own ? "/own" : "/other");
    pie_buf_adds(&door->file_statics, text);
    pie_buf_adds(&door->first_root, "/own");
    rig_serve(door, &host);
    pie_buf_free(&door->first_root);
    close_door("HTTP/1.1 200 OK\r\n", own ? "0123456789" : "hello");
  }
}

static void the_engine_can_serve_files(void) {
  struct rig rig;
  folder_value();
  rig_open(&rig, FAKE_OURS, GET("/static/a.py"));
  tree_file("files/a.py", "secret");
  const struct pie_door_ops *ops = fake_door_ops();
  CHECK_INT(ops->serve_file(rig.request, tree_path("files"), PIE_STR("/a.py"), true), -PIE_ENOENT);
  CHECK_INT(ops->serve_file(rig.request, tree_path("files"), PIE_STR("/none"), false), -PIE_ENOENT);
  CHECK(!ops->head_sent(rig.request));
  CHECK_INT(ops->serve_file(rig.request, tree_path("files"), PIE_STR("/a.txt"), true), 0);
  ops->finish(rig.request, true);
  CHECK_INT(rig.request->outcome, HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  rig_close(&rig);
}

static const struct test_case cases[] = {
    CASE(files_are_answered_without_the_engine),
    CASE(other_paths_are_the_engines),
    CASE(a_last_send_is_not_waited_for),
    CASE(a_client_may_go),
    CASE(a_wrong_setting_is_told),
    CASE(a_missing_folder_is_told),
    CASE(a_relative_folder_is_of_the_root),
    CASE(a_settings_file_speaks_for_its_site_only),
    CASE(the_engine_can_serve_files),
};
TEST_MAIN(cases)
