/* SPDX-License-Identifier: Apache-2.0
 *
 * Many threads bring requests while Python starts, fails and starts again; some requests are
 * answered in place, some later by other threads, in any order. Meant for the thread sanitizer,
 * too.
 */
#include "harness/fake_engine.h"
#include "harness/fake_python.h"
#include "harness/rig.h"
#include "harness/test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BRINGERS = 8, FINISHERS = 4, ROUNDS = 150, WAITING_MAX = 64 };

/* ---- requests that wait for one of the finishers ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct pie_request *waiting[WAITING_MAX];
static int waiting_count;
static bool over;
static atomic_int finished;

static unsigned next_random(unsigned *seed) {
  *seed = *seed * 1103515245u + 12345u;
  return *seed >> 16;
}

static void finish_one(struct pie_request *request, unsigned how) {
  static const struct pie_failure broke = {500, "It broke.", "Traceback", "Mend it."};
  switch (how % 4) {
  case 0:
    fake_door_ops()->fail(request, &broke);
    break;
  case 1:
    fake_door_ops()->finish(request, false); /* nothing was said */
    break;
  case 2:
    fake_echo(request, NULL, 0);
    break;
  default:
    fake_hello(request, NULL, 0);
  }
  finished++;
}

static void *finisher_main(void *arg) {
  unsigned seed = (unsigned)(uintptr_t)arg + 77;
  for (;;) {
    pthread_mutex_lock(&lock);
    while (!waiting_count && !over)
      pthread_cond_wait(&changed, &lock);
    if (!waiting_count) {
      pthread_mutex_unlock(&lock);
      return NULL;
    }
    int i = (int)(next_random(&seed) % (unsigned)waiting_count);
    struct pie_request *request = waiting[i];
    waiting[i] = waiting[--waiting_count];
    pthread_mutex_unlock(&lock);
    finish_one(request, next_random(&seed));
  }
}

static atomic_uint turn;

/* In place, later, or not at all. */
static int any_way(struct pie_request *request, const struct pie_request_info *info, int flags) {
  unsigned how = turn++ * 2654435761u >> 16;
  if (how % 7 == 0)
    return fake_busy(request, info, flags);
  if (how % 3 && (flags & PIE_MAY_PEND)) {
    pthread_mutex_lock(&lock);
    bool room = waiting_count < WAITING_MAX;
    if (room) {
      fake_door_ops()->pend(request);
      waiting[waiting_count++] = request;
      pthread_cond_signal(&changed);
    }
    pthread_mutex_unlock(&lock);
    return room ? PIE_HANDLE_PENDING : fake_busy(request, info, flags);
  }
  finish_one(request, how);
  return PIE_HANDLE_DONE;
}

/* ---- those who bring them ---- */

struct bringer {
  pthread_t thread;
  struct pie_door *door;
  enum fake_kind kind;
  unsigned seed;
  const char *app, *log_level; /* settings, as this virtual host has them */
  int rounds, answered, broken;
};

static void bring_one(struct bringer *b) {
  struct fake_host host;
  fake_open(&host, b->kind,
            "POST /a?b HTTP/1.1\r\nHost: h\r\nX-Y: z\r\nContent-Length: 11\r\n\r\nhello world");
  fake_set(&host, "PYISAPIE_APP", b->app);
  fake_set(&host, "PYISAPIE_LOG_LEVEL", b->log_level);
  fake_set(&host, "PYISAPIE_LOG", "/dev/null");
  fake_ahead(&host, next_random(&b->seed) % 12);
  host.read_most = 1 + next_random(&b->seed) % 6;
  if (next_random(&b->seed) % 10 == 0)
    host.fail_at = 1 + (int)(next_random(&b->seed) % 4);
  if (next_random(&b->seed) % 5 == 0)
    pie_door_idle(b->door, 0);
  uint32_t outcome = pie_door_handle(b->door, &host.ecb);
  fake_returned(&host, outcome);
  if (outcome == HSE_STATUS_PENDING)
    REQUIRE(fake_wait_done(&host, 30000));
  CHECK_TEXT(host.breach ? host.breach : "", "");
  if (host.outcome == HSE_STATUS_ERROR)
    b->broken++;
  else
    b->answered += host.wire.n > 20;
  fake_close(&host);
}

static void *bringer_main(void *arg) {
  struct bringer *b = arg;
  for (int i = 0; i < b->rounds; i++)
    bring_one(b);
  return NULL;
}

static void bring(struct bringer *bringers, int n) {
  pthread_t finishers[FINISHERS];
  over = false;
  for (uintptr_t i = 0; i < FINISHERS; i++)
    REQUIRE(pthread_create(&finishers[i], NULL, finisher_main, (void *)i) == 0);
  for (int i = 0; i < n; i++)
    REQUIRE(pthread_create(&bringers[i].thread, NULL, bringer_main, &bringers[i]) == 0);
  for (int i = 0; i < n; i++)
    pthread_join(bringers[i].thread, NULL);
  pthread_mutex_lock(&lock);
  over = true;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
  for (int i = 0; i < FINISHERS; i++)
    pthread_join(finishers[i], NULL);
  for (int i = 0; i < n; i++)
    CHECK_INT(bringers[i].answered + bringers[i].broken, bringers[i].rounds);
}

static struct pie_door *doors[8]; /* never freed: threads of theirs may still look at them */
static int door_count;

static struct pie_door *new_door(void) {
  fake_engine_reset();
  fake_python_runs = true;
  fake_engine.handle = any_way;
  return doors[door_count++] = rig_door_new();
}

/* One host a door, as in a process. */
static void bring_all(enum fake_kind kind) {
  struct bringer bringers[BRINGERS];
  struct pie_door *door = new_door();
  int before = finished;
  for (int i = 0; i < BRINGERS; i++)
    bringers[i] =
        (struct bringer){.door = door, .kind = kind, .seed = (unsigned)i, .rounds = ROUNDS};
  bring(bringers, BRINGERS);
  CHECK_INT(fake_engine.starts, 1);
  CHECK(finished - before > BRINGERS * ROUNDS / 2);
  CHECK_INT(door->parked_count, 0);
  CHECK(door->free_count <= PIE_DOOR_FREE_MAX);
}

static void requests_of_many_threads_on_iis(void) { bring_all(FAKE_IIS); }
static void requests_of_many_threads_on_our_host(void) { bring_all(FAKE_OURS); }
static void requests_of_many_threads_on_mod_isapi(void) { bring_all(FAKE_APACHE); }

/* Vectors are refused: all threads find out at once. */
static void requests_of_many_threads_on_an_old_host(void) { bring_all(FAKE_OLD); }

static const struct pie_failure no_app = {500, "No app.", "Traceback", "Mend it."};

static void *mender_main(void *arg) {
  (void)arg;
  usleep(1500000); /* one start fails for those before, the next one for those who retry */
  fake_engine.failure = NULL;
  return NULL;
}

static void starts_that_fail_under_load(void) {
  struct bringer bringers[BRINGERS];
  pthread_t mender;
  struct pie_door *door = new_door();
  fake_engine.failure = &no_app;
  for (int i = 0; i < BRINGERS; i++)
    bringers[i] = (struct bringer){
        .door = door, .kind = FAKE_IIS, .seed = (unsigned)i * 3, .rounds = ROUNDS * 4};
  REQUIRE(pthread_create(&mender, NULL, mender_main, NULL) == 0);
  bring(bringers, BRINGERS);
  pthread_join(mender, NULL);
  CHECK(fake_engine.starts >= 1);
}

/* Some virtual hosts have a wrong setting: until the door is configured, each request reads the
 * settings anew, while others are being answered. */
static void wrong_settings_under_load(void) {
  struct bringer bringers[BRINGERS];
  struct pie_door *door = new_door();
  for (int i = 0; i < BRINGERS; i++)
    bringers[i] = (struct bringer){.door = door,
                                   .kind = FAKE_APACHE,
                                   .seed = (unsigned)i * 5,
                                   .app = i % 2 ? NULL : "site:app",
                                   .log_level = "loud",
                                   .rounds = ROUNDS};
  bring(bringers, BRINGERS);
  CHECK_INT(fake_engine.starts, 0);
}

static const struct test_case cases[] = {
    CASE(requests_of_many_threads_on_iis),       CASE(requests_of_many_threads_on_our_host),
    CASE(requests_of_many_threads_on_mod_isapi), CASE(requests_of_many_threads_on_an_old_host),
    CASE(starts_that_fail_under_load),           CASE(wrong_settings_under_load),
};
TEST_MAIN(cases)
