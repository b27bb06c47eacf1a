/* SPDX-License-Identifier: Apache-2.0
 *
 * Stands for Python: the GIL is a mutex, and what the pool and the time limit call of Python's API
 * does nothing. So the thread sanitizer sees all that there is to see.
 */
#include "engine/fake_interp.h"

#include "engine/interp.h"
#include "harness/test.h"
#include "platform/platform.h"

struct fake_gil fake_gils[FAKE_INTERPRETERS_MAX];
atomic_long fake_raised, fake_cleared;

static PIE_THREAD_LOCAL struct fake_gil *inside, *last;

void fake_gils_init(void) {
  for (int i = 0; i < FAKE_INTERPRETERS_MAX; i++)
    pie_mutex_init(&fake_gils[i].lock);
}

static void enter(struct fake_gil *gil) {
  pie_mutex_lock(&gil->lock);
  gil->holders++;
  REQUIRE(gil->holders == 1);
  inside = last = gil;
}

static void leave(void) {
  struct fake_gil *gil = inside;
  REQUIRE(gil && gil->holders == 1);
  gil->holders--;
  inside = NULL;
  pie_mutex_unlock(&gil->lock);
}

int pie_interp_enter(PyInterpreterState *interp) {
  struct fake_gil *gil = (struct fake_gil *)interp;
  if (inside == gil)
    return 0;
  pie_interp_idle();
  enter(gil);
  return 0;
}

void pie_interp_leave(void) { leave(); }

void pie_interp_idle(void) {
  if (inside)
    leave();
}

void pie_interp_forget(void) { REQUIRE(!inside); }

PyThreadState *pie_interp_release(void) {
  PyThreadState *state = (PyThreadState *)inside;
  leave();
  return state;
}

void pie_interp_retake(PyThreadState *state) { enter((struct fake_gil *)state); }

PyThreadState *pie_interp_release_to_host(bool host_idles) {
  return host_idles ? NULL : pie_interp_release();
}

void pie_interp_retake_from_host(PyThreadState *state) {
  if (state)
    pie_interp_retake(state);
  else if (!inside)
    enter(last);
}

bool fake_is_inside(const struct fake_gil *gil) { return inside == gil; }

/* ---- of Python's API ---- */

unsigned long PyThread_get_thread_ident(void) { return (unsigned long)(uintptr_t)&inside; }

PyThreadState *PyThreadState_Get(void) { return (PyThreadState *)inside; }

PyFrameObject *PyThreadState_GetFrame(PyThreadState *state) {
  (void)state;
  return NULL;
}

int PyGC_Disable(void) { return 0; }

int PyGC_Enable(void) { return 0; }

PyObject _Py_NoneStruct;

int PyThreadState_SetAsyncExc(unsigned long thread, PyObject *exception) {
  (void)thread;
  atomic_fetch_add(exception ? &fake_raised : &fake_cleared, 1);
  return 1;
}

static PyObject object;

PyObject *PyObject_GetAttrString(PyObject *owner, const char *name) {
  (void)owner, (void)name;
  return &object;
}

PyObject *PyObject_CallMethod(PyObject *owner, const char *name, const char *format, ...) {
  (void)owner, (void)name, (void)format;
  return NULL;
}

const char *PyUnicode_AsUTF8(PyObject *text) {
  (void)text;
  return NULL;
}

void PyErr_Clear(void) {}

void _Py_Dealloc(PyObject *dead) { (void)dead; }
