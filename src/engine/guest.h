/* SPDX-License-Identifier: Apache-2.0
 *
 * Interpreters that a site's InterpreterMap names: worlds beside the main one, which share its GIL.
 * They are made when they are first asked for, and stay.
 */
#ifndef PIE_ENGINE_GUEST_H
#define PIE_ENGINE_GUEST_H

#include "engine/engine.h"

/* The world for a name (a str; None, "" and "main" are the main one), from inside home, which is
 * the main one. False with failure set: its texts live for ever. */
bool pie_guest_get(struct pie_world *home, PyObject *name, int limit, struct pie_world **out,
                   struct pie_failure *failure);

/* At the end of all, as pie_world_stop and pie_world_end. */
void pie_guest_stop_all(struct pie_engine *engine);
void pie_guest_end_all(struct pie_engine *engine, int64_t deadline);

#endif
