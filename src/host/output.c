/* SPDX-License-Identifier: Apache-2.0
 *
 * Response bytes, written by the thread that owns the exchange.
 *
 * Bytes may be held in conn->out, so that the answers to pipelined requests, and the pieces of a
 * response, leave together; they always leave before what is written later. Whoever touches them
 * has set conn->out_busy. Others than the owner of the exchange only try to, and never wait: so the
 * owner never waits long.
 */
#include "base/error.h"
#include "host/host.h"

#include <string.h>

enum {
  FILE_PIECE = 1024 * 1024,
  TRY_PIECE = 64 * 1024, /* at once, of a file, */
  TRY_PIECES = 4,        /* so often */
  COPY_PIECE = 32 * 1024,
  JOIN_MAX = 8 * 1024, /* a smaller piece is copied behind what is held */
  HOLD_MAX = 48 * 1024
};

static bool try_begin(struct pie_conn *conn) {
  return !atomic_exchange_explicit(&conn->out_busy, true, memory_order_acquire);
}

static void begin(struct pie_conn *conn) {
  while (!try_begin(conn))
    pie_thread_yield();
}

static void end(struct pie_conn *conn) {
  atomic_store_explicit(&conn->out_busy, false, memory_order_release);
}

/* ---- all of these between begin and end ---- */

/* On the loop thread nothing may wait: a client that takes nothing of a short answer loses it. */
static int wait_for_room(struct pie_exchange *x) {
  int err =
      pie_loop_may_block(x) ? pie_pace_wait_for_room(x) : pie_socket_wait(x->conn->socket, true, 0);
  return err ? -PIE_EGONE : 0;
}

static int broken(struct pie_exchange *x) {
  atomic_store(&x->broken, true);
  return -PIE_EGONE;
}

static int send_all(struct pie_exchange *x, struct pie_span *spans, size_t count) {
  while (count) {
    if (x->broken)
      return -PIE_EGONE;
    int64_t sent = pie_socket_send(x->conn->socket, spans, count);
    if (sent == -PIE_EAGAIN && wait_for_room(x) == 0)
      continue;
    if (sent < 0)
      return broken(x);
    x->pace.untaken += sent;
    while (count && (size_t)sent >= spans->n) {
      sent -= (int64_t)spans->n;
      spans++;
      count--;
    }
    if (count) {
      spans->p = (const char *)spans->p + sent;
      spans->n -= (size_t)sent;
    }
  }
  return 0;
}

static int send_held(struct pie_exchange *x) {
  struct pie_buf *out = &x->conn->out;
  struct pie_span span = {out->p, out->n};
  int err = out->n ? send_all(x, &span, 1) : 0;
  pie_buf_clear(out);
  return err;
}

/* For files that the system cannot send by itself. */
static int copy_file(struct pie_exchange *x, intptr_t file, uint64_t offset, uint64_t length) {
  char piece[COPY_PIECE];
  while (length) {
    size_t n = length < sizeof piece ? (size_t)length : sizeof piece;
    int64_t got = pie_file_read_at(file, offset, piece, n);
    struct pie_span span = {piece, got > 0 ? (size_t)got : 0};
    if (got <= 0 || send_all(x, &span, 1))
      return broken(x);
    offset += (uint64_t)got;
    length -= (uint64_t)got;
  }
  return 0;
}

static int send_file(struct pie_exchange *x, intptr_t file, uint64_t offset, uint64_t length) {
  int err = send_held(x);
  while (length && !err) {
    if (x->broken)
      return -PIE_EGONE;
    size_t n = length < FILE_PIECE ? (size_t)length : FILE_PIECE;
    int64_t sent = pie_socket_send_file(x->conn->socket, file, offset, n);
    if (sent == -PIE_EAGAIN && wait_for_room(x) == 0)
      continue;
    if (sent == -PIE_ENOTSUP)
      return copy_file(x, file, offset, length);
    if (sent < 0)
      return broken(x);
    x->pace.untaken += sent;
    offset += (uint64_t)sent;
    length -= (uint64_t)sent;
  }
  return err;
}

/* What the client takes at once. */
static int try_held(struct pie_exchange *x) {
  struct pie_buf *out = &x->conn->out;
  struct pie_span span = {out->p, out->n};
  int64_t sent = out->n ? pie_socket_send(x->conn->socket, &span, 1) : 0;
  if (sent > 0) {
    x->pace.untaken += sent;
    pie_buf_consume(out, (size_t)sent);
  }
  return sent < 0 ? (int)sent : out->n ? -PIE_EAGAIN : 0;
}

static int try_file(struct pie_exchange *x, intptr_t file, uint64_t *offset, uint64_t *length) {
  int err = try_held(x);
  for (int piece = 0; *length && !err; piece++) {
    size_t n = *length < TRY_PIECE ? (size_t)*length : TRY_PIECE;
    int64_t sent =
        piece < TRY_PIECES ? pie_socket_send_file(x->conn->socket, file, *offset, n) : -PIE_EAGAIN;
    if (sent < 0) {
      err = sent == -PIE_ENOTSUP ? -PIE_EAGAIN : (int)sent;
    } else {
      x->pace.untaken += sent;
      *offset += (uint64_t)sent;
      *length -= (uint64_t)sent;
    }
  }
  return err == 0 || err == -PIE_EAGAIN ? err : broken(x);
}

/* ---- whole writes ---- */

int pie_output_spans(struct pie_exchange *x, struct pie_span *spans, size_t count) {
  begin(x->conn);
  int err = send_held(x);
  err = err ? err : send_all(x, spans, count);
  end(x->conn);
  return err;
}

int pie_output_file(struct pie_exchange *x, intptr_t file, uint64_t offset, uint64_t length) {
  begin(x->conn);
  int err = send_file(x, file, offset, length);
  end(x->conn);
  return err;
}

/* ---- a write in parts ---- */

struct pie_buf *pie_output_open(struct pie_exchange *x) {
  begin(x->conn);
  return &x->conn->out;
}

int pie_output_add(struct pie_exchange *x, struct pie_span part) {
  struct pie_buf *out = &x->conn->out;
  if (part.n <= JOIN_MAX && out->n + part.n <= HOLD_MAX)
    return pie_buf_append(out, part.p, part.n);
  struct pie_span spans[] = {{out->p, out->n}, part};
  size_t skip = out->n ? 0 : 1;
  int err = send_all(x, spans + skip, 2 - skip);
  pie_buf_clear(out);
  return err;
}

int pie_output_add_file(struct pie_exchange *x, intptr_t file, uint64_t offset, uint64_t length) {
  return send_file(x, file, offset, length);
}

int pie_output_try_file(struct pie_exchange *x, intptr_t file, uint64_t *offset, uint64_t *length) {
  int err = x->broken ? -PIE_EGONE : try_file(x, file, offset, length);
  end(x->conn);
  return err;
}

/* Further requests are there already, of the same connection or of others, and are run next, on
 * this very thread. What has been read since is not looked at: whoever takes the loop adds to it.
 * Many small answers in a row cost less than one at a time: the system's code stays in the cache,
 * and a client is woken once for all of its answers. */
static bool may_hold(struct pie_exchange *x) {
  struct pie_conn *conn = x->conn;
  if (conn->out.n > HOLD_MAX / 2 || !conn->parser.keep_alive || x->wants_close ||
      !pie_loop_has_loop(x))
    return false;
  return x->more_came || x->others_came;
}

/* A piece of a response may wait for the next one while the thread that makes them still has the
 * loop: when that lasts the monitor sends what is held. So nothing is delayed for longer than the
 * monitor takes to look, whatever the application does (PEP 3333, "Buffering and Streaming"). */
static bool may_hold_piece(struct pie_exchange *x) {
  return x->conn->out.n <= HOLD_MAX / 2 && pie_loop_has_loop(x);
}

/* IIS keeps a response until it is whole or large, if the extension does not ask for the contrary.
 */
static bool iis_holds(struct pie_exchange *x) {
  return x->conn->worker->iis && !x->flushes && x->conn->out.n <= HOLD_MAX;
}

int pie_output_close(struct pie_exchange *x, bool response_is_whole) {
  if (!response_is_whole && iis_holds(x)) {
    end(x->conn);
    return 0;
  }
  bool hold = response_is_whole ? may_hold(x) : may_hold_piece(x);
  int err = hold ? 0 : send_held(x);
  end(x->conn);
  if (hold && !pie_loop_has_loop(x))
    pie_output_flush(x->conn); /* it was taken meanwhile, and the taker could not flush */
  return err;
}

int pie_output_flush(struct pie_conn *conn) {
  if (!try_begin(conn))
    return -PIE_EAGAIN; /* the owner of the exchange writes, and these bytes first */
  struct pie_span span = {conn->out.p, conn->out.n};
  int64_t sent = span.n ? pie_socket_send(conn->socket, &span, 1) : 0;
  if (sent > 0)
    pie_buf_consume(&conn->out, (size_t)sent);
  int err = sent < 0 && sent != -PIE_EAGAIN ? -PIE_EGONE : conn->out.n ? -PIE_EAGAIN : 0;
  end(conn);
  return err;
}
