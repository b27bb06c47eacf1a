/* SPDX-License-Identifier: Apache-2.0
 *
 * How long a client is waited for. Each pause has a limit of its own (body-timeout, write-timeout);
 * a client that moves a byte just within it is stopped by the setting least-rate. The rate is
 * counted over the time in which a thread waits for the client, never over what the application
 * needs: what is moved earns time, and waiting spends it.
 */
#include "base/error.h"
#include "host/host.h"

enum {
  GRACE_MS = 5000,  /* that each client has from the beginning */
  SAVED_MAX_S = 60, /* of what a fast one earns beyond that: it must not last for hours */
  LOOK_MS = 500,    /* between two looks at what a client has taken, */
  CANCEL_LOOK_MS = 20
};

static int64_t setting(const struct pie_exchange *x, enum pie_setting_id id) {
  return x->conn->worker->settings->number[id];
}

static int64_t lesser(int64_t a, int64_t b) { return a < b ? a : b; }

void pie_pace_earn(struct pie_exchange *x, struct pie_pace *pace, int64_t bytes) {
  int64_t rate = setting(x, PIE_SET_LEAST_RATE), saved_max = SAVED_MAX_S * INT64_C(1000000);
  if (rate)
    pace->saved_us = lesser(pace->saved_us + bytes * 1000000 / rate, saved_max);
}

/* How long the client may still be waited for. */
static int64_t left_ms(const struct pie_pace *pace) {
  int64_t left = GRACE_MS + pace->saved_us / 1000;
  return left > 0 ? left : 0;
}

/* On IIS an operation can be cancelled: the wait is cut into short ones. -PIE_EAGAIN: it was. */
static int wait_for_socket(struct pie_exchange *x, bool to_write, int64_t ms) {
  bool in_pieces = x->conn->worker->iis && atomic_load(&x->io_active);
  for (;;) {
    int64_t piece = in_pieces && (ms < 0 || ms > CANCEL_LOOK_MS) ? CANCEL_LOOK_MS : ms;
    int err = pie_socket_wait(x->conn->socket, to_write, (int)piece);
    if (err != -PIE_ETIMEOUT || piece == ms)
      return err;
    if (atomic_load(&x->cancelled))
      return -PIE_EAGAIN;
    ms -= ms < 0 ? 0 : piece;
  }
}

/* Less than 0: for ever. */
static int wait_once(struct pie_exchange *x, struct pie_pace *pace, bool to_write, int64_t ms) {
  int64_t began = pie_clock_us();
  atomic_store(&x->waiting, true); /* before the look: who breaks it off looks after it */
  int err = x->broken ? -PIE_EGONE : wait_for_socket(x, to_write, ms);
  atomic_store(&x->waiting, false);
  pace->saved_us -= pie_clock_us() - began;
  return err;
}

int pie_pace_wait_for_body(struct pie_exchange *x) {
  int64_t pause = setting(x, PIE_SET_BODY_TIMEOUT), ms = pause ? pause : -1;
  if (setting(x, PIE_SET_LEAST_RATE))
    ms = lesser(pause ? pause : INT32_MAX, left_ms(&x->body_pace));
  return wait_once(x, &x->body_pace, false, lesser(ms, INT32_MAX));
}

/* Whether the client has taken something since the last look. It may take much before the system
 * finds that there is room to write again. */
static bool takes(struct pie_exchange *x) {
  struct pie_pace *pace = &x->pace;
  int64_t untaken = pie_socket_untaken(x->conn->socket);
  int64_t taken = pace->untaken - untaken;
  if (untaken < 0)
    return false;
  pace->untaken = untaken;
  if (taken > 0)
    pie_pace_earn(x, pace, taken);
  return taken > 0;
}

/* A Unix socket's other end is a proxy, whose own pieces are too big to be judged by, and some
 * systems do not tell what has been taken: there write-timeout counts alone. */
static bool is_judged(const struct pie_exchange *x) {
  return setting(x, PIE_SET_LEAST_RATE) && !x->conn->is_local &&
         pie_socket_untaken(x->conn->socket) >= 0;
}

/* In short waits, with a look between them at what the client has taken. */
int pie_pace_wait_for_room(struct pie_exchange *x) {
  int64_t pause = setting(x, PIE_SET_WRITE_TIMEOUT);
  bool judged = is_judged(x);
  int64_t taken_at = pie_clock_ms();
  takes(x); /* what it took while nobody waited for it */
  for (;;) {
    int64_t ms = pause ? taken_at + pause - pie_clock_ms() : INT32_MAX;
    if (judged)
      ms = lesser(ms, left_ms(&x->pace));
    if (ms <= 0)
      return -PIE_ETIMEOUT;
    int err = wait_once(x, &x->pace, true, lesser(ms, LOOK_MS));
    if (err != -PIE_ETIMEOUT)
      return err;
    if (takes(x))
      taken_at = pie_clock_ms();
  }
}
