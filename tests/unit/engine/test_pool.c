/* SPDX-License-Identifier: Apache-2.0
 *
 * The pool under stress: hosts of all kinds bring requests that are quick, last, block, time out or
 * get stuck, while the engine starts and stops, thousands of times. Each request must be served
 * once, inside its interpreter, or refused; never more at once than the settings allow; and the
 * end must come.
 */
#include "base/error.h"
#include "engine/call.h"
#include "engine/fake_interp.h"
#include "engine/interp.h"
#include "engine/limit.h"
#include "engine/pool.h"
#include "engine/site.h"
#include "engine/world.h"
#include "harness/test.h"

#include <stdlib.h>
#include <string.h>

enum {
  HOSTS_MAX = 4,
  REQUESTS = 24, /* of a host, in a round */
  LIMIT_MS = 8,
  CALM_US = 100,
  ROUND_MS = 20000 /* no round may take that long */
};

enum kind { QUICK, LASTING, SLEEPING, READING, STUCK };

/* A request, as the door has it. */
struct pie_request {
  enum kind kind;
  atomic_int served, finished, expired, aborted;
  atomic_bool pended;
};

struct pie_door {
  int unused;
};

struct round {
  struct round *next; /* all stay: their watchdogs end when they come to it */
  struct pie_engine *engine;
  bool with_limit, pends, idles;
  atomic_int running, most, served, refused, brought;
};

static struct pie_door the_door;
static PIE_THREAD_LOCAL bool is_of_host;
static atomic_int helped; /* requests from the queue that a host's thread has served */
static struct round *current_round, *all_rounds;
static const struct pie_request_info info = {.id = PIE_STR_INIT("id")};

/* ---- the door ---- */

static void door_pend(struct pie_request *request) { atomic_store(&request->pended, true); }

static void door_finish(struct pie_request *request, bool whole) {
  (void)whole;
  atomic_fetch_add(&request->finished, 1);
}

static void door_fail(struct pie_request *request, const struct pie_failure *failure) {
  (void)failure;
  atomic_fetch_add(&request->finished, 1);
}

static void door_abort(struct pie_request *request) {
  REQUIRE(!atomic_load(&request->finished));
  atomic_fetch_add(&request->aborted, 1);
}

static void door_expire(struct pie_request *request, const struct pie_failure *failure) {
  (void)failure;
  REQUIRE(!atomic_load(&request->finished));
  atomic_fetch_add(&request->expired, 1);
}

static bool door_unhealthy(struct pie_request *request, const char *why) {
  (void)why;
  REQUIRE(!atomic_load(&request->finished));
  return true;
}

/* The client of a request that is READING sends nothing until its connection is ended. */
static int64_t door_read(struct pie_request *request, void *buffer, size_t capacity) {
  (void)buffer, (void)capacity;
  for (int i = 0; i < 2000 && !atomic_load(&request->aborted); i++)
    pie_thread_sleep_ms(1);
  return -PIE_EGONE;
}

static void door_log(struct pie_door *door, const struct pie_log_origin *origin, int level,
                     struct pie_str text) {
  (void)door, (void)origin, (void)level, (void)text;
}

static const struct pie_door_ops door_ops = {
    .abi = PIE_ENGINE_ABI,
    .pend = door_pend,
    .finish = door_finish,
    .fail = door_fail,
    .abort = door_abort,
    .expire = door_expire,
    .unhealthy = door_unhealthy,
    .read = door_read,
    .log = door_log,
};

/* ---- the application ---- */

struct pie_log_origin pie_site_origin(const struct pie_site *site) {
  (void)site;
  return (struct pie_log_origin){.id = PIE_STR("")};
}

void pie_call_log(const struct pie_call *call, enum pie_log_level level, const char *text) {
  struct pie_log_origin origin = {.id = call->info->id};
  call->engine->ops->log(call->engine->door, &origin, level, pie_str_from(text));
}

static void release_for(int ms) {
  PyThreadState *state = pie_interp_release();
  if (ms)
    pie_thread_sleep_ms(ms);
  else
    pie_thread_yield();
  pie_interp_retake(state);
}

static void compute(int64_t us) {
  int64_t end = pie_clock_us() + us;
  for (int i = 0; pie_clock_us() < end; i++) {
    if (i % 64 == 63)
      release_for(0); /* as the switch interval makes Python do */
  }
}

static void read_body(struct pie_call *call) {
  char byte;
  if (pie_limit_enter(call)) {
    PyThreadState *state = pie_interp_release();
    call->engine->ops->read(call->request, &byte, 1);
    pie_interp_retake(state);
  }
  pie_limit_leave(call);
}

static void run_application(struct pie_call *call) {
  switch (call->request->kind) {
  case QUICK:
    break;
  case LASTING:
    compute(700);
    break;
  case SLEEPING:
    release_for(2);
    break;
  case READING:
    read_body(call);
    break;
  case STUCK:
    while (!atomic_load(&call->expired))
      release_for(1);
    break;
  }
}

void pie_serve(struct pie_call *call) {
  struct round *round = current_round;
  struct fake_gil *gil = (struct fake_gil *)call->world->interp;
  int running = atomic_fetch_add(&round->running, 1) + 1, most = atomic_load(&round->most);
  while (running > most && !atomic_compare_exchange_weak(&round->most, &most, running))
    ;
  REQUIRE(fake_is_inside(gil));
  CHECK_INT(atomic_fetch_add(&call->request->served, 1), 0);
  pie_limit_begin(call);
  run_application(call);
  pie_limit_enter_last(call);
  atomic_fetch_sub(&round->running, 1);
  if (is_of_host && atomic_load(&call->request->pended))
    atomic_fetch_add(&helped, 1);
  call->engine->ops->finish(call->request, true);
  pie_limit_leave(call);
  pie_limit_end(call);
  REQUIRE(fake_is_inside(gil));
  atomic_fetch_add(&round->served, 1);
}

void pie_call_part(struct pie_call *call) { CHECK(call->parting != NULL); }

/* ---- hosts ---- */

struct host {
  struct round *round;
  uint32_t group;
  unsigned seed;
  struct pie_request requests[REQUESTS];
  struct pie_thread thread;
};

static enum kind choose(struct host *host) {
  int number = rand_r(&host->seed) % 40;
  bool limit = host->round->with_limit;
  return number == 0 && limit   ? STUCK
         : number == 1 && limit ? READING
         : number < 6           ? LASTING
         : number < 10          ? SLEEPING
                                : QUICK;
}

static void bring(struct host *host, struct pie_request *request) {
  struct round *round = host->round;
  int flags = (round->pends ? PIE_MAY_PEND : 0) | (round->idles ? PIE_WILL_IDLE : 0);
  request->kind = choose(host);
  atomic_fetch_add(&round->brought, 1);
  int code = pie_pool_handle(round->engine, request, &info, flags, host->group);
  if (code < 0)
    atomic_fetch_add(&round->refused, 1);
  else if (code == PIE_HANDLE_DONE)
    CHECK_INT(atomic_load(&request->finished), 1);
  else
    CHECK(atomic_load(&request->pended));
}

static void host_main(void *arg) {
  struct host *host = arg;
  is_of_host = true;
  for (int i = 0; i < REQUESTS; i++) {
    bring(host, &host->requests[i]);
    if (rand_r(&host->seed) % 4 == 0) {
      pie_pool_idle(host->round->engine); /* it blocks, for more requests */
      if (rand_r(&host->seed) % 4 == 0)
        pie_thread_sleep_ms(1);
    }
  }
  pie_pool_idle(host->round->engine);
}

/* ---- rounds ---- */

static struct pie_engine *make_engine(unsigned *seed, struct round *round) {
  struct pie_engine *engine = calloc(1, sizeof *engine);
  REQUIRE(engine);
  engine->door = &the_door;
  engine->ops = &door_ops;
  engine->config = (struct pie_engine_config){
      .threads = 1 + rand_r(seed) % 6,
      .queue = 1 + rand_r(seed) % 30,
      .stack_size = 256 * 1024,
      .request_timeout_ms = round->with_limit ? LIMIT_MS : 0,
      .recycle_timeout_ms = 4,
  };
  engine->world_count = rand_r(seed) % 3 == 0 ? 1 + (size_t)rand_r(seed) % 3 : 1;
  engine->worlds = calloc(engine->world_count, sizeof *engine->worlds);
  REQUIRE(engine->worlds);
  for (size_t i = 0; i < engine->world_count; i++) {
    engine->worlds[i].engine = engine;
    engine->worlds[i].interp = (PyInterpreterState *)&fake_gils[i];
    pie_mutex_init(&engine->worlds[i].lock);
    pie_cond_init(&engine->worlds[i].changed);
  }
  return engine;
}

void pie_world_notify(struct pie_world *world) { pie_cond_broadcast(&world->changed); }

/* Does what the owners of worlds do. */
static void interrupt_all(struct pie_engine *engine) {
  for (size_t i = 0; i < engine->world_count; i++) {
    struct pie_world *world = &engine->worlds[i];
    pie_mutex_lock(&world->lock);
    bool alarmed = world->alarmed;
    world->alarmed = false;
    pie_mutex_unlock(&world->lock);
    if (alarmed && pie_interp_enter(world->interp) == 0) {
      pie_limit_interrupt(world);
      pie_interp_leave();
    }
  }
}

static bool is_over(struct round *round) {
  return atomic_load(&round->served) + atomic_load(&round->refused) == atomic_load(&round->brought);
}

static void wait_for_end(struct round *round, int64_t deadline) {
  while (!is_over(round)) {
    REQUIRE(pie_clock_ms() < deadline);
    interrupt_all(round->engine);
    pie_thread_sleep_ms(1);
  }
}

static void check_requests(struct host *hosts, int count) {
  for (int h = 0; h < count; h++) {
    for (int i = 0; i < REQUESTS; i++) {
      struct pie_request *request = &hosts[h].requests[i];
      CHECK_INT(atomic_load(&request->finished), atomic_load(&request->served));
      CHECK(atomic_load(&request->expired) <= 1);
    }
  }
}

static void run_round(unsigned *seed, bool pends, bool idles, bool with_limit, bool stop_early) {
  struct host *hosts = calloc(HOSTS_MAX, sizeof *hosts);
  struct round *round = calloc(1, sizeof *round);
  REQUIRE(hosts && round);
  *round = (struct round){.pends = pends, .idles = idles, .with_limit = with_limit};
  int count = 1 + rand_r(seed) % HOSTS_MAX;
  int64_t deadline = pie_clock_ms() + ROUND_MS;
  round->next = all_rounds;
  current_round = all_rounds = round;
  round->engine = make_engine(seed, round);
  REQUIRE(pie_pool_start(round->engine, round->engine->world_count) == 0);
  for (size_t i = 0; i < round->engine->lane_count; i++)
    round->engine->lanes[i].restless_max_us = CALM_US;
  REQUIRE(pie_limit_start(round->engine) == 0);
  for (int i = 0; i < count; i++) {
    hosts[i].round = round;
    hosts[i].group = rand_r(seed) % 4 ? (uint32_t)i : PIE_NO_GROUP;
    hosts[i].seed = (unsigned)rand_r(seed);
    REQUIRE(pie_thread_start(&hosts[i].thread, 256 * 1024, host_main, &hosts[i]) == 0);
  }
  if (stop_early)
    pie_pool_stop(round->engine, deadline);
  for (int i = 0; i < count; i++)
    pie_thread_join(&hosts[i].thread);
  wait_for_end(round, deadline);
  pie_pool_stop(round->engine, deadline);
  pie_limit_stop(round->engine);
  CHECK_INT(atomic_load(&round->running), 0);
  CHECK(atomic_load(&round->most) <=
        round->engine->config.threads * (int)round->engine->world_count);
  check_requests(hosts, count);
  free(hosts);
}

static int rounds(void) {
  const char *text = getenv("TEST_ROUNDS");
  return text ? atoi(text) : 100;
}

static void run_rounds(bool pends, bool idles, bool with_limit) {
  unsigned seed = 4711;
  for (int i = 0; i < rounds() && !test_has_failed(); i++) {
    test_context("round %d", i);
    run_round(&seed, pends, idles, with_limit, i % 5 == 4);
  }
  test_context(NULL);
}

static void our_host(void) {
  atomic_store(&helped, 0);
  run_rounds(true, true, false);
  CHECK(atomic_load(&helped) > 0);
}

static void iis(void) {
  atomic_store(&helped, 0);
  run_rounds(true, false, false);
  CHECK_INT(atomic_load(&helped), 0);
}

static void mod_isapi(void) { run_rounds(false, false, false); }

static void our_host_with_a_time_limit(void) { run_rounds(true, true, true); }

static void mod_isapi_with_a_time_limit(void) { run_rounds(false, false, true); }

static void exceptions_do_not_outlive_their_request(void) {
  CHECK_INT(atomic_load(&fake_raised), atomic_load(&fake_cleared));
}

int main(int count, char **args) {
  static const struct test_case cases[] = {
      CASE(our_host),
      CASE(iis),
      CASE(mod_isapi),
      CASE(our_host_with_a_time_limit),
      CASE(mod_isapi_with_a_time_limit),
      CASE(exceptions_do_not_outlive_their_request),
  };
  fake_gils_init();
  return test_main(count, args, cases, sizeof cases / sizeof cases[0]);
}
