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

struct pie_engine;
struct pie_site;
struct pie_state;

/* One request in the engine. It lives in a pool thread's list or on the bringing thread's stack,
 * and never longer than the request. */
struct pie_call {
  struct pie_engine *engine;
  struct pie_request *request;
  const struct pie_request_info *info;
  struct pie_state *state; /* of the interpreter that serves it */
  PyObject *start;         /* the start_response object, while the application runs */
  struct pie_call *next;   /* in the queue, or in the list of free ones */
  bool responded;          /* start_response has been called */
  bool gone;               /* the client has gone: nothing more can be sent */
};

struct pie_pool {
  struct pie_mutex lock; /* guards all below */
  struct pie_cond work, idle;
  struct pie_call *first, **last;
  struct pie_call *free;
  int queued, limit;
  int threads, waiting, running;
  bool stopping;
};

struct pie_engine {
  struct pie_door *door;
  const struct pie_door_ops *ops;
  struct pie_engine_config config; /* with strings of our own */
  PyInterpreterState *interp;
  PyObject *module;  /* pyisapie._engine */
  PyObject *support; /* pyisapie._support */
  struct pie_state *state;
  bool attached; /* somebody else started this Python, and will end it */
  bool started;

  struct pie_mutex lock; /* guards all below */
  struct pie_cond changed;
  struct pie_site *sites;
  struct pie_site *wanted; /* the next one to load */
  bool stopping;
  int direct; /* requests in place on threads of the host */

  struct pie_pool pool;
  struct pie_failure failure; /* of the start */
  struct pie_buf failure_text, failure_detail;
};

/* module.c: the one process-wide pointer; NULL before the door has opened us. */
struct pie_engine *pie_engine_get(void);

/* runtime.c */
int pie_runtime_start(struct pie_engine *engine, const struct pie_engine_config *config,
                      const struct pie_failure **failure);
void pie_runtime_run(struct pie_engine *engine);
void pie_runtime_stop(struct pie_engine *engine, int timeout_ms);

/* serve.c: runs one request to its end, in the interpreter that this thread is in. */
void pie_serve(struct pie_call *call);

void pie_engine_log(struct pie_engine *engine, enum pie_log_level level, struct pie_str id,
                    const char *text);

#endif
