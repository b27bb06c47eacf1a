/* SPDX-License-Identifier: Apache-2.0
 *
 * A world: an interpreter, what is loaded into it, and the thread that owns it. The owner is the
 * interpreter's main thread; it loads applications, and runs what is due at the end.
 */
#ifndef PIE_ENGINE_WORLD_H
#define PIE_ENGINE_WORLD_H

#include "engine/engine.h"

void pie_world_init(struct pie_world *world, struct pie_engine *engine);

/* Inside: makes the package importable (0, or -1 with an exception set); turns the exception that
 * is set into the engine's failure: -PIE_ESTART. */
int pie_world_add_package(struct pie_engine *engine);
int pie_world_fail(struct pie_engine *engine, const char *summary, const char *advice);
int pie_world_fail_import(struct pie_engine *engine); /* that, where the package is not found */

/* Makes the main interpreter the world, with the calling thread as its owner. 0, or -PIE_ESTART
 * with the engine's failure set; may be tried again. */
int pie_world_start_main(struct pie_world *world);

/* The same with a new interpreter, which has a GIL of its own and a thread as its owner. */
int pie_world_start_isolated(struct pie_world *world);

/* The owner's life, until the world stops. */
void pie_world_run(struct pie_world *world);

/* Something has changed that concerns the owner, or who waits for it. With the lock held. */
void pie_world_notify(struct pie_world *world);

/* Nothing is loaded any more, and who waits for that gives up. False: it has been said before. */
bool pie_world_stop(struct pie_world *world);

/* No request runs any more: runs what an ordinary program runs at its end; waits for that up to
 * the deadline (of pie_clock_ms), but not for an owner that is in an application's import. */
void pie_world_end(struct pie_world *world, int64_t deadline);

#endif
