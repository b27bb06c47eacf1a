/* SPDX-License-Identifier: Apache-2.0
 *
 * The module pyisapie._host: our host inside a Python that runs already. The host itself knows no
 * Python; the extension that it loads finds this one and attaches to it.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "base/str.h"
#include "host/host.h"
#include "pyisapie/version.h"

#include <stdio.h>
#include <stdlib.h>

PyDoc_STRVAR(
    run_doc,
    "run(settings, command, door, is_worker)\n--\n\n"
    "Serve until told to stop, and return the exit code.\n\n"
    "settings: dict of names and texts, as in the table of settings. command: list of str, "
    "the program and arguments that start a worker; the settings are added as NAME=VALUE. "
    "door: path of the ISAPI extension. is_worker: started by a supervisor.\n"
    "ValueError for a setting that is unknown or has a wrong value.");

static int take_setting(struct pie_settings *settings, PyObject *name, PyObject *value) {
  char why[256];
  Py_ssize_t size;
  const char *key = PyUnicode_AsUTF8(name),
             *text = key ? PyUnicode_AsUTF8AndSize(value, &size) : NULL;
  if (!text)
    return -1;
  int id = pie_setting_find(pie_str_from(key));
  if (id < 0) {
    PyErr_Format(PyExc_ValueError, "there is no setting %s", key);
    return -1;
  }
  struct pie_str given = {text, (size_t)size};
  if (pie_settings_set(settings, (enum pie_setting_id)id, given, why, sizeof why) == 0)
    return 0;
  PyErr_Format(PyExc_ValueError, "%s %s", key, why);
  return -1;
}

static int take_settings(struct pie_settings *settings, PyObject *dict) {
  PyObject *name, *value;
  Py_ssize_t at = 0;
  while (PyDict_Next(dict, &at, &name, &value)) {
    if (take_setting(settings, name, value))
      return -1;
  }
  return 0;
}

/* The texts belong to the list, which the caller holds. */
static char **make_command(PyObject *list) {
  Py_ssize_t count = PyList_GET_SIZE(list);
  char **command = PyMem_Calloc((size_t)count + 1, sizeof *command);
  if (!command)
    return (char **)PyErr_NoMemory();
  for (Py_ssize_t i = 0; i < count; i++) {
    command[i] = (char *)(uintptr_t)PyUnicode_AsUTF8(PyList_GET_ITEM(list, i));
    if (!command[i]) {
      PyMem_Free(command);
      return NULL;
    }
  }
  return command;
}

static PyObject *module_run(PyObject *module, PyObject *args) {
  PyObject *settings, *command;
  const char *door;
  int is_worker, code = -1;
  (void)module;
  if (!PyArg_ParseTuple(args, "O!O!sp:run", &PyDict_Type, &settings, &PyList_Type, &command, &door,
                        &is_worker))
    return NULL;
  struct pie_host *host = calloc(1, sizeof *host);
  if (!host)
    return PyErr_NoMemory();
  pie_settings_init(&host->settings);
  host->is_worker = is_worker != 0;
  snprintf(host->door, sizeof host->door, "%s", door);
  host->worker_command = make_command(command);
  if (host->worker_command && take_settings(&host->settings, settings) == 0) {
    Py_BEGIN_ALLOW_THREADS code = pie_host_run(host);
    Py_END_ALLOW_THREADS
  }
  PyMem_Free(host->worker_command);
  pie_settings_free(&host->settings);
  free(host);
  return PyErr_Occurred() ? NULL : PyLong_FromLong(code);
}

static PyMethodDef methods[] = {
    {"run", module_run, METH_VARARGS, run_doc},
    {NULL, NULL, 0, NULL},
};

static int module_exec(PyObject *module) {
  return PyModule_AddStringConstant(module, "version", PIE_VERSION);
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, (void *)(uintptr_t)module_exec},
#ifdef Py_GIL_DISABLED
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "pyisapie._host",
    .m_doc = "The ISAPI host of PyISAPIe, for `pyisapie serve`.",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__host(void);
PyMODINIT_FUNC PyInit__host(void) { return PyModuleDef_Init(&definition); }
