/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/pool.h"

#include "engine/call.h"
#include "engine/interp.h"

#include <stdlib.h>

enum {
  WATCH_MS = 1,
  WATCH_QUIET_MAX = 20, /* looks at empty queues before it sleeps */
  STALL_FACTOR = 3,     /* of a typical request's time */
  LONG_FACTOR = 4,      /* the same */
  TURN_YIELDS = 3       /* before a thread sleeps */
};

/* The lane of a group of the host's threads, or NULL. */
static struct pie_lane *lane_of(struct pie_engine *engine, uint32_t group) {
  if (engine->lane_count == 1)
    return engine->lanes;
  return group == PIE_NO_GROUP ? NULL : &engine->lanes[group % engine->lane_count];
}

static struct pie_lane *quietest_lane(struct pie_engine *engine) {
  struct pie_lane *best = engine->lanes;
  for (size_t i = 1; i < engine->lane_count; i++) {
    struct pie_lane *lane = &engine->lanes[i];
    if (atomic_load(&lane->busy) < atomic_load(&best->busy))
      best = lane;
  }
  return best;
}

/* ---- the queue; all with the lane's lock held ---- */

/* The setting threads bounds how many requests run at once, wherever they run: with one, the
 * application need not be thread-safe. */
static int slots(struct pie_lane *lane) {
  int in_place = atomic_load(&lane->busy) - lane->queued - lane->running;
  return lane->threads_max - lane->running - in_place;
}

static bool has_slot(struct pie_lane *lane) { return slots(lane) > 0; }

/* What a thread is about to take does not wait. */
static bool has_room(struct pie_lane *lane) {
  int free = slots(lane);
  return !lane->stopping && lane->queued < lane->queue_max + (free > 0 ? free : 0);
}

static struct pie_call *take(struct pie_lane *lane) {
  struct pie_call *call = has_slot(lane) ? lane->first : NULL;
  if (!call)
    return NULL;
  lane->first = call->next;
  if (!lane->first)
    lane->last = &lane->first;
  lane->queued--;
  lane->running++;
  call->began_us = lane->taken_us = pie_clock_us();
  return call;
}

static void put(struct pie_lane *lane, struct pie_call *call) {
  *lane->last = call;
  lane->last = &call->next;
  lane->queued++;
  atomic_fetch_add(&lane->busy, 1);
}

static void ran(struct pie_lane *lane) {
  lane->running--;
  atomic_fetch_sub(&lane->busy, 1);
  if (lane->turn_waiting)
    pie_cond_signal(&lane->turn);
  if (lane->stopping)
    pie_cond_broadcast(&lane->idle);
}

static void give_back(struct pie_lane *lane, struct pie_call *call) {
  call->next = lane->free;
  lane->free = call;
  ran(lane);
}

static struct pie_call *call_new(struct pie_lane *lane) {
  struct pie_call *call = lane->free;
  if (call)
    lane->free = call->next;
  else
    call = malloc(sizeof *call);
  return call;
}

/* ---- the lane's threads ---- */

static void thread_main(void *arg);

/* A request has lasted for so long. */
static void be_restless(struct pie_lane *lane, int64_t now, int64_t us) {
  int64_t until = lane->restless_until_us > now ? lane->restless_until_us : now;
  until += us * PIE_LONG_REST;
  int64_t last = now + lane->restless_max_us;
  lane->restless_until_us = until < last ? until : last;
}

/* With the lock held: one more thread looks at the queue. */
static void kick(struct pie_lane *lane) {
  struct pie_thread thread;
  size_t stack = lane->engine->config.stack_size;
  if (!has_slot(lane))
    return;
  int64_t now = pie_clock_us(), waited = lane->running ? now - lane->taken_us : 0;
  be_restless(lane, now, waited > PIE_OFFER_US ? waited : PIE_OFFER_US);
  lane->taken_us = now;
  lane->offered = lane->host_serves = false;
  if (lane->waiting > lane->tickets) {
    lane->tickets++;
    pie_cond_signal(&lane->work);
  } else if (lane->threads < lane->threads_max &&
             pie_thread_start_open(&thread, stack, thread_main, lane) == 0) {
    pie_thread_detach(&thread);
    lane->threads++;
  } /* else all are busy; the queue fills up, and is answered 503 beyond its limit */
}

/* For how long nothing may be taken up: longer where requests take longer, because a second thread
 * would only take turns with the first one. */
static int64_t stall_us(const struct pie_lane *lane) {
  int64_t us = lane->typical_us * STALL_FACTOR;
  return us < PIE_STALL_US ? PIE_STALL_US : us > PIE_STALL_MAX_US ? PIE_STALL_MAX_US : us;
}

/* Follows the median. */
static void note_time(struct pie_lane *lane, int64_t now, int64_t us) {
  if (us > PIE_LONG_US && us > lane->typical_us * LONG_FACTOR)
    be_restless(lane, now, us);
  lane->typical_us += us > lane->typical_us ? lane->typical_us / 16 + 1 : -lane->typical_us / 16;
}

static bool is_stalled(const struct pie_lane *lane, int64_t now_us) {
  return now_us - lane->taken_us > stall_us(lane);
}

/* With the lock held. After a request that lasted another thread may have taken over: two would
 * only take the GIL from each other. */
static bool gives_way(struct pie_lane *lane, int64_t began_us) {
  int64_t now = pie_clock_us();
  note_time(lane, now, now - began_us);
  return now - began_us > stall_us(lane) && lane->running > 0 && lane->taken_us > began_us &&
         !is_stalled(lane, now);
}

/* With the lock held: offers the queue to the host's thread, if that can serve it. */
static bool offers(struct pie_lane *lane, bool host_idles) {
  lane->offered = host_idles && lane->queued && !lane->running && !lane->stopping &&
                  pie_clock_us() > lane->restless_until_us;
  return lane->offered;
}

/* Serves what is queued without giving up the GIL between two requests. False: it gave way. */
static bool serve_queue(struct pie_lane *lane, struct pie_call *call) {
  bool way = false;
  if (pie_interp_enter(lane->world->interp)) {
    const struct pie_failure failure = {.status = 503, .summary = "Out of memory."};
    call->engine->ops->fail(call->request, &failure);
    pie_mutex_lock(&lane->lock);
    give_back(lane, call);
    pie_mutex_unlock(&lane->lock);
    return true;
  }
  while (call) {
    int64_t began = call->began_us;
    bool host_idles = call->host_idles;
    pie_serve(call);
    pie_mutex_lock(&lane->lock);
    give_back(lane, call);
    way = gives_way(lane, began) || offers(lane, host_idles);
    call = way ? NULL : take(lane);
    pie_mutex_unlock(&lane->lock);
  }
  pie_interp_leave();
  return !way;
}

static void wait_for_work(struct pie_lane *lane) {
  lane->waiting++;
  if (lane->offered && !lane->tickets)
    pie_cond_wait_us(&lane->work, &lane->lock, PIE_OFFER_US);
  if (lane->offered)
    kick(lane); /* nobody came */
  while (!lane->tickets && !lane->stopping)
    pie_cond_wait(&lane->work, &lane->lock);
  lane->waiting--;
  if (lane->tickets)
    lane->tickets--;
}

static void thread_main(void *arg) {
  struct pie_lane *lane = arg;
  bool may_take = true;
  pie_mutex_lock(&lane->lock);
  for (;;) {
    struct pie_call *call = may_take || lane->stopping ? take(lane) : NULL;
    if (call) {
      pie_mutex_unlock(&lane->lock);
      may_take = serve_queue(lane, call);
      pie_mutex_lock(&lane->lock);
    } else if (lane->stopping) {
      break;
    } else {
      wait_for_work(lane);
      may_take = true;
    }
  }
  pie_mutex_unlock(&lane->lock);
  pie_interp_forget();
  pie_mutex_lock(&lane->lock);
  lane->threads--;
  pie_cond_broadcast(&lane->idle);
  pie_mutex_unlock(&lane->lock);
}

/* ---- the watchdog ---- */

/* True while the lane has a queue. */
static bool look_after(struct pie_lane *lane) {
  pie_mutex_lock(&lane->lock);
  bool busy = lane->queued > 0;
  if (busy && is_stalled(lane, pie_clock_us()))
    kick(lane);
  pie_mutex_unlock(&lane->lock);
  return busy;
}

static bool look_after_all(struct pie_engine *engine) {
  bool busy = false;
  for (size_t i = 0; i < engine->lane_count; i++)
    busy = look_after(&engine->lanes[i]) || busy;
  return busy;
}

static void watch_main(void *arg) {
  struct pie_engine *engine = arg;
  struct pie_watchdog *dog = &engine->watchdog;
  int quiet = 0;
  pie_mutex_lock(&dog->lock);
  while (!dog->stopping) {
    quiet = look_after_all(engine) ? 0 : quiet + 1;
    if (quiet <= WATCH_QUIET_MAX) {
      pie_cond_wait_until(&dog->wake, &dog->lock, pie_clock_ms() + WATCH_MS);
      continue;
    }
    /* Who enqueues from here on sees that it must wake us; who did before is seen by us. */
    atomic_store(&dog->awake, false);
    if (!look_after_all(engine)) {
      while (!atomic_load(&dog->awake) && !dog->stopping)
        pie_cond_wait(&dog->wake, &dog->lock);
    }
    atomic_store(&dog->awake, true);
    quiet = 0;
  }
  pie_mutex_unlock(&dog->lock);
}

static void wake_watchdog(struct pie_watchdog *dog) {
  if (atomic_load_explicit(&dog->awake, memory_order_relaxed))
    return;
  pie_mutex_lock(&dog->lock);
  atomic_store(&dog->awake, true);
  pie_cond_signal(&dog->wake);
  pie_mutex_unlock(&dog->lock);
}

/* ---- the three ways ---- */

static void unclaim(struct pie_lane *lane) {
  bool alone = atomic_fetch_sub(&lane->busy, 1) == 1;
  if (alone && !lane->stopping)
    return;
  pie_mutex_lock(&lane->lock);
  if (lane->queued && !lane->running)
    kick(lane); /* came while this one lasted */
  if (lane->stopping)
    pie_cond_broadcast(&lane->idle);
  pie_mutex_unlock(&lane->lock);
}

/* Claims the lane, if nothing is in it. */
static bool claim(struct pie_lane *lane) {
  int none = 0;
  if (!atomic_compare_exchange_strong(&lane->busy, &none, 1))
    return false;
  if (!lane->stopping)
    return true;
  unclaim(lane);
  return false;
}

static int serve_in_place(struct pie_lane *lane, struct pie_call *call) {
  if (pie_interp_enter(lane->world->interp)) {
    unclaim(lane);
    return -PIE_EBUSY;
  }
  pie_serve(call);
  unclaim(lane);
  return PIE_HANDLE_DONE;
}

/* With the lock held, which is given up meanwhile. Where requests take some microseconds, the one
 * that runs is over sooner than this thread would be asleep. */
static void yield_turn(struct pie_lane *lane) {
  for (int i = 0; i < TURN_YIELDS && lane->running && lane->typical_us < PIE_STALL_US / 3; i++) {
    pie_mutex_unlock(&lane->lock);
    pie_thread_yield();
    pie_mutex_lock(&lane->lock);
  }
}

/* With the lock held. */
static void wait_for_turn(struct pie_lane *lane) {
  int64_t left = 0;
  lane->turn_waiting++;
  yield_turn(lane);
  for (;;) {
    bool full = !has_slot(lane);
    if (full)
      pie_cond_wait(&lane->turn, &lane->lock);
    else if (lane->running && (left = lane->taken_us + stall_us(lane) - pie_clock_us()) > 0)
      pie_cond_wait_us(&lane->turn, &lane->lock, left);
    else
      break;
  }
  lane->turn_waiting--;
  lane->running++;
  atomic_fetch_add(&lane->busy, 1);
  lane->taken_us = pie_clock_us();
  if (lane->turn_waiting && has_slot(lane))
    pie_cond_signal(&lane->turn); /* one signal may have reached the same waiter twice */
}

static int serve_in_turn(struct pie_lane *lane, struct pie_call *call) {
  pie_mutex_lock(&lane->lock);
  bool open = !lane->stopping && lane->turn_waiting < lane->queue_max;
  if (open)
    wait_for_turn(lane);
  pie_mutex_unlock(&lane->lock);
  if (!open)
    return -PIE_EBUSY;
  struct pie_parting parting;
  parting.n = 0;
  parting.has_last = parting.has_end = false;
  call->parting = &parting;
  int64_t began = pie_clock_us();
  int err = pie_interp_enter(lane->world->interp) ? -PIE_EBUSY : PIE_HANDLE_DONE;
  if (!err) {
    pie_serve(call);
    pie_interp_leave();
  }
  pie_mutex_lock(&lane->lock);
  int64_t now = pie_clock_us();
  note_time(lane, now, now - began);
  lane->running--;
  if (lane->turn_waiting)
    pie_cond_signal(&lane->turn);
  pie_mutex_unlock(&lane->lock);
  if (!err)
    pie_call_part(call); /* meanwhile another one has its turn; the end waits for this one */
  pie_mutex_lock(&lane->lock);
  lane->running++;
  ran(lane);
  pie_mutex_unlock(&lane->lock);
  return err;
}

/* With the lock held: of the lane's own threads. */
static bool none_runs(const struct pie_lane *lane) {
  return !lane->running && lane->threads == lane->waiting - lane->tickets;
}

/* With the lock held: whether this thread, which could serve the lane's requests in place, is to
 * serve its queue. Only one of the host's threads may be inside: another must have the loop. */
static bool takes_over(struct pie_lane *lane) {
  lane->host_serves = (lane->offered || lane->host_serves) && !lane->helping &&
                      atomic_load(&lane->busy) == lane->queued;
  lane->offered = false;
  lane->helping = lane->helping || lane->host_serves;
  return lane->host_serves;
}

/* With the lock held, which is given up meanwhile: serves one of the queue, if that is still ours.
 */
static bool help_once(struct pie_lane *lane) {
  struct pie_call *call = lane->host_serves ? take(lane) : NULL;
  if (!call)
    return false;
  int64_t began = call->began_us;
  pie_mutex_unlock(&lane->lock);
  pie_serve(call);
  pie_mutex_lock(&lane->lock);
  give_back(lane, call);
  int64_t now = pie_clock_us();
  note_time(lane, now, now - began);
  if (lane->queued && none_runs(lane) && (!lane->host_serves || now - began > PIE_LONG_US))
    kick(lane);
  return true;
}

/* Serves some of what is queued, as if in place. */
static void help(struct pie_lane *lane) {
  bool inside = pie_interp_enter(lane->world->interp) == 0; /* else the watchdog finds a thread */
  pie_mutex_lock(&lane->lock);
  for (int i = 0; inside && i < PIE_HELP && help_once(lane); i++)
    ;
  lane->helping = false;
  pie_mutex_unlock(&lane->lock);
}

/* is_of_lane: this thread of the host could serve the lane's requests in place. */
static int enqueue(struct pie_lane *lane, const struct pie_call *call, bool is_of_lane) {
  int result = -PIE_EBUSY;
  bool helps = false;
  pie_mutex_lock(&lane->lock);
  struct pie_call *copy = has_room(lane) ? call_new(lane) : NULL;
  if (copy) {
    *copy = *call;
    copy->queued_us = pie_clock_us();
    copy->engine->ops->pend(copy->request);
    put(lane, copy);
    helps = is_of_lane && takes_over(lane);
    if (!helps && (none_runs(lane) || is_stalled(lane, pie_clock_us())))
      kick(lane);
    result = PIE_HANDLE_PENDING;
  }
  pie_mutex_unlock(&lane->lock);
  if (copy)
    wake_watchdog(&lane->engine->watchdog);
  if (helps)
    help(lane);
  else
    pie_interp_idle(); /* whoever runs there needs the GIL that this thread may have kept */
  return result;
}

int pie_pool_handle(struct pie_engine *engine, struct pie_request *request,
                    const struct pie_request_info *info, int flags, uint32_t group) {
  struct pie_lane *own = lane_of(engine, group);
  struct pie_call call = {
      .engine = engine, .request = request, .info = info, .host_idles = flags & PIE_WILL_IDLE};
  if (own && (flags & PIE_WILL_IDLE) && claim(own)) {
    call.world = own->world;
    return serve_in_place(own, &call);
  }
  struct pie_lane *lane = quietest_lane(engine);
  call.world = lane->world;
  if (flags & PIE_MAY_PEND)
    return enqueue(lane, &call, lane == own && (flags & PIE_WILL_IDLE));
  pie_interp_idle();
  return serve_in_turn(lane, &call);
}

void pie_pool_idle(struct pie_engine *engine) {
  (void)engine;
  pie_interp_idle();
}

/* ---- start and end ---- */

/* The index-th part of a number, at least 1; together they are no more, if that can be. */
static int share(int whole, size_t parts, size_t index) {
  int part = whole / (int)parts + (index < (size_t)whole % parts ? 1 : 0);
  return part ? part : 1;
}

static void lane_init(struct pie_lane *lane, struct pie_engine *engine, size_t index) {
  const struct pie_engine_config *config = &engine->config;
  size_t lanes_of_world = engine->lane_count / engine->world_count;
  lane->engine = engine;
  lane->world = &engine->worlds[index % engine->world_count];
  lane->threads_max = share(config->threads, lanes_of_world, index / engine->world_count);
  lane->queue_max = share(config->queue, engine->lane_count, index);
  lane->restless_max_us = PIE_RESTLESS_US;
  pie_mutex_init(&lane->lock);
  pie_cond_init(&lane->work);
  pie_cond_init(&lane->turn);
  pie_cond_init(&lane->idle);
  lane->last = &lane->first;
}

int pie_pool_start(struct pie_engine *engine, size_t lanes) {
  struct pie_watchdog *dog = &engine->watchdog;
  struct pie_thread thread;
  if (!engine->lanes) {
    engine->lanes = calloc(lanes, sizeof *engine->lanes);
    if (!engine->lanes)
      return -PIE_ENOMEM;
    engine->lane_count = lanes;
    for (size_t i = 0; i < lanes; i++)
      lane_init(&engine->lanes[i], engine, i);
    pie_mutex_init(&dog->lock);
    pie_cond_init(&dog->wake);
  }
  if (dog->started)
    return 0;
  int err = pie_thread_start(&thread, 256 * 1024, watch_main, engine);
  if (err)
    return err;
  pie_thread_detach(&thread);
  dog->started = true;
  return 0;
}

static void lane_stop(struct pie_lane *lane, int64_t deadline) {
  pie_mutex_lock(&lane->lock);
  lane->stopping = true;
  pie_cond_broadcast(&lane->work);
  while ((atomic_load(&lane->busy) || lane->threads) &&
         pie_cond_wait_until(&lane->idle, &lane->lock, deadline))
    ;
  pie_mutex_unlock(&lane->lock);
}

void pie_pool_stop(struct pie_engine *engine, int64_t deadline) {
  for (size_t i = 0; i < engine->lane_count; i++)
    lane_stop(&engine->lanes[i], deadline);
  pie_mutex_lock(&engine->watchdog.lock);
  engine->watchdog.stopping = true;
  pie_cond_signal(&engine->watchdog.wake);
  pie_mutex_unlock(&engine->watchdog.lock);
}
