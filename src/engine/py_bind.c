/* SPDX-License-Identifier: Apache-2.0
 *
 * What only CPython 3.11 lacks: PyGILState_Ensure, which extension modules use for their callbacks,
 * takes there the state that a thread has had first, even while it is in another interpreter. So it
 * is told; from 3.12 on it follows by itself.
 */
#define PIE_PY_BINDS
#include "engine/interp.h"

#if PIE_PY_MUST_BIND

#include <internal/pycore_runtime.h>

void pie_py_bind(PyThreadState *state) { PyThread_tss_set(&_PyRuntime.gilstate.autoTSSkey, state); }

#else

void pie_py_bind(PyThreadState *state) { (void)state; }

#endif
