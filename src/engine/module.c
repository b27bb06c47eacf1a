/* SPDX-License-Identifier: Apache-2.0
 *
 * The module pyisapie._engine, the engine's C entry point, and its one process-wide pointer.
 */
#include "base/settings.h"
#include "base/str.h"
#include "engine/call.h"
#include "engine/interp.h"
#include "engine/owner.h"
#include "engine/page.h"
#include "engine/pool.h"
#include "engine/server.h"
#include "engine/site.h"
#include "engine/state.h"
#include "pyisapie/version.h"

#include <stdlib.h>

enum { WHY_MAX = 512 };

static struct pie_engine *the_engine;

struct pie_engine *pie_engine_get(void) {
  return the_engine;
}

void pie_engine_log(struct pie_engine *engine, enum pie_log_level level, const char *text) {
  struct pie_log_origin nobody = {.id = PIE_STR("")};
  engine->ops->log(engine->door, &nobody, level, pie_str_from(text));
}

/* ---- the table for the door ---- */

static bool warm(struct pie_engine *engine, const struct pie_request_info *info) {
  return pie_site_warm(engine->worlds, engine->world_count, info);
}

static const struct pie_engine_ops ops = {
    .abi = PIE_ENGINE_ABI,
    .boot = pie_runtime_boot,
    .read_settings = pie_runtime_read_settings,
    .start = pie_runtime_start,
    .run = pie_runtime_run,
    .handle = pie_pool_handle,
    .idle = pie_pool_idle,
    .warm = warm,
    .stop = pie_runtime_stop,
};

struct pie_engine *pie_engine_open(uint32_t abi, struct pie_door *door,
                                   const struct pie_door_ops *door_ops,
                                   const struct pie_engine_ops **out) {
  if (abi != PIE_ENGINE_ABI || door_ops->abi != PIE_ENGINE_ABI)
    return NULL;
  if (!the_engine) {
    the_engine = calloc(1, sizeof *the_engine);
    if (!the_engine)
      return NULL;
    pie_mutex_init(&the_engine->guests_lock);
    pie_buf_init(&the_engine->failure_text, 2048);
    pie_buf_init(&the_engine->failure_detail, 64 * 1024);
  }
  the_engine->door = door;
  the_engine->ops = door_ops;
  *out = &ops;
  return the_engine;
}

/* ---- the module ---- */

PyDoc_STRVAR(log_doc, "log(level, text)\n--\n\n"
                      "Write text to the server's error log, with the id of the request that this "
                      "thread serves.\n\nlevel: 0 error, 1 warning, 2 info, 3 debug, "
                      "4 text of an application.");

static PyObject *module_log(PyObject *module, PyObject *args) {
  (void)module;
  int level;
  const char *text;
  Py_ssize_t n;
  if (!PyArg_ParseTuple(args, "is#:log", &level, &text, &n))
    return NULL;
  if (level < PIE_LOG_ERROR || level > PIE_LOG_APP) {
    PyErr_Format(PyExc_ValueError, "level must be from 0 to 4, not %d", level);
    return NULL;
  }
  struct pie_engine *engine = the_engine;
  if (!engine)
    Py_RETURN_NONE;
  struct pie_call *call = pie_call_of_thread();
  struct pie_log_origin origin = call ? pie_call_origin(call) : pie_site_origin(pie_site_loading());
  PyThreadState *state = pie_interp_release();
  engine->ops->log(engine->door, &origin, level, (struct pie_str){text, (size_t)n});
  pie_interp_retake(state);
  Py_RETURN_NONE;
}

/* ---- bytes that one interpreter keeps for others ---- */

static struct pie_buf kept = {.max = 16 * 1024 * 1024};

static PyObject *module_keep(PyObject *module, PyObject *bytes) {
  char *p;
  Py_ssize_t n;
  (void)module;
  if (PyBytes_AsStringAndSize(bytes, &p, &n))
    return NULL;
  pie_buf_clear(&kept);
  if (pie_buf_append(&kept, p, (size_t)n))
    return PyErr_NoMemory();
  Py_RETURN_NONE;
}

static PyObject *module_kept(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  if (!kept.n)
    Py_RETURN_NONE;
  return PyBytes_FromStringAndSize(kept.p, (Py_ssize_t)kept.n);
}

PyDoc_STRVAR(choose_log_doc,
             "choose_log(path, size, keep, level)\n--\n\nHave what concerns the site that this "
             "thread loads written to a log of its own.\n\nAn empty path, an empty level and -1 "
             "mean: as the process's. ValueError: it cannot be written.");

static PyObject *module_choose_log(PyObject *module, PyObject *args) {
  (void)module;
  struct pie_log_choice choice;
  long long size;
  char why[WHY_MAX];
  if (!PyArg_ParseTuple(args, "sLis:choose_log", &choice.path, &size, &choice.keep, &choice.level))
    return NULL;
  const struct pie_site *site = pie_site_loading();
  if (!the_engine || !site)
    Py_RETURN_NONE;
  choice.size = size;
  struct pie_log_origin origin = pie_site_origin(site);
  int err = the_engine->ops->choose_log(the_engine->door, &origin, &choice, why, sizeof why);
  return err ? PyErr_Format(PyExc_ValueError, "%s", why) : Py_NewRef(Py_None);
}

PyDoc_STRVAR(settings_doc, "settings()\n--\n\nThe table of settings: a list of tuples (name, type, "
                           "default, minimum, maximum, scope, help).");

static PyObject *module_settings(PyObject *module, PyObject *unused) {
  static const char *const types[] = {"text", "number", "size", "time", "switch", "choice"};
  (void)module, (void)unused;
  PyObject *rows = PyList_New(PIE_SETTING_COUNT);
  for (int id = 0; id < PIE_SETTING_COUNT && rows; id++) {
    const struct pie_setting *row = &pie_setting_table[id];
    PyObject *item = Py_BuildValue("sssLLss", row->name, types[row->type], row->fallback,
                                   (long long)row->min, (long long)row->max,
                                   row->scope == PIE_SCOPE_HOST ? "host" : "door", row->help);
    if (item)
      PyList_SET_ITEM(rows, id, item);
    else
      Py_CLEAR(rows);
  }
  return rows;
}

PyDoc_STRVAR(check_doc,
             "check_setting(name, text)\n--\n\nThe value of a setting as a number (bytes, "
             "milliseconds, 0 or 1, place in the list; 0 for a text). ValueError says "
             "what the right form is.");

static PyObject *module_check_setting(PyObject *module, PyObject *args) {
  const char *name, *text;
  Py_ssize_t name_size, text_size;
  char why[256];
  (void)module;
  if (!PyArg_ParseTuple(args, "s#s#:check_setting", &name, &name_size, &text, &text_size))
    return NULL;
  int id = pie_setting_find((struct pie_str){name, (size_t)name_size});
  if (id < 0)
    return PyErr_Format(PyExc_KeyError, "%s", name);
  struct pie_settings settings;
  pie_settings_init(&settings);
  int err = pie_settings_set(&settings, (enum pie_setting_id)id,
                             (struct pie_str){text, (size_t)text_size}, why, sizeof why);
  int64_t number = settings.number[id];
  pie_settings_free(&settings);
  return err ? PyErr_Format(PyExc_ValueError, "%s", why) : PyLong_FromLongLong(number);
}

PyDoc_STRVAR(entries_doc, "entries()\n--\n\nHow often a thread has taken the GIL to run requests, "
                          "since the start (a statistic, for the bench).");

static PyObject *module_entries(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  return PyLong_FromUnsignedLongLong(pie_interp_entries());
}

static PyObject *module_has_guests(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  struct pie_engine *engine = the_engine;
  if (!engine)
    Py_RETURN_FALSE;
  PyThreadState *state = pie_interp_release();
  pie_mutex_lock(&engine->guests_lock);
  bool has = engine->guests != NULL;
  pie_mutex_unlock(&engine->guests_lock);
  pie_interp_retake(state);
  return PyBool_FromLong(has);
}

static PyObject *module_impersonates(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  return PyBool_FromLong(the_engine && the_engine->config.impersonate);
}

static PyObject *module_ask_to_stop(PyObject *module, PyObject *pid) {
  (void)module;
  long number = PyLong_AsLong(pid);
  if (number == -1 && PyErr_Occurred())
    return NULL;
  return PyBool_FromLong(pie_process_ask_to_stop((int)number) == 0);
}

static PyMethodDef methods[] = {
    {"settings", module_settings, METH_NOARGS, settings_doc},
    {"check_setting", module_check_setting, METH_VARARGS, check_doc},
    {"log", module_log, METH_VARARGS, log_doc},
    {"choose_log", module_choose_log, METH_VARARGS, choose_log_doc},
    {"offer", pie_owner_offer, METH_NOARGS,
     "offer()\n--\n\nSay that this thread, Python's main one, will call own()."},
    {"own", pie_owner_own, METH_NOARGS,
     "own()\n--\n\nLoad applications on this thread and run signal handlers, until disown()."},
    {"disown", pie_owner_disown, METH_NOARGS, "disown()\n--\n\nLet own() return."},
    {"windows_token", pie_server_token, METH_NOARGS,
     "windows_token()\n--\n\nThe user's token: a HANDLE, or 0."},
    {"impersonate", pie_server_impersonate, METH_O,
     "impersonate(on, /)\n--\n\nBegin, or end, to act as the user on this thread."},
    {"whoami", pie_server_whoami, METH_NOARGS,
     "whoami()\n--\n\nThe account that this thread acts as."},
    {"pass_on", pie_server_pass_on, METH_O,
     "pass_on(url, /)\n--\n\nHave the server answer itself; the status of its answer."},
    {"ask_to_stop", module_ask_to_stop, METH_O,
     "ask_to_stop(pid)\n--\n\nAsk a process of our host (or on POSIX any) to end when its requests "
     "have; False when there is no such process."},
    {"keep", module_keep, METH_O,
     "keep(bytes, /)\n--\n\nKeep bytes for the interpreters that come later."},
    {"kept", module_kept, METH_NOARGS, "kept()\n--\n\nWhat keep() was given, or None."},
    {"impersonates", module_impersonates, METH_NOARGS,
     "impersonates()\n--\n\nWhether requests run as the users who ask."},
    {"has_guests", module_has_guests, METH_NOARGS,
     "has_guests()\n--\n\nWhether an InterpreterMap has named an interpreter."},
    {"entries", module_entries, METH_NOARGS, entries_doc},
    {NULL, NULL, 0, NULL},
};

struct pie_state *pie_state_of(PyObject *module) {
  return PyModule_GetState(module);
}

static int setup_strings(struct pie_state *state) {
#define PIE_STRING_MAKE(field, text)                                                               \
  if (!(state->s_##field = PyUnicode_InternFromString(text)))                                      \
    return -1;
  PIE_STRINGS(PIE_STRING_MAKE)
#undef PIE_STRING_MAKE
  return 0;
}

static int module_exec(PyObject *module) {
  struct pie_state *state = pie_state_of(module);
  if (setup_strings(state) || pie_wsgi_environ_setup(state) ||
      pie_wsgi_input_setup(module, state) || pie_wsgi_start_setup(module, state) ||
      pie_wsgi_file_setup(module, state) || pie_page_env_setup(module) ||
      PyModule_AddFunctions(module, pie_page_methods) ||
      PyModule_AddStringConstant(module, "version", PIE_VERSION))
    return -1;
  return 0;
}

static int module_traverse(PyObject *module, visitproc visit, void *arg) {
  struct pie_state *state = pie_state_of(module);
  Py_VISIT(state->input_type);
  Py_VISIT(state->start_type);
  Py_VISIT(state->wrapper_type);
  Py_VISIT(state->template);
  return 0;
}

static int module_clear(PyObject *module) {
  struct pie_state *state = pie_state_of(module);
#define PIE_STRING_CLEAR(field, text) Py_CLEAR(state->s_##field);
  PIE_STRINGS(PIE_STRING_CLEAR)
#undef PIE_STRING_CLEAR
  for (size_t i = 0; i < PIE_HEADER_SLOTS; i++) {
    Py_CLEAR(state->header_keys[i].key);
    Py_CLEAR(state->header_keys[i].last);
  }
  for (size_t i = 0; i < PIE_KEPT_COUNT; i++)
    Py_CLEAR(state->kept[i]);
  Py_CLEAR(state->input_type);
  Py_CLEAR(state->start_type);
  Py_CLEAR(state->wrapper_type);
  Py_CLEAR(state->template);
  return 0;
}

static void module_free(void *module) { module_clear(module); }

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, (void *)(uintptr_t)module_exec},
    PIE_PY_MODULE_SLOTS PIE_PY_GIL_SLOT{0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "pyisapie._engine",
    .m_doc = "The engine of PyISAPIe: runs applications for the ISAPI extension.",
    .m_size = sizeof(struct pie_state),
    .m_methods = methods,
    .m_slots = slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

bool pie_state_is_ours(PyObject *module) { return PyModule_GetDef(module) == &definition; }

PyMODINIT_FUNC PyInit__engine(void);
PyMODINIT_FUNC PyInit__engine(void) { return PyModuleDef_Init(&definition); }
