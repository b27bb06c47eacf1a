/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/pool.h"

#include "engine/interp.h"

#include <stdlib.h>

void pie_pool_init(struct pie_pool *pool) {
  pie_mutex_init(&pool->lock);
  pie_cond_init(&pool->work);
  pie_cond_init(&pool->idle);
  pool->last = &pool->first;
}

/* With the lock held. */
static struct pie_call *take(struct pie_pool *pool) {
  struct pie_call *call = pool->first;
  if (!call)
    return NULL;
  pool->first = call->next;
  if (!pool->first)
    pool->last = &pool->first;
  pool->queued--;
  pool->running++;
  return call;
}

/* With the lock held. */
static void give_back(struct pie_pool *pool, struct pie_call *call) {
  call->next = pool->free;
  pool->free = call;
  pool->running--;
  if (pool->stopping && !pool->running && !pool->first)
    pie_cond_broadcast(&pool->idle);
}

/* Serves what is queued without giving up the GIL between two requests. */
static void serve_queue(struct pie_pool *pool, struct pie_call *call) {
  PyInterpreterState *interp = call->engine->interp;
  if (pie_interp_enter(interp)) {
    const struct pie_failure failure = {.status = 503, .summary = "Out of memory."};
    call->engine->ops->fail(call->request, &failure);
    pie_mutex_lock(&pool->lock);
    give_back(pool, call);
    pie_mutex_unlock(&pool->lock);
    return;
  }
  while (call) {
    pie_serve(call);
    pie_mutex_lock(&pool->lock);
    give_back(pool, call);
    call = take(pool);
    pie_mutex_unlock(&pool->lock);
  }
  pie_interp_leave();
}

static void thread_main(void *arg) {
  struct pie_engine *engine = arg;
  struct pie_pool *pool = &engine->pool;
  pie_mutex_lock(&pool->lock);
  for (;;) {
    struct pie_call *call = take(pool);
    if (call) {
      pie_mutex_unlock(&pool->lock);
      serve_queue(pool, call);
      pie_mutex_lock(&pool->lock);
    } else if (pool->stopping) {
      break;
    } else {
      pool->waiting++;
      pie_cond_wait(&pool->work, &pool->lock);
      pool->waiting--;
    }
  }
  pie_mutex_unlock(&pool->lock);
  pie_interp_forget();
  pie_mutex_lock(&pool->lock);
  pool->threads--;
  pie_cond_broadcast(&pool->idle);
  pie_mutex_unlock(&pool->lock);
}

/* With the lock held. One more thread when those that wait are too few for what is queued. */
static void grow(struct pie_engine *engine) {
  struct pie_pool *pool = &engine->pool;
  struct pie_thread thread;
  if (pool->waiting >= pool->queued || pool->threads >= engine->config.threads)
    return;
  if (pie_thread_start(&thread, engine->config.stack_size, thread_main, engine))
    return; /* with none at all the queue fills up and is answered 503 */
  pie_thread_detach(&thread);
  pool->threads++;
}

static struct pie_call *call_new(struct pie_pool *pool) {
  struct pie_call *call = pool->free;
  if (call)
    pool->free = call->next;
  else
    call = malloc(sizeof *call);
  return call;
}

int pie_pool_put(struct pie_engine *engine, struct pie_request *request,
                 const struct pie_request_info *info) {
  struct pie_pool *pool = &engine->pool;
  int result = -PIE_EBUSY;
  pie_mutex_lock(&pool->lock);
  bool room = !pool->stopping && pool->queued < engine->config.queue;
  struct pie_call *call = room ? call_new(pool) : NULL;
  if (call) {
    *call = (struct pie_call){.engine = engine, .request = request, .info = info};
    engine->ops->pend(request);
    *pool->last = call;
    pool->last = &call->next;
    pool->queued++;
    grow(engine);
    pie_cond_signal(&pool->work);
    result = PIE_HANDLE_PENDING;
  }
  pie_mutex_unlock(&pool->lock);
  return result;
}

int pie_pool_enter_direct(struct pie_engine *engine) {
  struct pie_pool *pool = &engine->pool;
  pie_mutex_lock(&pool->lock);
  bool open = !pool->stopping;
  pool->running += open;
  pie_mutex_unlock(&pool->lock);
  return open && pie_interp_enter(engine->interp) == 0 ? 0 : -PIE_EBUSY;
}

void pie_pool_leave_direct(struct pie_engine *engine) {
  struct pie_pool *pool = &engine->pool;
  pie_interp_leave();
  pie_mutex_lock(&pool->lock);
  pool->running--;
  if (pool->stopping && !pool->running)
    pie_cond_broadcast(&pool->idle);
  pie_mutex_unlock(&pool->lock);
}

void pie_pool_stop(struct pie_engine *engine, int64_t deadline) {
  struct pie_pool *pool = &engine->pool;
  pie_mutex_lock(&pool->lock);
  pool->stopping = true;
  pie_cond_broadcast(&pool->work);
  while ((pool->running || pool->first || pool->threads) &&
         pie_cond_wait_until(&pool->idle, &pool->lock, deadline))
    ;
  pie_mutex_unlock(&pool->lock);
}
