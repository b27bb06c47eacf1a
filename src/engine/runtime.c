/* SPDX-License-Identifier: Apache-2.0
 *
 * Start and end of Python. The thread that starts it is the engine's own from then on: Python's
 * main thread where we started Python, and the one on which applications are loaded.
 */
#include "base/error.h"
#include "base/str.h"
#include "engine/interp.h"
#include "engine/pool.h"
#include "engine/site.h"
#include "engine/state.h"

#include <stdlib.h>
#include <string.h>

static int fail(struct pie_engine *engine, const char *summary, const char *detail,
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
  engine->config = *config;
  engine->config.executable = copy(config->executable);
  engine->config.home = copy(config->home);
  engine->config.package_dir = copy(config->package_dir);
}

/* As the environment's own python would start, but for the command line and signal handlers,
 * which are the host's. */
static int start_python(struct pie_engine *engine) {
  PyConfig config;
  PyStatus status = {0};
  PyConfig_InitPythonConfig(&config);
  config.parse_argv = 0;
  config.install_signal_handlers = 0;
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
  return fail(engine, "Python could not be started.", status.err_msg,
              "Check that the Python installation is whole, that the account which serves may read "
              "it, and that no PYTHONHOME or PYTHONPATH is set for another Python.");
}

/* The package is found where the door lies, even when the environment does not know it. */
static int add_package_dir(const char *folder) {
  PyObject *path = PySys_GetObject("path"),
           *entry = folder ? PyUnicode_DecodeFSDefault(folder) : NULL;
  if (!path || !entry) {
    Py_XDECREF(entry);
    return folder ? -1 : 0;
  }
  int found = PySequence_Contains(path, entry);
  int err = found < 0 ? -1 : found ? 0 : PyList_Append(path, entry);
  Py_DECREF(entry);
  return err;
}

static int fail_with_exception(struct pie_engine *engine, const char *summary) {
  PyObject *exception = pie_py_take_exception();
  PyObject *text = exception ? PyObject_Str(exception) : NULL;
  const char *detail = text ? PyUnicode_AsUTF8(text) : NULL;
  int err = fail(engine, summary, detail, "Install pyisapie again into this environment.");
  PyErr_Clear();
  Py_XDECREF(text);
  Py_XDECREF(exception);
  return err;
}

static int import_package(struct pie_engine *engine) {
  if (add_package_dir(engine->config.package_dir))
    return fail_with_exception(engine, "sys.path cannot be extended.");
  Py_XSETREF(engine->world.module, PyImport_ImportModule("pyisapie._engine"));
  Py_XSETREF(engine->world.support, PyImport_ImportModule("pyisapie._support"));
  if (!engine->world.module || !engine->world.support)
    return fail_with_exception(engine, "The package pyisapie cannot be imported by this Python.");
  engine->world.state = pie_state_of(engine->world.module);
  bool multithread = engine->config.threads > 1;
  PyObject *template =
      PyObject_CallMethod(engine->world.support, "start", "iii", multithread,
                          (int)engine->config.multiprocess, engine->config.switch_interval_us);
  if (!template || !PyDict_Check(template)) {
    Py_XDECREF(template);
    return fail_with_exception(engine, "The package pyisapie cannot start.");
  }
  Py_XSETREF(engine->world.state->template, template);
  return 0;
}

int pie_runtime_start(struct pie_engine *engine, const struct pie_engine_config *config,
                      const struct pie_failure **failure) {
  keep_config(engine, config);
  *failure = &engine->failure;
  engine->attached = engine->attached || (!engine->started && Py_IsInitialized());
  int err = 0;
  if (!Py_IsInitialized()) {
    err = start_python(engine);
    if (err)
      return err;
    pie_interp_adopt();
  }
  engine->started = true;
  if (pie_pool_start(engine, 1))
    return fail(engine, "No thread could be started.", NULL,
                "The process is out of memory or threads: look at its limits (ulimit -u, -v).");
  engine->world.interp = PyInterpreterState_Main();
  if (pie_interp_enter(engine->world.interp))
    return fail(engine, "Out of memory.", NULL, NULL);
  err = import_package(engine);
  pie_interp_leave();
  return err;
}

/* The owner thread's life: load what is wanted. */
void pie_runtime_run(struct pie_engine *engine) {
  pie_mutex_lock(&engine->world.lock);
  while (!engine->world.stopping) {
    struct pie_site *site = engine->world.wanted;
    if (!site) {
      pie_cond_wait(&engine->world.changed, &engine->world.lock);
      continue;
    }
    engine->world.wanted = site->next_wanted;
    pie_mutex_unlock(&engine->world.lock);
    if (pie_interp_enter(engine->world.interp) == 0) {
      pie_site_load(&engine->world, site);
      pie_interp_leave();
    }
    pie_mutex_lock(&engine->world.lock);
  }
  pie_mutex_unlock(&engine->world.lock);
}

/* Python itself is not ended: its extension modules cannot be unloaded, and threads may still run.
 * The support module runs what atexit and logging have to do. */
void pie_runtime_stop(struct pie_engine *engine, int timeout_ms) {
  pie_mutex_lock(&engine->world.lock);
  bool first = !engine->world.stopping;
  engine->world.stopping = true;
  pie_cond_broadcast(&engine->world.changed);
  pie_mutex_unlock(&engine->world.lock);
  if (!first)
    return;
  pie_pool_stop(engine, pie_clock_ms() + timeout_ms);
  if (pie_interp_enter(engine->world.interp))
    return;
  PyObject *done = PyObject_CallMethod(engine->world.support, "stop", "i", !engine->attached);
  if (!done)
    PyErr_Print();
  Py_XDECREF(done);
  pie_interp_leave();
}
