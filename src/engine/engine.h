/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine: one Python in this process, the applications loaded into it, and the threads that
 * run them. It knows the door by its table only.
 */
#ifndef PIE_ENGINE_ENGINE_H
#define PIE_ENGINE_ENGINE_H

#include "base/buf.h"
#include "base/log.h"
#include "engine/py.h"
#include "platform/platform.h"
#include "pyisapie/engine.h"

#include <stdatomic.h>

struct pie_engine;
struct pie_site;
struct pie_state;

/* One request in the engine. It lives in a lane's list or on the bringing thread's stack, and never
 * longer than the request. */
struct pie_call {
  struct pie_engine *engine;
  struct pie_world *world;
  struct pie_request *request;
  const struct pie_request_info *info;
  struct pie_state *state;     /* of the interpreter that serves it */
  const struct pie_site *site; /* that it is for, once that is loaded */
  PyObject *start;             /* the start_response object, while the application runs */
  struct pie_call *next;       /* in the queue, or in the list of free ones */
  int64_t queued_us;           /* when it was put there, and */
  int64_t began_us;            /* when it was taken from the queue */

  /* With a time limit (see limit.h): */
  struct pie_call *next_running, *previous_running;
  uint64_t number;      /* of all calls */
  unsigned long thread; /* Python's name for the one that runs it, */
  PyThreadState *thread_state;
  int64_t began_ms, due_ms;
  atomic_int hold;     /* threads that use the request now, or the clock */
  bool spared;         /* it used the request when it was due, and has one tick more */
  atomic_bool expired; /* its time is over */
  bool noted, raised;  /* its stack is logged; RequestTimeout is raised in its thread */
  bool ending;         /* its thread is about to end it */
  bool limited;

  struct pie_page *page; /* while a page's handler runs: see page.h */

  bool host_idles;             /* the host calls idle() before it blocks */
  struct pie_parting *parting; /* where the end of the response may wait, or NULL: see call.h */
  bool responded;              /* start_response has been called */
  bool passed;                 /* the server has answered itself */
  bool gone;                   /* the client has gone: nothing more can be sent */
};

enum pie_world_progress {
  PIE_WORLD_NONE,
  PIE_WORLD_STARTING,
  PIE_WORLD_READY,
  PIE_WORLD_ENDING,
  PIE_WORLD_OVER
};

/* An interpreter and what is loaded into it: see world.c. */
struct pie_world {
  struct pie_engine *engine;
  PyInterpreterState *interp;
  PyObject *module;  /* pyisapie._engine */
  PyObject *support; /* pyisapie._support */
  struct pie_state *state;
  _Atomic(struct pie_site *) last_site; /* that was asked for and is loaded */

  struct pie_mutex lock; /* guards all below */
  struct pie_cond changed;
  struct pie_site *sites;
  struct pie_site *wanted; /* the next one to load */
  enum pie_world_progress progress;
  bool stopping; /* nothing is loaded any more */
  bool loading;  /* the owner is in an application's import */
  bool alarmed;  /* the time of some call is over */
  bool has_waker;

  /* Of a guest only: see guest.h. */
  const char *name;
  struct pie_world *next_guest;
  bool shares_gil;
  int64_t failed_ms; /* when it could not be started */

  struct pie_waker waker; /* of an owner that is Python's main thread: signals wake it, too */
};

/* The way of requests into an interpreter: see pool.h. */
struct pie_lane {
  struct pie_engine *engine;
  struct pie_world *world;
  int threads_max, queue_max;
  atomic_int busy; /* requests in place, queued and running: the way in place needs no lock */

  struct pie_mutex lock; /* guards all below */
  struct pie_cond work;  /* for the lane's threads: there is a ticket */
  struct pie_cond turn;  /* for threads of the host that wait to run a request themselves */
  struct pie_cond idle;  /* nothing runs any more */
  struct pie_call *first, **last;
  struct pie_call *free;
  int queued;
  int running;          /* requests that are being served, but for one in place */
  int threads, waiting; /* of the lane's own */
  int tickets;          /* of waiting threads, how many have been woken */
  int turn_waiting;
  int64_t taken_us;          /* when a request was last taken up, or a thread was woken for it */
  int64_t typical_us;        /* what requests mostly take */
  int64_t restless_until_us; /* after one was held up, or lasted long: before that the host's
                              * thread may not serve the queue, */
  int64_t restless_max_us;   /* at most for so long */
  bool offered;     /* one of the lane's threads waits for the host's to take the queue over, */
  bool host_serves; /* which it has, request by request; */
  bool helping;     /* it does so right now */
  atomic_bool stopping;
};

/* Wakes a further thread of a lane whose requests are not taken up. It sleeps while no queue has
 * any. */
struct pie_watchdog {
  struct pie_mutex lock;
  struct pie_cond wake;
  atomic_bool awake;
  bool started, stopping;
};

/* Looks after the time limit of requests: see limit.h. */
struct pie_clock {
  struct pie_mutex lock; /* guards all below, and what calls have for it */
  struct pie_cond wake;
  atomic_bool awake;
  struct pie_call *running;
  uint64_t last_number;
  bool gave_up; /* has asked for another process */
  bool started, stopping;
};

struct pie_engine {
  struct pie_door *door;
  const struct pie_door_ops *ops;
  struct pie_engine_config config; /* with strings of our own */
  struct pie_world *worlds;        /* one, or in mode isolated several */
  size_t world_count;
  struct pie_mutex guests_lock;
  struct pie_world *guests;
  bool guests_stopped;
  struct pie_lane *lanes; /* as many as requests may run Python at the same time */
  size_t lane_count;
  struct pie_watchdog watchdog;
  struct pie_clock clock;
  bool attached; /* somebody else started this Python, and will end it */
  bool started;

  struct pie_failure failure; /* of the start */
  struct pie_buf failure_text, failure_detail;
};

/* module.c: the one process-wide pointer; NULL before the door has opened us. */
struct pie_engine *pie_engine_get(void);

/* runtime.c */
int pie_runtime_boot(struct pie_engine *engine, const struct pie_engine_config *config,
                     const struct pie_failure **failure);
int pie_runtime_read_settings(struct pie_engine *engine, struct pie_str root, struct pie_str config,
                              void (*found)(void *context, const char *name, const char *text),
                              void *context, const struct pie_failure **failure);
int pie_runtime_start(struct pie_engine *engine, const struct pie_engine_config *config,
                      const struct pie_failure **failure);
void pie_runtime_run(struct pie_engine *engine);
int pie_runtime_fail(struct pie_engine *engine, const char *summary, const char *detail,
                     const char *advice); /* keeps them as the failure of the start: -PIE_ESTART */
void pie_runtime_stop(struct pie_engine *engine, int timeout_ms);

/* serve.c: runs one request to its end, in the interpreter that this thread is in. */
void pie_serve(struct pie_call *call);

/* What belongs to no request and no site. */
void pie_engine_log(struct pie_engine *engine, enum pie_log_level level, const char *text);

#endif
