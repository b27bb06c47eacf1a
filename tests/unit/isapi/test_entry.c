/* SPDX-License-Identifier: Apache-2.0
 *
 * The extension as a web server has it: a shared module in a virtual environment, its exports, and
 * the way from there to the engine.
 */
#include "harness/fake_ecb.h"
#include "harness/fake_engine.h"
#include "harness/fake_python.h"
#include "harness/test.h"
#include "harness/tree.h"
#include "platform/platform.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#define GET "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
#define PACKAGE "venv/lib/python3.99/site-packages/pyisapie"

struct extension {
  void *lib;
  pie_get_extension_version_fn version;
  pie_http_extension_proc_fn proc;
  pie_terminate_extension_fn terminate;
  pie_http_extension_warm_fn warm;
  pie_http_extension_idle_fn idle;
};

static struct extension door;
static struct fake_host host;

static void find(const char *name, void *function) {
  void *symbol = dlsym(door.lib, name);
  REQUIRE(symbol != NULL);
  memcpy(function, &symbol, sizeof symbol);
}

static void load_door(void) {
  door.lib = dlopen(tree_path(PACKAGE "/pyisapie.so"), RTLD_NOW | RTLD_LOCAL);
  REQUIRE(door.lib != NULL);
  find("GetExtensionVersion", &door.version);
  find("HttpExtensionProc", &door.proc);
  find("TerminateExtension", &door.terminate);
  find("HttpExtensionWarm", &door.warm);
  find("HttpExtensionIdle", &door.idle);
}

static void make_venv(void) {
  char text[8192];
  fake_engine_reset();
  fake_python_runs = false;
  tree_new();
  tree_copy(PACKAGE "/pyisapie.so", "door_module.so");
  tree_copy(PACKAGE "/_engine.cpython-399-test.so", "_engine.cpython-399-test.so");
  tree_file("base/bin/python3.99", "");
  tree_copy("base/lib/libpython3.99.so.1.0", "empty_library.so");
  snprintf(text, sizeof text, "home = %s\nversion = 3.99.1\n", tree_path("base/bin"));
  tree_file("venv/pyvenv.cfg", text);
  tree_file("venv/bin/python", "");
}

static void open_host(enum fake_kind kind) {
  fake_open(&host, kind, GET);
  fake_set(&host, "REMOTE_ADDR", "127.0.0.1");
}

static uint32_t serve(void) {
  uint32_t outcome = door.proc(&host.ecb);
  fake_returned(&host, outcome);
  if (outcome == HSE_STATUS_PENDING)
    REQUIRE(fake_wait_done(&host, 20000));
  CHECK(host.breach == NULL);
  return host.outcome;
}

static void the_version_is_always_given(void) {
  make_venv();
  load_door();
  HSE_VERSION_INFO info;
  memset(&info, 'x', sizeof info);
  for (int i = 0; i < 3; i++) { /* more than once, in a parent that never serves */
    CHECK_INT(door.version(&info), TRUE);
    CHECK_INT(HIWORD(info.dwExtensionVersion), 2);
    CHECK_HAS(info.lpszExtensionDesc, "PyISAPIe");
    CHECK(memchr(info.lpszExtensionDesc, '\0', 256) != NULL);
  }
  CHECK_INT(door.version(NULL), TRUE);
  CHECK_INT(door.terminate(HSE_TERM_ADVISORY_UNLOAD), TRUE); /* nothing has been started */
  CHECK_INT(door.terminate(HSE_TERM_MUST_UNLOAD), TRUE);
  CHECK_INT(fake_engine.opens, 0);
  CHECK_INT(dlclose(door.lib), 0);
}

static void a_request_reaches_the_engine_of_the_environment(void) {
  make_venv();
  load_door();
  open_host(FAKE_IIS);
  CHECK_INT(serve(), HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  CHECK_HAS(pie_buf_str(&host.wire).p, "hello\n");
  fake_close(&host);
  open_host(FAKE_IIS);
  CHECK_INT(serve(), HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  fake_close(&host);
  CHECK_INT(fake_engine.opens, 1);
  CHECK_INT(fake_engine.handled, 2);
  CHECK_TEXT(fake_engine.executable, tree_path("venv/bin/python"));
  CHECK_TEXT(fake_engine.package_dir, tree_path("venv/lib/python3.99/site-packages"));
  door.idle(0);
  CHECK_INT(fake_engine.idled, 1);
  CHECK_INT(door.terminate(HSE_TERM_MUST_UNLOAD), TRUE);
  CHECK_INT(fake_engine.stops, 1);
  CHECK(fake_engine.stop_timeout_ms < 90000); /* shutdownTimeLimit */
}

/* Python cannot be unloaded: FALSE for an advisory unload is not enough (section 9, 8). */
static void a_module_that_has_started_stays(void) {
  make_venv();
  load_door();
  open_host(FAKE_APACHE);
  CHECK_INT(serve(), HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  fake_close(&host);
  void *before = (void *)(uintptr_t)door.proc;
  dlclose(door.lib);
  dlclose(door.lib);
  void *again = dlopen(tree_path(PACKAGE "/pyisapie.so"), RTLD_NOW | RTLD_NOLOAD);
  REQUIRE(again != NULL);
  CHECK(dlsym(again, "HttpExtensionProc") == before);
  open_host(FAKE_APACHE);
  CHECK_INT(serve(), HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  fake_close(&host);
}

static void a_warm_up_loads_the_application(void) {
  make_venv();
  load_door();
  open_host(FAKE_OURS);
  CHECK_INT(door.warm(&host.ecb), TRUE);
  CHECK_INT(fake_engine.warmed, 1);
  CHECK_INT(host.sends, 0);
  CHECK_INT(serve(), HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  fake_close(&host);
}

static void expect_page(const char *text) {
  open_host(FAKE_APACHE);
  CHECK_INT(serve(), HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  CHECK_HAS(pie_buf_str(&host.wire).p, "HTTP/1.1 500 Internal Server Error\r\n");
  CHECK_HAS(pie_buf_str(&host.wire).p, text);
  fake_close(&host);
}

static void a_library_that_is_none_is_told(void) {
  make_venv();
  tree_file("base/lib/libpython3.99.so.1.0", "This is no library.");
  load_door();
  expect_page("libpython3.99.so.1.0 cannot be loaded.");
  CHECK_INT(fake_engine.opens, 0);
}

static void an_engine_that_is_none_is_told(void) {
  make_venv();
  tree_file(PACKAGE "/_engine.cpython-399-test.so", "This is no library, either.");
  load_door();
  expect_page("_engine.cpython-399-test.so cannot be loaded.");
  make_venv();
  tree_copy(PACKAGE "/_engine.cpython-399-test.so", "empty_library.so");
  load_door();
  expect_page("it has no pie_engine_open of ABI");
}

static void an_environment_that_is_mended_is_picked_up(void) {
  make_venv();
  remove(tree_path("venv/bin/python"));
  load_door();
  expect_page("There is no Python 3.99 in ");
  tree_file("venv/bin/python", "");
  int64_t until = pie_clock_ms() + 1100;
  while (pie_clock_ms() < until)
    pie_thread_yield();
  open_host(FAKE_APACHE);
  CHECK_INT(serve(), HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  CHECK_HAS(pie_buf_str(&host.wire).p, "hello\n");
  fake_close(&host);
}

static const struct test_case cases[] = {
    CASE(the_version_is_always_given),
    CASE(a_request_reaches_the_engine_of_the_environment),
    CASE(a_module_that_has_started_stays),
    CASE(a_warm_up_loads_the_application),
    CASE(a_library_that_is_none_is_told),
    CASE(an_engine_that_is_none_is_told),
    CASE(an_environment_that_is_mended_is_picked_up),
};
TEST_MAIN(cases)
