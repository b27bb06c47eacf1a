/* SPDX-License-Identifier: Apache-2.0
 *
 * Who runs a request, and when.
 *
 * Handing a request to another thread costs far more than running it, and two threads that run
 * Python at once take the GIL from each other. So a lane lets one thread run, and others only when
 * that one does not get on:
 *
 * - In place: on the bringing thread, when nothing runs in the lane and the host idles
 *   (HttpExtensionIdle). The thread keeps the GIL until the host says that it will block.
 * - Queued: taken by the lane's own threads, of which one runs and keeps the GIL from request to
 *   request. Another one is woken when nothing has been taken up for PIE_STALL_US, or three times
 *   as long as requests mostly take, by the next request that comes or by the watchdog. One whose
 *   request lasted gives way to it afterwards.
 * - Back in place: a queue that never gets empty would keep it so for ever. When of late no more
 *   than a PIE_LONG_REST-th of the time went to long requests, the lane's thread offers the queue
 * to the thread that brings requests. With each one it brings that serves two which wait, until
 * none do.
 * - Where there are several lanes, each group of the host's threads has one of them; what is not
 *   served in place goes to the lane that has the least to do.
 * - In turn: where the host can neither idle nor let requests pend (mod_isapi), its threads run
 *   the requests, one at a time, and no longer wait for one that lasts.
 */
#ifndef PIE_ENGINE_POOL_H
#define PIE_ENGINE_POOL_H

#include "base/error.h"
#include "engine/engine.h"

enum {
  PIE_STALL_US = 300,
  PIE_STALL_MAX_US = 5000,
  PIE_RESTLESS_US = 1000000,
  PIE_LONG_US = 5000,  /* a request that takes more is nothing for the host's thread, */
  PIE_LONG_REST = 20,  /* nor are others for so many times as long */
  PIE_OFFER_US = 1000, /* how long an offer stands */
  PIE_HELP = 2         /* requests that the host's thread serves for one that it brings */
};

int pie_pool_start(struct pie_engine *engine, size_t lanes);

/* See pie_engine_ops.handle. */
int pie_pool_handle(struct pie_engine *engine, struct pie_request *request,
                    const struct pie_request_info *info, int flags, uint32_t group);

/* See pie_engine_ops.idle. */
void pie_pool_idle(struct pie_engine *engine);

/* Waits until nothing runs, up to the deadline (pie_clock_ms); then the threads end. */
void pie_pool_stop(struct pie_engine *engine, int64_t deadline);

#endif
