/* SPDX-License-Identifier: Apache-2.0
 *
 * Python's headers, and the only place that knows their versions (3.11 to 3.14).
 */
#ifndef PIE_ENGINE_PY_H
#define PIE_ENGINE_PY_H

#include <patchlevel.h>

/* PyGILState_Ensure does not follow a thread into another interpreter: see py_bind.c, the only file
 * that needs more of Python than its API. */
#define PIE_PY_MUST_BIND (PY_VERSION_HEX < 0x030c0000)
#if defined(PIE_PY_BINDS) && PIE_PY_MUST_BIND
#define Py_BUILD_CORE 1
#endif

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#if PY_VERSION_HEX < 0x030b0000
#error "PyISAPIe needs CPython 3.11 or newer"
#endif

#if PY_VERSION_HEX >= 0x030c0000
#define PIE_PY_MODULE_SLOTS {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#define PIE_PY_T_PYSSIZET Py_T_PYSSIZET
#define PIE_PY_READONLY Py_READONLY
static inline PyObject *pie_py_take_exception(void) { return PyErr_GetRaisedException(); }
#else
#include <structmember.h>
#define PIE_PY_T_PYSSIZET T_PYSSIZET
#define PIE_PY_READONLY READONLY
#define PIE_PY_MODULE_SLOTS
static inline PyObject *pie_py_take_exception(void) {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  if (!type)
    return NULL;
  PyErr_NormalizeException(&type, &value, &traceback);
  if (traceback)
    PyException_SetTraceback(value, traceback);
  Py_XDECREF(type);
  Py_XDECREF(traceback);
  return value;
}
#endif

/* Interpreters with a GIL of their own; before 3.14 they crash. */
#define PIE_PY_CAN_ISOLATE (PY_VERSION_HEX >= 0x030e0000)

/* Py_EndInterpreter is back with the GIL; the later ones give it up. */
enum { PIE_PY_END_KEEPS_GIL = PY_VERSION_HEX < 0x030c0000 };

/* Without a GIL they lock an object, while the thread runs Python; with one there is no need. */
#if PY_VERSION_HEX < 0x030d0000
#define Py_BEGIN_CRITICAL_SECTION(object) {
#define Py_END_CRITICAL_SECTION() }
#define Py_BEGIN_CRITICAL_SECTION2(one, two) {
#define Py_END_CRITICAL_SECTION2() }
#endif

#ifdef Py_GIL_DISABLED
#define PIE_PY_GIL_SLOT {Py_mod_gil, Py_MOD_GIL_NOT_USED},
enum { PIE_PY_HAS_GIL = 0 };
#else
#define PIE_PY_GIL_SLOT
enum { PIE_PY_HAS_GIL = 1 };
#endif

#endif
