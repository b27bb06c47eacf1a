/* SPDX-License-Identifier: Apache-2.0
 *
 * An engine without Python, by script. The door reaches it in two ways: a test puts fake_engine
 * and fake_engine_ops into a door of its own, or the door loads engine_module.c's shared module,
 * which asks the program for test_engine_open.
 */
#ifndef PIE_TEST_FAKE_ENGINE_H
#define PIE_TEST_FAKE_ENGINE_H

#include "pyisapie/engine.h"

#include <stdatomic.h>

struct pie_engine {
  struct pie_door *door; /* of the last test_engine_open */
  const struct pie_door_ops *door_ops;

  /* The script; each has a default. */
  int (*handle)(struct pie_request *request, const struct pie_request_info *info, int flags);
  bool (*warm)(const struct pie_request_info *info);
  _Atomic(const struct pie_failure *) failure; /* start fails with it */
  atomic_bool hold_start;                      /* start waits until this is false */
  atomic_bool refuse_abi;
  const char *const *file; /* names and texts of a settings file in turn, then NULL */
  const struct pie_failure *file_failure;

  /* What it saw. */
  atomic_int opens, boots, starts, runs, handled, warmed, idled, stops, stop_timeout_ms;
  struct pie_engine_config config;         /* of the last start: numbers only, and */
  char file_root[1024], file_config[1024]; /* where read_settings looked */
  char executable[1024], home[1024], package_dir[1024];
};

extern struct pie_engine fake_engine;
extern const struct pie_engine_ops fake_engine_ops;

void fake_engine_reset(void); /* to defaults: it starts at once and answers fake_hello */

/* 200, "hello\n" as a whole body. */
int fake_hello(struct pie_request *request, const struct pie_request_info *info, int flags);
/* 200 and the request's body. */
int fake_echo(struct pie_request *request, const struct pie_request_info *info, int flags);
int fake_busy(struct pie_request *request, const struct pie_request_info *info, int flags);

const struct pie_door_ops *fake_door_ops(void); /* the door's, however it was reached */

#endif
