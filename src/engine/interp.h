/* SPDX-License-Identifier: Apache-2.0
 *
 * Entering and leaving an interpreter: the only place that takes and gives up the GIL.
 */
#ifndef PIE_ENGINE_INTERP_H
#define PIE_ENGINE_INTERP_H

#include "engine/py.h"

/* Enters with this thread's own thread state, which is made at the first time and kept: 0, or
 * -PIE_ENOMEM. Not from within. */
int pie_interp_enter(PyInterpreterState *interp);
void pie_interp_leave(void);

/* Leaves with the state that starting Python gave this thread, and keeps it as the thread's own:
 * a second one for the same thread would confuse PyGILState_Ensure in extension modules. */
void pie_interp_adopt(void);

/* Frees this thread's state; outside. */
void pie_interp_forget(void);

/* Between these two other threads run Python; for whatever may block. */
PyThreadState *pie_interp_release(void);
void pie_interp_retake(PyThreadState *state);

#endif
