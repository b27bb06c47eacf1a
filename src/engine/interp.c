/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/interp.h"

#include "base/check.h"
#include "base/error.h"
#include "platform/platform.h"

/* Kept from request to request: making one costs more than a whole request. */
static PIE_THREAD_LOCAL PyThreadState *own;

int pie_interp_enter(PyInterpreterState *interp) {
  if (!own)
    own = PyThreadState_New(interp);
  if (!own)
    return -PIE_ENOMEM;
  PyEval_RestoreThread(own);
  return 0;
}

void pie_interp_adopt(void) {
  PIE_CHECK(!own);
  own = PyEval_SaveThread();
}

void pie_interp_leave(void) { PIE_CHECK(PyEval_SaveThread() == own); }

void pie_interp_forget(void) {
  if (!own)
    return;
  PyEval_RestoreThread(own);
  PyThreadState_Clear(own);
  PyThreadState_DeleteCurrent();
  own = NULL;
}

PyThreadState *pie_interp_release(void) { return PyEval_SaveThread(); }

void pie_interp_retake(PyThreadState *state) { PyEval_RestoreThread(state); }
