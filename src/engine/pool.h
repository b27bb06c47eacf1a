/* SPDX-License-Identifier: Apache-2.0
 *
 * The threads that run requests, and the bounded queue before them.
 */
#ifndef PIE_ENGINE_POOL_H
#define PIE_ENGINE_POOL_H

#include "base/error.h"
#include "engine/engine.h"

void pie_pool_init(struct pie_pool *pool);

/* Queues a request: PIE_HANDLE_PENDING, or -PIE_EBUSY. A thread is started when all are busy and
 * there may be more. */
int pie_pool_put(struct pie_engine *engine, struct pie_request *request,
                 const struct pie_request_info *info);

/* For a request in place: enters the interpreter on the host's own thread. -PIE_EBUSY at the end
 * of the process. */
int pie_pool_enter_direct(struct pie_engine *engine);
void pie_pool_leave_direct(struct pie_engine *engine);

/* Waits until nothing runs, up to the deadline (pie_clock_ms); then the threads end. */
void pie_pool_stop(struct pie_engine *engine, int64_t deadline);

#endif
