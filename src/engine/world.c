/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/world.h"

#include "base/error.h"
#include "engine/interp.h"
#include "engine/limit.h"
#include "engine/site.h"
#include "engine/state.h"

void pie_world_init(struct pie_world *world, struct pie_engine *engine) {
  world->engine = engine;
  pie_mutex_init(&world->lock);
  pie_cond_init(&world->changed);
}

void pie_world_notify(struct pie_world *world) {
  pie_cond_broadcast(&world->changed);
  if (world->has_waker)
    pie_waker_wake(&world->waker);
}

/* ---- what is done inside ---- */

/* From that folder, whatever the environment has of the same name: its engine is another one. */
static int import_from(PyObject *path, PyObject *folder) {
  if (PyList_Insert(path, 0, folder))
    return -1;
  PyObject *package = PyImport_ImportModule("pyisapie");
  Py_XDECREF(package);
  return PySequence_DelItem(path, 0) || !package ? -1 : 0;
}

/* The package is the one that lies beside the door. */
int pie_world_add_package(struct pie_engine *engine) {
  const char *folder = engine->config.package_dir;
  PyObject *path = PySys_GetObject("path"),
           *entry = folder ? PyUnicode_DecodeFSDefault(folder) : NULL;
  if (!path || !entry) {
    Py_XDECREF(entry);
    return folder ? -1 : 0;
  }
  int err = import_from(path, entry);
  int found = err ? -1 : PySequence_Contains(path, entry);
  err = found < 0 ? -1 : found ? 0 : PyList_Append(path, entry);
  Py_DECREF(entry);
  return err;
}

int pie_world_fail(struct pie_engine *engine, const char *summary, const char *advice) {
  PyObject *exception = pie_py_take_exception();
  PyObject *text = exception ? PyObject_Str(exception) : NULL;
  const char *detail = text ? PyUnicode_AsUTF8(text) : NULL;
  int err = pie_runtime_fail(engine, summary, detail, advice);
  PyErr_Clear();
  Py_XDECREF(text);
  Py_XDECREF(exception);
  return err;
}

int pie_world_fail_import(struct pie_engine *engine) {
  return pie_world_fail(engine, "The package pyisapie cannot be imported by this Python.",
                        "Install pyisapie into this environment, and use the extension of that "
                        "installation (pyisapie door prints it).");
}

static int fail_with_exception(struct pie_engine *engine, const char *summary) {
  return pie_world_fail(engine, summary, "Install pyisapie again into this environment.");
}

/* What Python finds first has an engine of its own, which no server has opened. */
static int fail_with_other(struct pie_world *world) {
  PyObject *file = PyModule_GetFilenameObject(world->module);
  const char *path = file ? PyUnicode_AsUTF8(file) : NULL;
  int err = pie_runtime_fail(world->engine, "Python finds another installation of pyisapie.", path,
                             "Use the extension of that one, or remove it.");
  PyErr_Clear();
  Py_XDECREF(file);
  return err;
}

static int import_package(struct pie_world *world) {
  struct pie_engine *engine = world->engine;
  const struct pie_engine_config *config = &engine->config;
  if (pie_world_add_package(engine))
    return pie_world_fail_import(engine);
  Py_XSETREF(world->module, PyImport_ImportModule("pyisapie._engine"));
  Py_XSETREF(world->support, PyImport_ImportModule("pyisapie._support"));
  if (!world->module || !world->support)
    return pie_world_fail_import(engine);
  if (!pie_state_is_ours(world->module))
    return fail_with_other(world);
  world->state = pie_state_of(world->module);
  /* Interpreters are to each other what processes are. */
  bool multiprocess = config->multiprocess || engine->world_count > 1;
  PyObject *template = PyObject_CallMethod(
      world->support, "start", "iiiiiss", (int)config->mode, config->threads > 1, (int)multiprocess,
      config->switch_interval_us, (int)config->tokens, world->name ? world->name : "main",
      config->package && *config->package ? config->package : "Http");
  if (!template || !PyDict_Check(template)) {
    Py_XDECREF(template);
    return fail_with_exception(engine, "The package pyisapie cannot start.");
  }
  Py_XSETREF(world->state->template, template);
  return 0;
}

static void set_progress(struct pie_world *world, enum pie_world_progress progress) {
  pie_mutex_lock(&world->lock);
  world->progress = progress;
  pie_world_notify(world);
  pie_mutex_unlock(&world->lock);
}

int pie_world_start_main(struct pie_world *world) {
  world->interp = PyInterpreterState_Main();
  if (pie_interp_enter(world->interp))
    return pie_runtime_fail(world->engine, "Out of memory.", NULL, NULL);
  int err = import_package(world);
  pie_interp_leave();
  if (!err)
    set_progress(world, PIE_WORLD_READY);
  return err;
}

/* ---- an interpreter of its own ---- */

static int make(struct pie_world *world) {
  const char *why = NULL;
  if (pie_interp_new(&world->interp, world->shares_gil, &why))
    return pie_runtime_fail(world->engine, "A further interpreter cannot be made.", why,
                            "Set mode to main and InterpreterMap to None, or report this with the "
                            "text above.");
  int err = import_package(world);
  if (err) {
    Py_CLEAR(world->module);
    Py_CLEAR(world->support);
    pie_interp_end();
    world->interp = NULL;
  } else {
    pie_interp_leave();
  }
  return err;
}

static void owner_main(void *arg) {
  struct pie_world *world = arg;
  bool good = make(world) == 0;
  set_progress(world, good ? PIE_WORLD_READY : PIE_WORLD_NONE);
  if (good)
    pie_world_run(world);
}

int pie_world_start_isolated(struct pie_world *world) {
  struct pie_thread thread;
  if (world->progress == PIE_WORLD_READY)
    return 0; /* since an earlier try */
  world->progress = PIE_WORLD_STARTING;
  if (pie_thread_start_open(&thread, world->engine->config.stack_size, owner_main, world)) {
    world->progress = PIE_WORLD_NONE;
    return pie_runtime_fail(
        world->engine, "No thread could be started.", NULL,
        "The process is out of memory or threads: look at its limits (ulimit -u, -v).");
  }
  pie_thread_detach(&thread);
  pie_mutex_lock(&world->lock);
  while (world->progress == PIE_WORLD_STARTING)
    pie_cond_wait(&world->changed, &world->lock);
  bool ready = world->progress == PIE_WORLD_READY;
  pie_mutex_unlock(&world->lock);
  return ready ? 0 : -PIE_ESTART;
}

/* ---- the owner's life ---- */

/* Python itself is not ended: its extension modules cannot be unloaded, and threads may still run.
 * The support module runs what threading, atexit and logging have to do. */
static void run_end(struct pie_world *world) {
  if (pie_interp_enter(world->interp))
    return;
  bool others_end = world->engine->attached && world->interp == PyInterpreterState_Main();
  PyObject *done = PyObject_CallMethod(world->support, "stop", "i", !others_end);
  if (!done)
    PyErr_Print();
  Py_XDECREF(done);
  pie_interp_leave();
}

/* With the lock held. */
static void load_next(struct pie_world *world) {
  struct pie_site *site = world->wanted;
  world->wanted = site->next_wanted;
  world->loading = true;
  pie_mutex_unlock(&world->lock);
  if (pie_interp_enter(world->interp) == 0) {
    pie_site_load(world, site);
    pie_interp_leave();
  }
  pie_mutex_lock(&world->lock);
  world->loading = false;
}

/* The same. */
static void interrupt(struct pie_world *world) {
  world->alarmed = false;
  pie_mutex_unlock(&world->lock);
  if (pie_interp_enter(world->interp) == 0) {
    pie_limit_interrupt(world);
    pie_interp_leave();
  }
  pie_mutex_lock(&world->lock);
}

/* Python runs signal handlers on its main thread only, when that runs Python: it is woken for it.
 */
static void listen_to_signals(struct pie_world *world) {
  if (world->interp != PyInterpreterState_Main() || pie_waker_open(&world->waker))
    return;
  if (pie_interp_enter(world->interp) == 0) {
    PyObject *done =
        PyObject_CallMethod(world->support, "wake_on_signals", "i", world->waker.write_end);
    if (!done)
      PyErr_Print();
    bool wakes = done == Py_True;
    Py_XDECREF(done);
    pie_interp_leave();
    pie_mutex_lock(&world->lock);
    world->has_waker = wakes;
    pie_mutex_unlock(&world->lock);
  }
}

static void run_signal_handlers(struct pie_world *world) {
  if (pie_interp_enter(world->interp))
    return;
  if (PyErr_CheckSignals())
    PyErr_Print();
  pie_interp_leave();
}

/* With the lock held, which is given up meanwhile. */
static void wait_for_change(struct pie_world *world) {
  if (!world->has_waker) { /* only the owner sets it */
    pie_cond_wait(&world->changed, &world->lock);
    return;
  }
  pie_mutex_unlock(&world->lock);
  pie_waker_wait(&world->waker);
  run_signal_handlers(world);
  pie_mutex_lock(&world->lock);
}

void pie_world_run(struct pie_world *world) {
  listen_to_signals(world);
  pie_mutex_lock(&world->lock);
  while (world->progress != PIE_WORLD_ENDING) {
    if (world->alarmed)
      interrupt(world);
    else if (world->wanted && !world->stopping)
      load_next(world);
    else
      wait_for_change(world);
  }
  pie_mutex_unlock(&world->lock);
  run_end(world);
  set_progress(world, PIE_WORLD_OVER);
}

bool pie_world_stop(struct pie_world *world) {
  pie_mutex_lock(&world->lock);
  bool first = !world->stopping;
  world->stopping = true;
  pie_world_notify(world);
  pie_mutex_unlock(&world->lock);
  return first;
}

void pie_world_end(struct pie_world *world, int64_t deadline) {
  pie_mutex_lock(&world->lock);
  if (world->progress == PIE_WORLD_READY)
    world->progress = PIE_WORLD_ENDING;
  pie_world_notify(world);
  while (world->progress == PIE_WORLD_ENDING && !world->loading &&
         pie_cond_wait_until(&world->changed, &world->lock, deadline))
    ;
  pie_mutex_unlock(&world->lock);
}
