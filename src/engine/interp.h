/* SPDX-License-Identifier: Apache-2.0
 *
 * Entering and leaving an interpreter: the only place that takes and gives up a GIL.
 *
 * A thread is inside one interpreter at most, and keeps a thread state for each that it has been
 * inside: making one costs more than a whole request. It may stay inside between two requests:
 * then pie_interp_idle must be called before it blocks.
 */
#ifndef PIE_ENGINE_INTERP_H
#define PIE_ENGINE_INTERP_H

#include "engine/py.h"

#include <stdbool.h>
#include <stdint.h>

/* Nothing to do when it is inside already; leaves another one. 0, or -PIE_ENOMEM. */
int pie_interp_enter(PyInterpreterState *interp);
void pie_interp_leave(void);
void pie_interp_idle(void); /* leaves, if this thread is inside */

/* Leaves with the state that starting Python gave this thread, and keeps it as the thread's own:
 * a second one for the same thread would confuse PyGILState_Ensure in extension modules. */
void pie_interp_adopt(void);
void pie_interp_hand_back(void); /* enters with it, and does not keep it any longer */

/* py_bind.c: PyGILState_Ensure on this thread is to mean this state. */
void pie_py_bind(PyThreadState *state);

/* Frees this thread's states; outside. */
void pie_interp_forget(void);

/* True where interpreters with a GIL of their own work. */
bool pie_interp_can_isolate(void);
/* Makes one, or one that shares the main one's GIL, which works everywhere, and enters it. 0, or a
 * negative error with why. */
int pie_interp_new(PyInterpreterState **out, bool shares_gil, const char **why);
void pie_interp_end(void); /* ends the one that this thread is inside, and leaves it */

/* Between these two other threads run Python; for whatever may block. Any thread that is inside
 * may call them, also one that the application has started. */
PyThreadState *pie_interp_release(void);
void pie_interp_retake(PyThreadState *state);

/* The same around a call of the host. Where the host calls pie_interp_idle before it blocks, our
 * own threads stay inside and only come back in if it has done so. */
PyThreadState *pie_interp_release_to_host(bool host_idles);
void pie_interp_retake_from_host(PyThreadState *state);

/* How often any thread has entered, since the start. */
uint64_t pie_interp_entries(void);

#endif
