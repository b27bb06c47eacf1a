/* SPDX-License-Identifier: Apache-2.0
 *
 * The door: starts Python when the first request comes, and passes requests to the engine.
 *
 * A door is made once per process and never ends: the module is pinned, because Python cannot be
 * unloaded. Its state goes IDLE -> STARTING -> READY, or FAILED and, a second later, STARTING
 * again with the next request.
 */
#ifndef PIE_ISAPI_DOOR_H
#define PIE_ISAPI_DOOR_H

#include "base/log.h"
#include "base/settings.h"
#include "isapi/locate.h"
#include "isapi/quirks.h"
#include "isapi/request.h"
#include "isapi/site_log.h"
#include "platform/platform.h"

enum pie_door_state { PIE_DOOR_IDLE, PIE_DOOR_STARTING, PIE_DOOR_READY, PIE_DOOR_FAILED };

enum { PIE_DOOR_FREE_MAX = 64, PIE_DOOR_RETRY_MS = 1000 };

/* A failure whose texts the door owns. */
struct pie_door_failure {
  struct pie_failure says;
  struct pie_buf summary, detail, advice;
};

struct pie_door {
  struct pie_mutex lock; /* guards all up to the engine */
  struct pie_cond changed;
  enum pie_door_state state;
  enum { PIE_UNCONFIGURED, PIE_CONFIGURED, PIE_MISCONFIGURED } configuration;
  atomic_bool host_idles;           /* the host calls HttpExtensionIdle */
  bool stopping;                    /* nobody waits for the start any more */
  bool multiprocess;                /* other processes serve the same site */
  int64_t start_deadline, retry_at; /* of pie_clock_ms */
  struct pie_request *parked;       /* pending requests that wait for the start */
  size_t parked_count;
  struct pie_request *passing;         /* those that the server answers itself at the moment */
  _Atomic(struct pie_request *) spare; /* one more than free holds, without the lock */
  struct pie_request *free;
  size_t free_count;
  struct pie_door_failure failure;
  struct pie_settings settings;
  struct pie_str app, root, config, script_name, statics; /* of the settings */
  struct pie_buf first_root,
      first_config;            /* of the request that Python was started for: its file */
  bool file_read;              /* has the settings of the process, and is read */
  struct pie_buf file_statics; /* the setting static there: for sites of that root and config */

  struct pie_engine *engine; /* set once, before READY */
  const struct pie_engine_ops *ops;
  struct pie_python python;

  struct pie_quirks quirks; /* set once, before the first request is parsed */
  struct pie_log log;
  struct pie_log_file *log_file;
  struct pie_log_file *early_log_file; /* before the settings file was read */
  bool log_given;                      /* by a variable: it is every site's */
  struct pie_site_logs site_logs;
  char id_prefix[16];
  _Atomic unsigned long long requests;
};

int pie_door_new(struct pie_door **out);

/* Serves one request; returns HSE_STATUS_*. */
uint32_t pie_door_handle(struct pie_door *door, EXTENSION_CONTROL_BLOCK *ecb);

/* Starts Python and loads the application that such a request would reach; false: it failed. */
bool pie_door_warm(struct pie_door *door, EXTENSION_CONTROL_BLOCK *ecb);

/* This thread is about to block; group is of HttpExtensionIdle. */
void pie_door_idle(struct pie_door *door, uint32_t group);

void pie_door_stop(struct pie_door *door, int timeout_ms);

struct pie_quirks *pie_door_quirks(struct pie_door *door);
void pie_door_log(struct pie_door *door, enum pie_log_level level, const char *text);
/* To the log of the request's site. */
void pie_request_log(const struct pie_request *request, enum pie_log_level level, const char *text);

/* start.c: the start itself, for that request (or NULL). Called with the lock held and the state
 * not READY or STARTING. */
void pie_door_begin_start(struct pie_door *door, const struct pie_request *request);
/* Reads the settings that a server variable or the environment gives, once: they change only with
 * the server's own configuration. False: the failure says what is wrong. With the lock held. */
bool pie_door_configure(struct pie_door *door, EXTENSION_CONTROL_BLOCK *ecb);
void pie_door_failure_set(struct pie_door_failure *failure, int status, const char *summary,
                          const char *detail, const char *advice);

/* Called by the start when it is over, without the lock: serves or answers what was parked. */
void pie_door_release_parked(struct pie_door *door);

#endif
