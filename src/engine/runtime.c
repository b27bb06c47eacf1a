/* SPDX-License-Identifier: Apache-2.0
 *
 * Start and end of Python. The thread that starts it is the engine's own from then on: Python's
 * main thread where we started Python, and the owner of the main interpreter.
 */
#include "base/error.h"
#include "base/str.h"
#include "engine/guest.h"
#include "engine/interp.h"
#include "engine/limit.h"
#include "engine/owner.h"
#include "engine/pool.h"
#include "engine/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int pie_runtime_fail(struct pie_engine *engine, const char *summary, const char *detail,
                     const char *advice) {
  pie_buf_clear(&engine->failure_text);
  pie_buf_clear(&engine->failure_detail);
  pie_buf_adds(&engine->failure_text, summary);
  if (detail)
    pie_buf_adds(&engine->failure_detail, detail);
  engine->failure = (struct pie_failure){
      .status = 500,
      .summary = engine->failure_text.p ? engine->failure_text.p : "Out of memory.",
      .detail = detail ? engine->failure_detail.p : NULL,
      .advice = advice,
  };
  return -PIE_ESTART;
}

static const char *copy(const char *text) { return text && *text ? strdup(text) : NULL; }

static void keep_config(struct pie_engine *engine, const struct pie_engine_config *config) {
  free((void *)(uintptr_t)engine->config.executable);
  free((void *)(uintptr_t)engine->config.home);
  free((void *)(uintptr_t)engine->config.package_dir);
  free((void *)(uintptr_t)engine->config.crash_log);
  free((void *)(uintptr_t)engine->config.package);
  engine->config = *config;
  engine->config.executable = copy(config->executable);
  engine->config.home = copy(config->home);
  engine->config.package_dir = copy(config->package_dir);
  engine->config.crash_log = copy(config->crash_log);
  engine->config.package = copy(config->package);
}

/* TOP/python/bin/python3.13 or TOP/python/python.exe, where TOP is a bundle. */
static bool is_bundled(const char *executable) {
  char folder[PIE_PATH_MAX], marker[PIE_PATH_MAX];
  snprintf(folder, sizeof folder, "%s", executable);
  for (int level = 0; level < 3; level++) {
    if (pie_path_parent(folder) || pie_path_join(marker, sizeof marker, folder, "bundle.json"))
      return false;
    if (level && pie_path_is_file(marker))
      return true;
  }
  return false;
}

/* As python -I: no variable, and no package of the user, changes what a bundle runs. */
static void isolate(PyConfig *config) {
  config->isolated = 1;
  config->use_environment = 0;
  config->user_site_directory = 0;
  config->safe_path = 1;
}

/* As the environment's own python would start, but for the command line and signal handlers,
 * which are the host's. */
static int start_python(struct pie_engine *engine) {
  PyConfig config;
  PyStatus status = {0};
  PyConfig_InitPythonConfig(&config);
  config.parse_argv = 0;
  config.install_signal_handlers = 0;
  if (engine->config.executable && is_bundled(engine->config.executable))
    isolate(&config);
  if (engine->config.executable) {
    status = PyConfig_SetBytesString(&config, &config.program_name, engine->config.executable);
    if (!PyStatus_Exception(status))
      status = PyConfig_SetBytesString(&config, &config.executable, engine->config.executable);
  } else if (engine->config.home) {
    status = PyConfig_SetBytesString(&config, &config.home, engine->config.home);
  }
  if (!PyStatus_Exception(status))
    status = Py_InitializeFromConfig(&config);
  PyConfig_Clear(&config);
  if (!PyStatus_Exception(status))
    return 0;
  return pie_runtime_fail(
      engine, "Python could not be started.", status.err_msg,
      "Check that the Python installation is whole, that the account which serves may read "
      "it, and that no PYTHONHOME or PYTHONPATH is set for another Python.");
}

/* ---- the worlds ---- */

static int check_mode(struct pie_engine *engine) {
  if (engine->config.mode == PIE_MODE_ISOLATED && !pie_interp_can_isolate())
    return pie_runtime_fail(engine, "The mode isolated needs Python 3.14 or newer.",
                            "This is Python " PY_VERSION ".",
                            "Set mode to main, or install pyisapie into a newer Python.");
  if (engine->config.mode == PIE_MODE_FREE_THREADED && PIE_PY_HAS_GIL)
    return pie_runtime_fail(
        engine, "The mode free-threaded needs a Python without GIL.",
        "This is Python " PY_VERSION ", built with a GIL.",
        "Set mode to main or isolated, or install pyisapie into a free-threaded build of Python "
        "3.13 or newer, such as python3.14t.");
  return 0;
}

static size_t lanes_of(const struct pie_engine_config *config) {
  size_t wanted = config->parallel ? (size_t)config->parallel : pie_processor_count();
  if (config->mode == PIE_MODE_MAIN)
    return 1;
  if (config->mode == PIE_MODE_FREE_THREADED && wanted > (size_t)config->threads)
    return (size_t)config->threads; /* the bound of what runs in one interpreter */
  return wanted;
}

static int make_worlds(struct pie_engine *engine) {
  size_t count = engine->config.mode == PIE_MODE_ISOLATED ? lanes_of(&engine->config) : 1;
  if (engine->worlds)
    return 0;
  engine->worlds = calloc(count, sizeof *engine->worlds);
  if (!engine->worlds)
    return pie_runtime_fail(engine, "Out of memory.", NULL, NULL);
  for (size_t i = 0; i < count; i++)
    pie_world_init(&engine->worlds[i], engine);
  engine->world_count = count;
  return 0;
}

static int start_worlds(struct pie_engine *engine) {
  if (engine->config.mode != PIE_MODE_ISOLATED)
    return pie_world_start_main(&engine->worlds[0]);
  int err = 0;
  for (size_t i = 0; i < engine->world_count && !err; i++)
    err = pie_world_start_isolated(&engine->worlds[i]);
  return err;
}

int pie_runtime_boot(struct pie_engine *engine, const struct pie_engine_config *config,
                     const struct pie_failure **failure) {
  keep_config(engine, config);
  *failure = &engine->failure;
  engine->attached = engine->attached || (!engine->started && Py_IsInitialized());
  if (!Py_IsInitialized()) {
    int err = start_python(engine);
    if (err)
      return err;
    pie_interp_adopt();
  }
  engine->started = true;
  return 0;
}

/* pyisapie._support.process_settings gives [(name, text), ...], or raises with the reason. */
static int read_settings(struct pie_engine *engine, struct pie_str root, struct pie_str config,
                         void (*found)(void *context, const char *name, const char *text),
                         void *context) {
  PyObject *support = NULL, *list = NULL;
  if (pie_world_add_package(engine) == 0)
    support = PyImport_ImportModule("pyisapie._support");
  if (!support)
    return pie_world_fail_import(engine);
  list = PyObject_CallMethod(support, "process_settings", "s#s#", root.p, (Py_ssize_t)root.n,
                             config.p, (Py_ssize_t)config.n);
  for (Py_ssize_t i = 0; list && i < PyList_GET_SIZE(list); i++) {
    const char *name, *text;
    if (PyArg_ParseTuple(PyList_GET_ITEM(list, i), "ss", &name, &text))
      found(context, name, text);
  }
  int err = list && !PyErr_Occurred()
                ? 0
                : pie_world_fail(engine, "The settings file is wrong.", "Mend the file.");
  Py_XDECREF(list);
  Py_DECREF(support);
  return err;
}

int pie_runtime_read_settings(struct pie_engine *engine, struct pie_str root, struct pie_str config,
                              void (*found)(void *context, const char *name, const char *text),
                              void *context, const struct pie_failure **failure) {
  *failure = &engine->failure;
  if (pie_interp_enter(PyInterpreterState_Main()))
    return pie_runtime_fail(engine, "Out of memory.", NULL, NULL);
  int err = read_settings(engine, root, config, found, context);
  pie_interp_leave();
  return err;
}

/* Crashes are the business of the main interpreter: no other one has a faulthandler. */
static int log_crashes(struct pie_engine *engine) {
  const char *path = engine->config.crash_log;
  if (!path || !*path)
    return 0;
  if (pie_interp_enter(PyInterpreterState_Main()))
    return pie_runtime_fail(engine, "Out of memory.", NULL, NULL);
  PyObject *support = NULL, *done = NULL;
  if (pie_world_add_package(engine) == 0)
    support = PyImport_ImportModule("pyisapie._support");
  if (support)
    done = PyObject_CallMethod(support, "log_crashes", "s", path);
  int err = done ? 0
                 : pie_world_fail(engine, "The package pyisapie cannot start.",
                                  "Install pyisapie again into this environment.");
  Py_XDECREF(done);
  Py_XDECREF(support);
  pie_interp_leave();
  return err;
}

int pie_runtime_start(struct pie_engine *engine, const struct pie_engine_config *config,
                      const struct pie_failure **failure) {
  keep_config(engine, config);
  *failure = &engine->failure;
  int err = check_mode(engine);
  err = err ? err : log_crashes(engine);
  err = err ? err : make_worlds(engine);
  err = err ? err : start_worlds(engine);
  if (!err && (pie_pool_start(engine, lanes_of(config)) || pie_limit_start(engine)))
    err = pie_runtime_fail(
        engine, "No thread could be started.", NULL,
        "The process is out of memory or threads: look at its limits (ulimit -u, -v).");
  return err;
}

/* Isolated interpreters have owners of their own. */
void pie_runtime_run(struct pie_engine *engine) {
  if (engine->config.mode != PIE_MODE_ISOLATED && !pie_owner_take(&engine->worlds[0]))
    pie_world_run(&engine->worlds[0]);
}

void pie_runtime_stop(struct pie_engine *engine, int timeout_ms) {
  int64_t deadline = pie_clock_ms() + timeout_ms;
  bool first = true;
  for (size_t i = 0; i < engine->world_count; i++)
    first = pie_world_stop(&engine->worlds[i]) && first;
  if (!first)
    return;
  pie_guest_stop_all(engine);
  pie_pool_stop(engine, deadline);
  pie_guest_end_all(engine, deadline);
  for (size_t i = 0; i < engine->world_count; i++)
    pie_world_end(&engine->worlds[i], deadline);
  pie_limit_stop(engine);
}
