/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/interp.h"

#include "base/check.h"
#include "base/error.h"
#include "platform/platform.h"

#include <stdatomic.h>
#include <stdlib.h>

/* A thread's state in one interpreter. */
struct own {
  PyThreadState *state;
  PyInterpreterState *interp;
  struct own *next;
};

static PIE_THREAD_LOCAL struct own *owned;  /* all of this thread's */
static PIE_THREAD_LOCAL struct own *inside; /* the one that is in use, or NULL */
static PIE_THREAD_LOCAL struct own *last;   /* the one that was in use last */
static atomic_uint_fast64_t entries;        /* a statistic */

static void enter(struct own *own) {
  PyEval_RestoreThread(own->state);
  if (owned->next && own != last)
    pie_py_bind(own->state);
  inside = last = own;
  atomic_fetch_add_explicit(&entries, 1, memory_order_relaxed);
}

static struct own *own_new(PyThreadState *state, PyInterpreterState *interp) {
  struct own *own = malloc(sizeof *own);
  if (!own)
    return NULL;
  *own = (struct own){.state = state, .interp = interp, .next = owned};
  owned = own;
  return own;
}

static struct own *own_for(PyInterpreterState *interp) {
  for (struct own *own = owned; own; own = own->next) {
    if (own->interp == interp)
      return own;
  }
  PyThreadState *state = PyThreadState_New(interp);
  struct own *own = state ? own_new(state, interp) : NULL;
  if (state && !own)
    PyThreadState_Delete(state);
  return own;
}

int pie_interp_enter(PyInterpreterState *interp) {
  if (inside && inside->interp == interp)
    return 0;
  pie_interp_idle();
  struct own *own = own_for(interp);
  if (!own)
    return -PIE_ENOMEM;
  enter(own);
  return 0;
}

void pie_interp_adopt(void) {
  PIE_CHECK(!owned);
  PyThreadState *state = PyThreadState_Get();
  PIE_CHECK(own_new(state, PyThreadState_GetInterpreter(state)));
  PyEval_SaveThread();
}

void pie_interp_hand_back(void) {
  struct own *own = owned;
  PIE_CHECK(own && !own->next && !inside);
  owned = last = NULL;
  PyEval_RestoreThread(own->state);
  free(own);
}

void pie_interp_leave(void) {
  PIE_CHECK(inside);
  struct own *own = inside;
  inside = NULL;
  PIE_CHECK(PyEval_SaveThread() == own->state);
}

void pie_interp_idle(void) {
  if (inside)
    pie_interp_leave();
}

void pie_interp_forget(void) {
  while (owned) {
    struct own *own = owned;
    owned = own->next;
    PyEval_RestoreThread(own->state);
    PyThreadState_Clear(own->state);
    PyThreadState_DeleteCurrent();
    free(own);
  }
  last = NULL;
}

/* ---- further interpreters ---- */

bool pie_interp_can_isolate(void) { return PIE_PY_CAN_ISOLATE; }

#if PIE_PY_CAN_ISOLATE

static PyThreadState *make_isolated(const char **why) {
  /* But for the GIL and memory of its own, all that an ordinary program may do. */
  const PyInterpreterConfig config = {
      .use_main_obmalloc = 0,
      .allow_fork = 1,
      .allow_exec = 1,
      .allow_threads = 1,
      .allow_daemon_threads = 1,
      .check_multi_interp_extensions = 1,
      .gil = PyInterpreterConfig_OWN_GIL,
  };
  PyThreadState *state = NULL;
  PyStatus status = Py_NewInterpreterFromConfig(&state, &config);
  if (PyStatus_Exception(status))
    *why = status.err_msg;
  return state;
}

#else

static PyThreadState *make_isolated(const char **why) {
  *why = "it needs Python 3.14 or newer";
  return NULL;
}

#endif

int pie_interp_new(PyInterpreterState **out, bool shares_gil, const char **why) {
  if (pie_interp_enter(PyInterpreterState_Main()))
    return -PIE_ENOMEM;
  PyThreadState *state = shares_gil ? Py_NewInterpreter() : make_isolated(why);
  if (!state) {
    pie_interp_leave();
    return -PIE_ESTART;
  }
  *out = PyThreadState_GetInterpreter(state);
  inside = last = own_new(state, *out); /* the main one was left on the way */
  PIE_CHECK(inside);
  pie_py_bind(state);
  return 0;
}

void pie_interp_end(void) {
  PIE_CHECK(inside && inside == owned);
  struct own *own = inside;
  owned = own->next;
  inside = last = NULL;
  Py_EndInterpreter(own->state);
  if (PIE_PY_END_KEEPS_GIL) { /* the one that all share, without a state to give it up with */
    PyThreadState_Swap(owned->state);
    PyEval_SaveThread();
  }
  free(own);
}

/* ---- around what may block ---- */

PyThreadState *pie_interp_release(void) {
  PyThreadState *state = PyEval_SaveThread();
  if (inside && inside->state == state) /* not an interpreter that the application runs within */
    inside = NULL;
  return state;
}

void pie_interp_retake(PyThreadState *state) {
  if (last && state == last->state)
    enter(last);
  else
    PyEval_RestoreThread(state);
}

PyThreadState *pie_interp_release_to_host(bool host_idles) {
  return host_idles && inside ? NULL : pie_interp_release();
}

void pie_interp_retake_from_host(PyThreadState *state) {
  if (state)
    pie_interp_retake(state);
  else if (!inside)
    enter(last);
}

uint64_t pie_interp_entries(void) { return atomic_load_explicit(&entries, memory_order_relaxed); }
