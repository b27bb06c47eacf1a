/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/limit.h"

#include "base/error.h"
#include "base/str.h"
#include "engine/call.h"
#include "engine/interp.h"
#include "engine/site.h"
#include "engine/world.h"

#include <stdio.h>

enum {
  CLOCK_STACK = 256 * 1024,
  CLOCK_IS_IN = -1, /* call->hold while the clock has the request */
  TICK_MIN_MS = 5,
  TICK_MAX_MS = 200,
  QUIET_MAX = 20, /* looks at an empty list before the clock sleeps */
  WHY_MAX = 160
};

static const struct pie_failure too_long = {
    .status = 504,
    .summary = "The application took too long for this request.",
    .advice = "The stack of its thread is in the error log, under the reference below. The time "
              "limit is the setting request-timeout.",
};

/* ---- the call's side ---- */

static void wake_clock(struct pie_clock *clock) {
  if (atomic_load_explicit(&clock->awake, memory_order_relaxed))
    return;
  pie_mutex_lock(&clock->lock);
  atomic_store(&clock->awake, true);
  pie_cond_signal(&clock->wake);
  pie_mutex_unlock(&clock->lock);
}

void pie_limit_begin(struct pie_call *call) {
  struct pie_clock *clock = &call->engine->clock;
  if (!clock->started)
    return;
  call->limited = true;
  call->thread = PyThread_get_thread_ident();
  call->thread_state = PyThreadState_Get();
  pie_mutex_lock(&clock->lock);
  call->began_ms = pie_clock_ms();
  call->due_ms = call->began_ms + call->engine->config.request_timeout_ms;
  call->number = ++clock->last_number;
  call->next_running = clock->running;
  call->previous_running = NULL;
  if (clock->running)
    clock->running->previous_running = call;
  clock->running = call;
  pie_mutex_unlock(&clock->lock);
  wake_clock(clock);
}

void pie_limit_end(struct pie_call *call) {
  struct pie_clock *clock = &call->engine->clock;
  if (!call->limited)
    return;
  pie_mutex_lock(&clock->lock);
  if (call->previous_running)
    call->previous_running->next_running = call->next_running;
  else
    clock->running = call->next_running;
  if (call->next_running)
    call->next_running->previous_running = call->previous_running;
  bool raised = call->raised;
  pie_mutex_unlock(&clock->lock);
  call->limited = false;
  if (raised)
    PyThreadState_SetAsyncExc(call->thread, NULL); /* it must not reach the next request */
}

bool pie_limit_enter(struct pie_call *call) {
  if (!call->limited)
    return true;
  int threads = atomic_load(&call->hold);
  for (;;) {
    if (threads != CLOCK_IS_IN) {
      if (atomic_compare_exchange_weak(&call->hold, &threads, threads + 1))
        return !atomic_load(&call->expired);
      continue;
    }
    PyThreadState *state = pie_interp_release();
    pie_thread_sleep_ms(1);
    pie_interp_retake(state);
    threads = atomic_load(&call->hold);
  }
}

void pie_limit_leave(struct pie_call *call) {
  if (call->limited)
    atomic_fetch_sub(&call->hold, 1);
}

void pie_limit_enter_last(struct pie_call *call) {
  if (!call->limited)
    return;
  pie_limit_enter(call);
  pie_mutex_lock(&call->engine->clock.lock);
  call->ending = true;
  pie_mutex_unlock(&call->engine->clock.lock);
}

/* ---- the clock ---- */

static int64_t tick_of(const struct pie_engine *engine) {
  int64_t tick = engine->config.request_timeout_ms / 10;
  return tick < TICK_MIN_MS ? TICK_MIN_MS : tick > TICK_MAX_MS ? TICK_MAX_MS : tick;
}

/* With the lock held, which is given up meanwhile; the call is not about to end. */
static void expire(struct pie_clock *clock, struct pie_call *call) {
  int nobody = 0;
  if (!atomic_compare_exchange_strong(&call->hold, &nobody, CLOCK_IS_IN)) {
    if (!call->spared) { /* it may be about to answer */
      call->spared = true;
      call->due_ms = pie_clock_ms() + tick_of(call->engine);
      return;
    }
    atomic_store(&call->expired, true);
    call->engine->ops->abort(call->request); /* it waits for its client */
    return;
  }
  atomic_store(&call->expired, true);
  pie_mutex_unlock(&clock->lock);
  call->engine->ops->expire(call->request, &too_long);
  pie_mutex_lock(&clock->lock);
  atomic_store(&call->hold, 0);
}

/* With the lock held. */
static void give_up(struct pie_clock *clock, struct pie_call *call) {
  char why[WHY_MAX];
  if (clock->gave_up)
    return;
  clock->gave_up = true;
  snprintf(why, sizeof why, "request %.*s does not end after %lld s", (int)call->info->id.n,
           call->info->id.p, (long long)(pie_clock_ms() - call->began_ms) / 1000);
  if (!call->engine->ops->unhealthy(call->request, why))
    pie_call_log(call, PIE_LOG_ERROR, "this server cannot replace its process: restart it");
}

/* With the lock held. The first call that was due so long ago, or NULL. */
static struct pie_call *find_due(struct pie_clock *clock, int64_t ago_ms, bool expired) {
  int64_t due_ms = pie_clock_ms() - ago_ms;
  for (struct pie_call *call = clock->running; call; call = call->next_running) {
    if (call->due_ms <= due_ms && !call->ending && atomic_load(&call->expired) == expired)
      return call;
  }
  return NULL;
}

/* With the lock held, which is given up meanwhile: the list is gone through anew after that. */
static void look(struct pie_engine *engine) {
  struct pie_clock *clock = &engine->clock;
  const struct pie_engine_config *config = &engine->config;
  struct pie_call *call;
  while ((call = find_due(clock, 0, false))) {
    struct pie_world *world = call->world;
    expire(clock, call);
    pie_mutex_unlock(&clock->lock);
    pie_mutex_lock(&world->lock);
    world->alarmed = true;
    pie_world_notify(world);
    pie_mutex_unlock(&world->lock);
    pie_mutex_lock(&clock->lock);
  }
  call = find_due(clock, config->recycle_timeout_ms, true);
  if (call)
    give_up(clock, call);
}

static void clock_main(void *arg) {
  struct pie_engine *engine = arg;
  struct pie_clock *clock = &engine->clock;
  int quiet = 0;
  pie_mutex_lock(&clock->lock);
  while (!clock->stopping) {
    look(engine);
    quiet = clock->running ? 0 : quiet + 1;
    if (quiet <= QUIET_MAX) {
      pie_cond_wait_until(&clock->wake, &clock->lock, pie_clock_ms() + tick_of(engine));
      continue;
    }
    /* Who begins from here on sees that it must wake us. */
    atomic_store(&clock->awake, false);
    while (!atomic_load(&clock->awake) && !clock->running && !clock->stopping)
      pie_cond_wait(&clock->wake, &clock->lock);
    atomic_store(&clock->awake, true);
    quiet = 0;
  }
  pie_mutex_unlock(&clock->lock);
}

int pie_limit_start(struct pie_engine *engine) {
  struct pie_clock *clock = &engine->clock;
  struct pie_thread thread;
  if (!engine->config.request_timeout_ms || clock->started)
    return 0;
  pie_mutex_init(&clock->lock);
  pie_cond_init(&clock->wake);
  int err = pie_thread_start(&thread, CLOCK_STACK, clock_main, engine);
  if (err)
    return err;
  pie_thread_detach(&thread);
  clock->started = true;
  return 0;
}

void pie_limit_stop(struct pie_engine *engine) {
  struct pie_clock *clock = &engine->clock;
  if (!clock->started)
    return;
  pie_mutex_lock(&clock->lock);
  clock->stopping = true;
  pie_cond_signal(&clock->wake);
  pie_mutex_unlock(&clock->lock);
}

/* ---- the owner's side ---- */

/* What is known of a call whose time is over, without the lock. */
struct late {
  uint64_t number;
  unsigned long thread;
  int64_t took_ms;
  char id[64];
  const struct pie_site *site;
  PyObject *frame; /* where its thread is, or NULL */
};

/* The thread runs no Python now, since we do; and nobody else may before we have the frame, as a
 * finalizer would let. Without a GIL _support.stack() finds it, which stops the world for that. */
static PyObject *frame_of(struct pie_call *call) {
  if (!PIE_PY_HAS_GIL)
    return NULL;
  int collects = PyGC_Disable();
  PyObject *frame = (PyObject *)PyThreadState_GetFrame(call->thread_state);
  if (collects)
    PyGC_Enable();
  return frame;
}

static bool next_late(struct pie_world *world, struct late *out) {
  struct pie_clock *clock = &world->engine->clock;
  struct pie_call *call;
  pie_mutex_lock(&clock->lock);
  for (call = clock->running; call; call = call->next_running) {
    if (call->world == world && atomic_load(&call->expired) && !call->noted && !call->ending)
      break;
  }
  if (call) {
    call->noted = true;
    out->number = call->number;
    out->thread = call->thread;
    out->took_ms = pie_clock_ms() - call->began_ms;
    out->frame = frame_of(call);
    out->site = call->site;
    snprintf(out->id, sizeof out->id, "%.*s", (int)call->info->id.n, call->info->id.p);
  }
  pie_mutex_unlock(&clock->lock);
  return call != NULL;
}

/* The call may have ended since: its thread then runs something else. */
static void raise(struct pie_world *world, const struct late *late, PyObject *exception) {
  struct pie_clock *clock = &world->engine->clock;
  pie_mutex_lock(&clock->lock);
  for (struct pie_call *call = clock->running; call; call = call->next_running) {
    if (call->number == late->number && !call->ending) {
      PyThreadState_SetAsyncExc(call->thread, exception);
      call->raised = true;
    }
  }
  pie_mutex_unlock(&clock->lock);
}

static void log_stack(struct pie_world *world, const struct late *late) {
  PyObject *frame = late->frame ? late->frame : Py_None;
  PyObject *text = PyObject_CallMethod(world->support, "stack", "Okd", frame, late->thread,
                                       (double)late->took_ms / 1000);
  const char *bytes = text ? PyUnicode_AsUTF8(text) : NULL;
  struct pie_log_origin origin = pie_site_origin(late->site);
  if (!bytes)
    PyErr_Clear();
  origin.id = pie_str_from(late->id);
  world->engine->ops->log(
      world->engine->door, &origin, PIE_LOG_ERROR,
      pie_str_from(bytes ? bytes : "the request took too long; its stack cannot be had"));
  Py_XDECREF(text);
}

void pie_limit_interrupt(struct pie_world *world) {
  struct late late;
  PyObject *exception = PyObject_GetAttrString(world->support, "RequestTimeout");
  if (!exception)
    PyErr_Clear();
  while (exception && next_late(world, &late)) {
    log_stack(world, &late);
    raise(world, &late, exception);
    Py_XDECREF(late.frame);
  }
  Py_XDECREF(exception);
}
