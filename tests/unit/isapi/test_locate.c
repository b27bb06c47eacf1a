/* SPDX-License-Identifier: Apache-2.0
 *
 * Which Python a door takes, from where it lies.
 */
#include "base/error.h"
#include "harness/fake_python.h"
#include "harness/test.h"
#include "harness/tree.h"
#include "isapi/locate.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROBE "locate_probe.so"
#define SITE "venv/lib/python3.99/site-packages"
#define ENGINE "/_engine.cpython-399-x86_64-linux-gnu.so"

typedef int (*locate_fn)(struct pie_python *, const char *, char *, char *);

static struct pie_python python;
static char why[1024], advice[1024];

/* As the door at this place would. */
static int locate(const char *door, const char *home) {
  locate_fn function = NULL;
  void *lib = dlopen(tree_path(door), RTLD_NOW | RTLD_LOCAL);
  REQUIRE(lib != NULL);
  void *symbol = dlsym(lib, "probe_locate");
  memcpy(&function, &symbol, sizeof function);
  REQUIRE(function != NULL);
  memset(&python, 'x', sizeof python);
  why[0] = advice[0] = '\0';
  int err = function(&python, home, why, advice);
  dlclose(lib);
  if (err) {
    CHECK_INT(err, -PIE_ENOENT);
    CHECK(strlen(why) > 10 && why[strlen(why) - 1] == '.');
    CHECK(strlen(advice) > 10);
  }
  return err;
}

static void check_path(const char *got, const char *want) {
  CHECK_TEXT(got, want ? tree_path(want) : "");
}

/* The door, an engine for 3.99 beside it, and a base installation. */
static void make_base(const char *package) {
  char path[256];
  fake_python_runs = false;
  tree_new();
  snprintf(path, sizeof path, "%s/pyisapie.so", package);
  tree_copy(path, PROBE);
  snprintf(path, sizeof path, "%s%s", package, ENGINE);
  tree_file(path, "");
  tree_file("base/bin/python3.99", "");
  tree_file("base/lib/libpython3.99.so.1.0", "");
}

static void make_venv(const char *config) {
  char text[8192];
  make_base(SITE "/pyisapie");
  snprintf(text, sizeof text, config, tree_path("base/bin"));
  tree_file("venv/pyvenv.cfg", text);
  tree_file("venv/bin/python", "");
}

static void check_venv(void) {
  CHECK_INT(locate(SITE "/pyisapie/pyisapie.so", NULL), 0);
  CHECK(!python.running);
  CHECK(!python.threaded);
  CHECK_INT(python.major, 3);
  CHECK_INT(python.minor, 99);
  check_path(python.engine, SITE "/pyisapie" ENGINE);
  check_path(python.library, "base/lib/libpython3.99.so.1.0");
  check_path(python.executable, "venv/bin/python");
  check_path(python.home, NULL);
  check_path(python.package_dir, SITE);
}

static void a_virtual_environment(void) {
  make_venv("home = %s\ninclude-system-site-packages = false\nversion = 3.99.1\n");
  check_venv();
}

static void virtual_environments_of_other_makers(void) {
  make_venv("home=%s\r\nimplementation=CPython\r\nversion_info = 3.99.1.final.0\r\n");
  check_venv();
  make_venv("HOME =   %s  \nuv = 0.5\nversion_info = 3.99.1\nprompt = a=b\n");
  check_venv();
  make_venv("version = 3.99\nhome = %s");
  check_venv();
  make_venv("home = %s\n"); /* no version: that of the engine */
  check_venv();
}

static void the_nearest_environment_counts(void) {
  make_venv("home = %s\nversion = 3.99.1\n");
  tree_file("pyvenv.cfg", "home = /nowhere\nversion = 3.1\n");
  check_venv();
}

static void an_installation(void) {
  static const char *const libraries[] = {
      "usr/lib/libpython3.99.so.1.0", "usr/lib64/libpython3.99.so.1.0",
      "usr/lib/x86_64-linux-gnu/libpython3.99.so", "usr/bin/libpython3.99.so.1.0"};
  for (size_t i = 0; i < 4; i++) {
    make_base("usr/lib/python3.99/site-packages/pyisapie");
    tree_file("usr/bin/python3.99", "");
    tree_file(libraries[i], "");
    CHECK_INT(locate("usr/lib/python3.99/site-packages/pyisapie/pyisapie.so", NULL), 0);
    check_path(python.executable, "usr/bin/python3.99");
    check_path(python.library, libraries[i]);
    check_path(python.package_dir, "usr/lib/python3.99/site-packages");
  }
}

static void a_bundle(void) {
  make_base("bundle/pyisapie");
  tree_file("bundle/python399._pth", "python399.zip\n.\n");
  tree_file("bundle/libpython3.99.so.1.0", "");
  CHECK_INT(locate("bundle/pyisapie/pyisapie.so", NULL), 0);
  check_path(python.home, "bundle");
  check_path(python.executable, NULL);
  check_path(python.library, "bundle/libpython3.99.so.1.0");
}

static void a_bundle_with_its_program(void) {
  make_base("bundle/pyisapie");
  tree_file("bundle/python399._pth", "python399.zip\n.\n");
  tree_file("bundle/bin/python3.99", "");
  tree_file("bundle/libpython3.99.so.1.0", "");
  CHECK_INT(locate("bundle/pyisapie/pyisapie.so", NULL), 0);
  check_path(python.home, NULL);
  check_path(python.executable, "bundle/bin/python3.99");
}

static void the_free_threaded_build(void) {
  make_venv("home = %s\nversion = 3.99.1\n");
  remove(tree_path(SITE "/pyisapie" ENGINE));
  tree_file(SITE "/pyisapie/_engine.cpython-399t-x86_64-linux-gnu.so", "");
  tree_file("base/lib/libpython3.99t.so.1.0", "");
  CHECK_INT(locate(SITE "/pyisapie/pyisapie.so", NULL), 0);
  CHECK(python.threaded);
  check_path(python.engine, SITE "/pyisapie/_engine.cpython-399t-x86_64-linux-gnu.so");
  check_path(python.library, "base/lib/libpython3.99t.so.1.0");
}

static void the_engine_for_the_environment_is_taken(void) {
  static const char *const others[] = {"36", "38", "310", "398", "3100"};
  make_venv("home = %s\nversion = 3.99.1\n");
  for (size_t i = 0; i < 5; i++) {
    char path[256];
    snprintf(path, sizeof path, SITE "/pyisapie/_engine.cpython-%s-x86_64-linux-gnu.so", others[i]);
    tree_file(path, "");
  }
  check_venv();
}

/* Names that only look like an engine: backups, half-made files. */
static void what_is_no_engine_is_not_taken(void) {
  make_venv("home = %s\nversion = 3.99.1\n");
  tree_file(SITE "/pyisapie/_engine.cpython-", "");
  tree_file(SITE "/pyisapie/_engine.cpython-x", "");
  tree_file(SITE "/pyisapie/_engine.cpython-3", "");
  tree_file(SITE "/pyisapie/_engine.pyi", "");
  check_venv();
}

/* Builds keep folders with such names. */
static void a_folder_is_no_engine(void) {
  make_venv("home = %s\nversion = 3.99.1\n");
  remove(tree_path(SITE "/pyisapie" ENGINE));
  tree_dir(SITE "/pyisapie" ENGINE);
  CHECK(locate(SITE "/pyisapie/pyisapie.so", NULL));
  CHECK_HAS(why, "There is no engine ");
}

/* ---- the setting home ---- */

static void home_names_another_environment(void) {
  make_venv("home = %s\nversion = 3.99.1\n");
  tree_file("other/pyvenv.cfg", "home = nowhere\n");
  char text[4200];
  snprintf(text, sizeof text, "home = %s\nversion = 3.99.0\n", tree_path("base/bin"));
  tree_file("other/pyvenv.cfg", text);
  tree_file("other/bin/python", "");
  CHECK_INT(locate(SITE "/pyisapie/pyisapie.so", tree_path("other")), 0);
  check_path(python.executable, "other/bin/python");
  CHECK_INT(locate(SITE "/pyisapie/pyisapie.so", tree_path("base")), 0);
  check_path(python.executable, "base/bin/python3.99");
  CHECK_INT(locate(SITE "/pyisapie/pyisapie.so", ""), 0);
  check_path(python.executable, "venv/bin/python");
}

/* Its python must not be paired with the library of another one. */
static void a_home_of_another_version_is_told(void) {
  make_venv("home = %s\nversion = 3.99.1\n");
  tree_file("other/bin/python", "");
  tree_file("other/bin/python3", "");
  tree_file("other/bin/python3.98", "");
  tree_file("other/lib/libpython3.99.so.1.0", "");
  CHECK(locate(SITE "/pyisapie/pyisapie.so", tree_path("other")));
  CHECK_HAS(why, "There is no Python 3.99 in ");
}

static void a_home_that_is_none_is_told(void) {
  make_venv("home = %s\nversion = 3.99.1\n");
  CHECK(locate(SITE "/pyisapie/pyisapie.so", "/no/such/folder") != 0);
  CHECK_HAS(why, "The setting home names /no/such/folder, which is not a folder.");
  CHECK(locate(SITE "/pyisapie/pyisapie.so", tree_path("venv/pyvenv.cfg")) != 0);
  CHECK_HAS(why, "which is not a folder");
  tree_dir("empty");
  CHECK(locate(SITE "/pyisapie/pyisapie.so", tree_path("empty")) != 0);
  CHECK_HAS(why, "There is no Python 3.99 in ");
}

/* ---- failures ---- */

static void no_engine_is_told(void) {
  make_venv("home = %s\nversion = 3.99.1\n");
  remove(tree_path(SITE "/pyisapie" ENGINE));
  CHECK(locate(SITE "/pyisapie/pyisapie.so", NULL) != 0);
  CHECK_HAS(why, "There is no engine (_engine.cpython-...) beside the extension, in ");
  CHECK_HAS(advice, "pip install pyisapie");
}

static void an_engine_for_another_version_is_told(void) {
  make_venv("home = %s\nversion = 3.98.2\n");
  CHECK(locate(SITE "/pyisapie/pyisapie.so", NULL) != 0);
  CHECK_HAS(why, "The Python found is 3.98, but the extension in ");
  CHECK_HAS(why, " is built for Python 3.99.");
  CHECK_HAS(advice, "python -m pip install pyisapie");
}

static void no_python_is_told(void) {
  make_base("a/b/c/d/e/f/pyisapie");
  CHECK(locate("a/b/c/d/e/f/pyisapie/pyisapie.so", NULL) != 0);
  CHECK_HAS(why, "No Python was found at or above ");
  CHECK_HAS(why, "/a/b/c/d/e/f/pyisapie.");
  CHECK_HAS(advice, "PYISAPIE_HOME");
}

static void no_library_is_told(void) {
  make_venv("home = %s\nversion = 3.99.1\n");
  remove(tree_path("base/lib/libpython3.99.so.1.0"));
  CHECK(locate(SITE "/pyisapie/pyisapie.so", NULL) != 0);
  CHECK_HAS(why, "has no shared library for version 3.99.");
  CHECK_TEXT(advice, pie_python_library_hint);
}

static void an_environment_without_its_python_is_told(void) {
  make_venv("home = %s\nversion = 3.99.1\n");
  remove(tree_path("venv/bin/python"));
  CHECK(locate(SITE "/pyisapie/pyisapie.so", NULL) != 0);
  CHECK_HAS(why, "There is no Python 3.99 in ");
  CHECK_HAS(why, "/venv, or this account may not read it.");
}

static void a_broken_environment_is_told(void) {
  make_venv("version = 3.99.1\n#%s\n");
  CHECK(locate(SITE "/pyisapie/pyisapie.so", NULL) != 0);
  CHECK_HAS(why, "/venv/pyvenv.cfg names no home.");
  CHECK_HAS(advice, "--clear");
}

static void an_environment_that_may_not_be_read_is_told(void) {
  if (geteuid() == 0) {
    printf("# skipped: root may read everything\n");
    return;
  }
  make_venv("home = %s\nversion = 3.99.1\n");
  chmod(tree_path("venv/pyvenv.cfg"), 0);
  CHECK(locate(SITE "/pyisapie/pyisapie.so", NULL) != 0);
  CHECK_HAS(why, "may not read ");
}

static void odd_configurations_do_no_harm(void) {
  static char long_value[6000];
  memset(long_value, 'x', sizeof long_value - 1);
  memcpy(long_value, "home = ", 7);
  static const char *const texts[] = {"",
                                      "\n\n=\n==\n",
                                      "home\nversion\n",
                                      "home = \nversion = \n",
                                      "version = 3.x\nhome = /\n",
                                      "version = 99999999999.99999999999\nhome = /\n",
                                      "version = -3.-99\nhome = /\n",
                                      long_value};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    make_base(SITE "/pyisapie");
    tree_file("venv/pyvenv.cfg", texts[i]);
    test_context("pyvenv.cfg %.40s", texts[i]);
    CHECK(locate(SITE "/pyisapie/pyisapie.so", NULL) != 0);
  }
}

/* ---- a Python that runs already ---- */

static void a_running_python_is_taken(void) {
  make_venv("home = /nowhere\nversion = 3.1\n#%s\n");
  fake_python_runs = true;
  fake_python_version = "3.99.0 (main)";
  CHECK_INT(locate(SITE "/pyisapie/pyisapie.so", "/no/such/home"), 0);
  CHECK(python.running);
  check_path(python.engine, SITE "/pyisapie" ENGINE);
  check_path(python.library, NULL);
  check_path(python.executable, NULL);
  check_path(python.package_dir, SITE);
  fake_python_version = "3.98.0 (main)";
  CHECK(locate(SITE "/pyisapie/pyisapie.so", NULL) != 0);
  fake_python_version = "3.99.0 experimental free-threading build (main)";
  CHECK(locate(SITE "/pyisapie/pyisapie.so", NULL) != 0);
  fake_python_runs = false; /* its library is there, but it has not been started */
  CHECK(locate(SITE "/pyisapie/pyisapie.so", NULL) != 0);
  CHECK_HAS(why, "Python found is 3.1,");
}

static const struct test_case cases[] = {
    CASE(a_virtual_environment),
    CASE(virtual_environments_of_other_makers),
    CASE(the_nearest_environment_counts),
    CASE(an_installation),
    CASE(a_bundle),
    CASE(a_bundle_with_its_program),
    CASE(the_free_threaded_build),
    CASE(the_engine_for_the_environment_is_taken),
    CASE(what_is_no_engine_is_not_taken),
    CASE(a_folder_is_no_engine),
    CASE(home_names_another_environment),
    CASE(a_home_of_another_version_is_told),
    CASE(a_home_that_is_none_is_told),
    CASE(no_engine_is_told),
    CASE(an_engine_for_another_version_is_told),
    CASE(no_python_is_told),
    CASE(no_library_is_told),
    CASE(an_environment_without_its_python_is_told),
    CASE(a_broken_environment_is_told),
    CASE(an_environment_that_may_not_be_read_is_told),
    CASE(odd_configurations_do_no_harm),
    CASE(a_running_python_is_taken),
};
TEST_MAIN(cases)
