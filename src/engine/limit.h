/* SPDX-License-Identifier: Apache-2.0
 *
 * The time limit of requests.
 *
 * While one is set, every running call is in a list. A clock thread, which never runs Python, looks
 * at it. When a call's time is over the clock answers in the place of the application, and asks the
 * owner of its world to log the stack of its thread and to raise RequestTimeout there. When it runs
 * on nevertheless, the clock asks the host for another process.
 *
 * The call's threads and the clock take turns at the request: pie_limit_enter and pie_limit_leave
 * stand around each use of the door.
 */
#ifndef PIE_ENGINE_LIMIT_H
#define PIE_ENGINE_LIMIT_H

#include "engine/engine.h"

int pie_limit_start(struct pie_engine *engine); /* 0 or negative error; nothing without a limit */
void pie_limit_stop(struct pie_engine *engine);

/* Around the application's run; inside the interpreter. */
void pie_limit_begin(struct pie_call *call);
void pie_limit_end(struct pie_call *call);

/* Around each use of the door; inside. False: the time is over. Leave in both cases. */
bool pie_limit_enter(struct pie_call *call);
void pie_limit_leave(struct pie_call *call);
void pie_limit_enter_last(struct pie_call *call); /* what follows ends the request */

/* The owner of a world, inside: stops the calls whose time is over. */
void pie_limit_interrupt(struct pie_world *world);

#endif
