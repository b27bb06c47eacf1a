/* SPDX-License-Identifier: Apache-2.0
 *
 * The request body, read by the thread that owns the exchange: what the loop had read already,
 * then the socket itself.
 */
#include "base/check.h"
#include "base/error.h"
#include "host/host.h"

#include <string.h>

enum { PIECE = 32 * 1024 };

int pie_exchange_on_body(void *context, const char *bytes, size_t n) {
  struct pie_exchange *x = context;
  if (x->body_direct)
    return 0; /* it is where it belongs */
  return pie_buf_append(&x->body, bytes, n) ? 503 : 0;
}

static int failed(struct pie_exchange *x) {
  x->body_failed = true;
  x->wants_close = true;
  return -PIE_EGONE;
}

/* Parses what is in conn->input, as far as the window allows. */
static int parse_input(struct pie_exchange *x) {
  struct pie_conn *conn = x->conn;
  size_t used = 0, n = conn->input.n;
  enum pie_http_event event = pie_http_feed(&conn->parser, conn->input.p, n, &used);
  pie_buf_consume(&conn->input, used);
  if (event == PIE_HTTP_BAD) {
    if (!x->head_sent)
      pie_output_refusal(x, conn->parser.status, conn->parser.reason);
    return failed(x);
  }
  x->body_complete = event == PIE_HTTP_END;
  return 0;
}

/* From the socket: number of bytes, at least one, or a negative error. */
static int64_t receive(struct pie_exchange *x, void *out, size_t n) {
  for (;;) {
    if (x->broken)
      return failed(x);
    int64_t got = pie_socket_recv(x->conn->socket, out, n);
    if (got > 0) {
      pie_pace_earn(x, &x->body_pace, got);
      return got;
    }
    if (got != -PIE_EAGAIN || !pie_loop_may_block(x))
      return failed(x);
    int err = pie_pace_wait_for_body(x);
    if (err == -PIE_EAGAIN)
      return err; /* cancelled: the body can still be read */
    if (err)
      return failed(x);
  }
}

/* One more piece for the parser. */
static int receive_piece(struct pie_exchange *x) {
  struct pie_buf *input = &x->conn->input;
  if (pie_buf_reserve(input, PIECE))
    return failed(x);
  int64_t got = receive(x, input->p + input->n, PIECE);
  if (got < 0)
    return (int)got;
  input->n += (size_t)got;
  return 0;
}

/* How much of a body that is not chunked is still in the socket; 0: it is chunked, or not asked for
 * yet, or some of it has been read already. */
static size_t left_in_socket(const struct pie_exchange *x) {
  const struct pie_conn *conn = x->conn;
  int64_t length = conn->parser.content_length;
  if (conn->parser.chunked || length < 0 || conn->input.n || x->needs_continue)
    return 0;
  return length > x->body_taken ? (size_t)(length - x->body_taken) : 0;
}

/* Large reads go past the buffers; the parser only counts. */
static int64_t receive_direct(struct pie_exchange *x, void *out, size_t n) {
  size_t used = 0;
  int64_t got = receive(x, out, n);
  if (got < 0)
    return got;
  x->body_direct = true;
  enum pie_http_event event = pie_http_feed(&x->conn->parser, out, (size_t)got, &used);
  x->body_direct = false;
  PIE_CHECK(used == (size_t)got && event != PIE_HTTP_BAD);
  x->body_complete = event == PIE_HTTP_END;
  x->body_taken += got;
  return got;
}

static int send_continue(struct pie_exchange *x) {
  static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
  struct pie_span span = {text, sizeof text - 1};
  x->needs_continue = false;
  return x->head_sent ? 0 : pie_output_spans(x, &span, 1);
}

int64_t pie_body_read(struct pie_exchange *x, void *out, size_t n) {
  struct pie_conn *conn = x->conn;
  while (x->body_at == x->body.n && !x->body_complete) {
    if (x->body_failed)
      return -PIE_EGONE;
    pie_buf_clear(&x->body);
    x->body_at = 0;
    size_t left = left_in_socket(x);
    if (left && n >= PIECE)
      return receive_direct(x, out, n < left ? n : left);
    int err = 0;
    if (!conn->input.n) {
      if (x->needs_continue)
        err = send_continue(x);
      err = err ? err : receive_piece(x);
    }
    err = err ? err : parse_input(x);
    if (err)
      return err == -PIE_EAGAIN ? err : -PIE_EGONE;
  }
  size_t have = x->body.n - x->body_at;
  if (n > have)
    n = have;
  if (n)
    memcpy(out, x->body.p + x->body_at, n);
  x->body_at += n;
  x->body_taken += (int64_t)n;
  return (int64_t)n;
}
