/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/interp.h"

#include "base/check.h"
#include "base/error.h"
#include "platform/platform.h"

#include <stdatomic.h>

/* What a thread keeps from request to request: making a thread state costs more than a whole
 * request. */
struct own {
  PyThreadState *state;
  bool inside;
};

static PIE_THREAD_LOCAL struct own own;
static atomic_uint_fast64_t entries; /* a statistic */

static void enter(void) {
  PyEval_RestoreThread(own.state);
  own.inside = true;
  atomic_fetch_add_explicit(&entries, 1, memory_order_relaxed);
}

int pie_interp_enter(PyInterpreterState *interp) {
  if (own.inside)
    return 0;
  if (!own.state)
    own.state = PyThreadState_New(interp);
  if (!own.state)
    return -PIE_ENOMEM;
  enter();
  return 0;
}

void pie_interp_adopt(void) {
  PIE_CHECK(!own.state);
  own.state = PyEval_SaveThread();
}

void pie_interp_leave(void) {
  PIE_CHECK(own.inside);
  own.inside = false;
  PIE_CHECK(PyEval_SaveThread() == own.state);
}

void pie_interp_idle(void) {
  if (own.inside)
    pie_interp_leave();
}

bool pie_interp_is_inside(void) { return own.inside; }

void pie_interp_forget(void) {
  if (!own.state)
    return;
  enter();
  PyThreadState_Clear(own.state);
  own.inside = false;
  PyThreadState_DeleteCurrent();
  own.state = NULL;
}

PyThreadState *pie_interp_release(void) {
  own.inside = false;
  return PyEval_SaveThread();
}

void pie_interp_retake(PyThreadState *state) {
  if (state == own.state)
    enter();
  else
    PyEval_RestoreThread(state);
}

PyThreadState *pie_interp_release_to_host(bool host_idles) {
  return host_idles && own.inside ? NULL : pie_interp_release();
}

void pie_interp_retake_from_host(PyThreadState *state) {
  if (state)
    pie_interp_retake(state);
  else if (!own.inside)
    enter();
}

uint64_t pie_interp_entries(void) { return atomic_load_explicit(&entries, memory_order_relaxed); }
