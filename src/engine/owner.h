/* SPDX-License-Identifier: Apache-2.0
 *
 * Python's main thread as the owner of the main interpreter, where it was there before us: so that
 * applications are loaded on it and signal handlers run, as in an ordinary program.
 */
#ifndef PIE_ENGINE_OWNER_H
#define PIE_ENGINE_OWNER_H

#include "engine/engine.h"

/* Functions of the module: offer() says that own() will follow; own() blocks until disown(). */
PyObject *pie_owner_offer(PyObject *module, PyObject *unused);
PyObject *pie_owner_own(PyObject *module, PyObject *unused);
PyObject *pie_owner_disown(PyObject *module, PyObject *unused);

/* Hands the world to that thread; false: nobody has offered. */
bool pie_owner_take(struct pie_world *world);

#endif
