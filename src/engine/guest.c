/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/guest.h"

#include "base/str.h"
#include "engine/interp.h"
#include "engine/world.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 256, RETRY_MS = 1000 };

static const struct pie_failure too_many = {
    .status = 503,
    .summary = "There are as many interpreters as there may be.",
    .advice = "InterpreterMap has named one more than Config.InterpreterLimit allows.",
};

static const struct pie_failure not_made = {
    .status = 503,
    .summary = "An interpreter for this site cannot be made.",
    .advice = "The error log says why.",
};

static const struct pie_failure bad_name = {
    .status = 400,
    .summary = "No interpreter can have such a name.",
    .advice = "InterpreterMap must give a name of at most 255 bytes.",
};

/* With the lock held. */
static struct pie_world *find(struct pie_engine *engine, const char *name, int *count) {
  *count = 0;
  for (struct pie_world *guest = engine->guests; guest; guest = guest->next_guest, ++*count) {
    if (strcmp(guest->name, name) == 0)
      return guest;
  }
  return NULL;
}

static struct pie_world *guest_new(struct pie_engine *engine, const char *name) {
  struct pie_world *guest = calloc(1, sizeof *guest);
  if (!guest)
    return NULL;
  pie_world_init(guest, engine);
  guest->shares_gil = true;
  guest->name = strdup(name);
  if (!guest->name) {
    free(guest);
    return NULL;
  }
  return guest;
}

/* With the lock held, so that one thread makes it and the others wait; outside any interpreter. */
static struct pie_world *ensure(struct pie_engine *engine, const char *name, int limit,
                                const struct pie_failure **why) {
  int count;
  struct pie_world *guest = find(engine, name, &count);
  *why = guest || count < limit ? &not_made : &too_many;
  if (engine->guests_stopped)
    return NULL;
  if (!guest && count < limit && (guest = guest_new(engine, name))) {
    guest->next_guest = engine->guests;
    engine->guests = guest;
  }
  bool waits = guest && guest->failed_ms && pie_clock_ms() - guest->failed_ms < RETRY_MS;
  if (!guest || waits)
    return NULL;
  if (pie_world_start_isolated(guest) == 0)
    return guest;
  guest->failed_ms = pie_clock_ms();
  pie_engine_log(engine, PIE_LOG_ERROR, engine->failure.summary);
  if (engine->failure.detail)
    pie_engine_log(engine, PIE_LOG_ERROR, engine->failure.detail);
  return NULL;
}

bool pie_guest_get(struct pie_world *home, PyObject *name, int limit, struct pie_world **out,
                   struct pie_failure *failure) {
  struct pie_engine *engine = home->engine;
  const struct pie_failure *why = &bad_name;
  Py_ssize_t n = 0;
  const char *text = name == Py_None ? "" : PyUnicode_AsUTF8AndSize(name, &n);
  struct pie_world *found = NULL;
  char copy[NAME_MAX_BYTES];
  PyErr_Clear();
  if (text && (!*text || strcmp(text, "main") == 0)) {
    *out = home;
    return true;
  }
  if (text && n < NAME_MAX_BYTES && (size_t)n == strlen(text)) {
    memcpy(copy, text, (size_t)n + 1);
    PyThreadState *state = pie_interp_release();
    pie_mutex_lock(&engine->guests_lock);
    found = ensure(engine, copy, limit, &why);
    pie_mutex_unlock(&engine->guests_lock);
    pie_interp_retake(state);
  }
  *out = found;
  if (!found)
    *failure = *why;
  return found != NULL;
}

void pie_guest_stop_all(struct pie_engine *engine) {
  pie_mutex_lock(&engine->guests_lock);
  engine->guests_stopped = true;
  for (struct pie_world *guest = engine->guests; guest; guest = guest->next_guest)
    pie_world_stop(guest);
  pie_mutex_unlock(&engine->guests_lock);
}

void pie_guest_end_all(struct pie_engine *engine, int64_t deadline) {
  for (struct pie_world *guest = engine->guests; guest; guest = guest->next_guest)
    pie_world_end(guest, deadline);
}
