/* SPDX-License-Identifier: Apache-2.0
 *
 * The loop and the threads that can have it.
 *
 * One thread has the loop. It reads and parses, and then runs the requests that are complete, in
 * place, one after the other, outside uv_run. When one of them lasts, or is about to block, the
 * loop is handed to the spare thread, and the request stays where it is; its thread becomes the
 * spare afterwards. So a fast request costs no hand-over, and a slow one stalls nobody.
 *
 * handover.hold tells who has the loop: 0 between requests, a request's token within one, TAKEN
 * when the loop has been taken from under it. Whoever changes it by compare-and-swap has won. A
 * monitor thread takes the loop from a request that lasts; it sleeps while there are none.
 *
 * To hand the loop over for a request that is about to end is a waste. So the monitor's patience
 * grows by each request that ends soon after it lost the loop, and is over with one that does not:
 * where all requests take a few milliseconds they are served in turn, in place.
 */
#include "base/check.h"
#include "base/error.h"
#include "host/host.h"

enum {
  MONITOR_MS = 1,
  MONITOR_CALM_MS = 3, /* when no loop has been taken for CALM_MS: each look costs some */
  CALM_MS = 10 * 1000,
  MONITOR_QUIET_MAX = 20, /* looks at nothing new before it sleeps */
  MONITOR_STACK = 256 * 1024,
  GIVE_TRIES = 20,  /* a millisecond each */
  PATIENCE_MAX = 5, /* looks */
  WASTE_MS = 3,     /* who ends so soon after losing the loop need not have lost it */
  HOLD_US = 200,    /* an answer that is ready so long before those of other requests leaves */
  RECENT = 64,      /* requests */
  HOLD_MAX_US = 50 * RECENT, /* where they take longer none waits for another: it might for long */
  LOST_US = 1000 * RECENT,   /* after the loop has been lost */
  TAKEN = 1,                 /* tokens are even */
};

/* What this thread was given the loop for, when it is within a request: the extension may serve
 * another one on it. */
static PIE_THREAD_LOCAL struct pie_worker *own_worker;
static PIE_THREAD_LOCAL uint64_t own_token;

/* This thread is about to block: the extension gives up what it holds on it. */
static void idle(struct pie_worker *worker) {
  if (worker->extension.idle)
    worker->extension.idle(worker->group);
}

/* ---- handing over ---- */

/* Takes the loop from the request with this token, for the spare thread. */
static bool take_loop(struct pie_handover *h, uint64_t token) {
  uint64_t expected = token;
  pie_mutex_lock(&h->lock);
  bool taken =
      h->spares && !h->passed && atomic_compare_exchange_strong(&h->hold, &expected, TAKEN);
  if (taken) {
    struct pie_conn *conn = atomic_load(&h->conn);
    h->passed = true;
    atomic_store(&h->taken_ms, pie_clock_ms());
    pie_cond_signal(&h->spare);
    pie_output_flush(conn); /* answers that were held back must not wait for this one */
  }
  pie_mutex_unlock(&h->lock);
  return taken;
}

bool pie_loop_has_loop(const struct pie_exchange *x) {
  return x->token && atomic_load(&x->conn->worker->handover.hold) == x->token;
}

/* Gives the loop to the spare thread, which may be about to become that. False: there is none. */
static bool give_away(struct pie_handover *h, uint64_t token) {
  for (int tries = 0; tries < GIVE_TRIES && atomic_load(&h->hold) == token; tries++) {
    if (take_loop(h, token))
      return true;
    pie_thread_sleep_ms(1);
  }
  return atomic_load(&h->hold) != token;
}

bool pie_loop_may_block(struct pie_exchange *x) {
  if (atomic_load(&x->state) != PIE_X_RUNNING ||
      (own_token && !give_away(&own_worker->handover, own_token)))
    return false;
  idle(own_token ? own_worker : x->conn->worker);
  return true;
}

static void wake_monitor(struct pie_handover *h) {
  if (atomic_load(&h->monitor_awake))
    return;
  pie_mutex_lock(&h->lock);
  atomic_store(&h->monitor_awake, true);
  pie_cond_signal(&h->monitor);
  pie_mutex_unlock(&h->lock);
}

static void monitor_main(void *arg) {
  struct pie_worker *worker = arg;
  struct pie_handover *h = &worker->handover;
  uint64_t seen = 0;
  int quiet = 0, same = 0;
  pie_mutex_lock(&h->lock);
  while (!h->over) {
    bool calm = pie_clock_ms() - atomic_load(&h->taken_ms) > CALM_MS;
    uint64_t hold = atomic_load(&h->hold);
    same = hold > TAKEN && hold == seen ? same + 1 : 0;
    if (same > (calm ? 0 : atomic_load(&h->patience))) {
      pie_mutex_unlock(&h->lock);
      take_loop(h, hold);
      pie_mutex_lock(&h->lock);
    }
    quiet = hold == seen && hold <= TAKEN ? quiet + 1 : 0;
    seen = hold;
    if (quiet <= MONITOR_QUIET_MAX) {
      pie_cond_wait_until(&h->monitor, &h->lock,
                          pie_clock_ms() + (calm ? MONITOR_CALM_MS : MONITOR_MS));
      continue;
    }
    /* Who begins a request from here on sees that it must wake us. */
    atomic_store(&h->monitor_awake, false);
    while (!atomic_load(&h->monitor_awake) && atomic_load(&h->hold) <= TAKEN && !h->over)
      pie_cond_wait(&h->monitor, &h->lock);
    atomic_store(&h->monitor_awake, true);
    quiet = 0;
  }
  pie_mutex_unlock(&h->lock);
}

/* ---- the requests ---- */

void pie_loop_add(struct pie_worker *worker, struct pie_conn *conn) {
  conn->next_ready = NULL;
  *worker->ready_last = conn;
  worker->ready_last = &conn->next_ready;
}

static struct pie_conn *next_ready(struct pie_worker *worker) {
  struct pie_conn *conn = worker->ready;
  if (conn) {
    worker->ready = conn->next_ready;
    if (!worker->ready)
      worker->ready_last = &worker->ready;
  }
  return conn;
}

/* ---- answers that leave together ---- */

bool pie_loop_hold(struct pie_conn *conn) {
  struct pie_worker *worker = conn->worker;
  if (!worker->hold_until_us || conn->eof)
    return false;
  conn->next_held = NULL;
  *worker->held_last = conn;
  worker->held_last = &conn->next_held;
  return true;
}

static void flush_held(struct pie_worker *worker) {
  worker->hold_until_us = 0;
  for (struct pie_conn *conn = worker->held, *next; conn; conn = next) {
    next = conn->next_held;
    pie_conn_flush(conn);
  }
  worker->held = NULL;
  worker->held_last = &worker->held;
}

/* A request has ended that had lost the loop. */
static void learn(struct pie_handover *h) {
  int patience = atomic_load(&h->patience);
  bool waste = pie_clock_ms() - atomic_load(&h->taken_ms) < WASTE_MS;
  atomic_store(&h->patience, !waste ? 0 : patience < PATIENCE_MAX ? patience + 1 : patience);
}

/* Runs a request in place. False: it lasted, and the loop is another thread's now. */
static bool run_in_place(struct pie_worker *worker, struct pie_exchange *x) {
  struct pie_handover *h = &worker->handover;
  uint64_t token = h->last_token += 2;
  struct pie_conn *conn = x->conn;
  x->token = token;
  atomic_store_explicit(&h->conn, conn, memory_order_relaxed);
  atomic_store(&h->hold, token);
  wake_monitor(h);
  own_worker = worker;
  own_token = token;
  uint32_t outcome = worker->extension.proc(&x->ecb);
  own_token = 0;
  /* With PENDING another thread owns x: it may not be touched. */
  if (atomic_compare_exchange_strong(&h->hold, &token, 0)) {
    if (outcome == HSE_STATUS_PENDING)
      pie_output_flush(conn);
    else
      pie_exchange_returned(x, outcome);
    return true;
  }
  learn(h);
  if (outcome != HSE_STATUS_PENDING && !pie_exchange_waits(x, outcome) &&
      pie_exchange_finish(x, outcome))
    pie_exchange_finished(x);
  return false;
}

/* False: the loop is another thread's now, and so is what is held. */
static bool run_ready(struct pie_worker *worker) {
  struct pie_conn *conn;
  int64_t since = 0;  /* when the last one was done, where there are several */
  flush_held(worker); /* of the thread that had the loop */
  while ((conn = next_ready(worker))) {
    struct pie_exchange *x = &conn->exchange;
    if (worker->in_threads) {
      pie_exchange_start(x);
      continue;
    }
    if (worker->ready && !since)
      since = pie_clock_us();
    if (since && !worker->hold_until_us && worker->recent_us < HOLD_MAX_US)
      worker->hold_until_us = since + HOLD_US;
    x->others_came = worker->hold_until_us != 0;
    if (!run_in_place(worker, x))
      return false;
    int64_t now = since ? pie_clock_us() : 0;
    if (since)
      worker->recent_us += now - since - worker->recent_us / RECENT;
    since = now;
    if (now >= worker->hold_until_us)
      flush_held(worker);
  }
  flush_held(worker);
  return true;
}

/* ---- the threads ---- */

/* Drives the loop until it ends (true) or is taken away (false). */
static bool drive(struct pie_worker *worker) {
  bool alive = true, has_run = false; /* since this thread was idle */
  while (alive) {
    has_run = has_run || worker->ready;
    if (!run_ready(worker))
      return false;
    if (has_run) {
      alive = uv_run(&worker->loop, UV_RUN_NOWAIT) != 0; /* what is there already */
      if (worker->ready || !alive)
        continue;
      idle(worker);
      has_run = false;
    }
    alive = uv_run(&worker->loop, UV_RUN_ONCE) != 0;
  }
  return true;
}

/* True: the loop is this thread's; false: it has ended. */
static bool wait_for_loop(struct pie_worker *worker) {
  struct pie_handover *h = &worker->handover;
  pie_mutex_lock(&h->lock);
  h->spares++;
  while (!h->passed && !h->over)
    pie_cond_wait(&h->spare, &h->lock);
  bool passed = h->passed; /* to the one that comes first: it may be the thread that had the loop */
  h->passed = false;
  h->spares--;
  pie_mutex_unlock(&h->lock);
  if (passed) {
    worker->recent_us = LOST_US;
    atomic_store(&h->hold, 0);
  }
  return passed;
}

static void end(struct pie_handover *h) {
  pie_mutex_lock(&h->lock);
  h->over = true;
  pie_cond_broadcast(&h->spare);
  pie_cond_broadcast(&h->monitor);
  pie_mutex_unlock(&h->lock);
}

static void take_part(struct pie_worker *worker, bool has_loop) {
  idle(worker); /* says that this host does so */
  while (has_loop || wait_for_loop(worker)) {
    if (drive(worker)) {
      end(&worker->handover);
      pie_loops_ended(worker);
    } else {
      idle(worker);
    }
    has_loop = false;
  }
}

static void first_main(void *arg) { take_part(arg, true); }

static void spare_main(void *arg) { take_part(arg, false); }

/* The threads are ours, both of them: the calling one may be Python's main thread, which has a
 * thread state already. */
int pie_loop_start(struct pie_worker *worker) {
  struct pie_handover *h = &worker->handover;
  size_t stack = (size_t)worker->settings->number[PIE_SET_STACK_SIZE];
  pie_mutex_init(&h->lock);
  pie_cond_init(&h->spare);
  pie_cond_init(&h->monitor);
  worker->ready_last = &worker->ready;
  worker->held_last = &worker->held;
  if (pie_thread_start(&h->threads[0], MONITOR_STACK, monitor_main, worker) ||
      pie_thread_start_open(&h->threads[1], stack, spare_main, worker) ||
      pie_thread_start_open(&h->threads[2], stack, first_main, worker))
    return -PIE_ESTART;
  return 0;
}

void pie_loop_join(struct pie_worker *worker) {
  struct pie_handover *h = &worker->handover;
  for (int i = 0; i < 3; i++)
    pie_thread_join(&h->threads[i]);
  pie_cond_destroy(&h->spare);
  pie_cond_destroy(&h->monitor);
  pie_mutex_destroy(&h->lock);
}
