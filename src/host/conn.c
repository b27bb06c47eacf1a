/* SPDX-License-Identifier: Apache-2.0
 *
 * A connection on the loop thread: reading, parsing, time limits, closing.
 */
#include "base/check.h"
#include "base/error.h"
#include "host/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEEP_MEMORY = 16 * 1024, FIRST_REQUEST_MS = 1000 /* while the worker stops */ };

static void on_written(uv_write_t *request, int status);

static int64_t setting(struct pie_conn *conn, enum pie_setting_id id) {
  return conn->worker->settings->number[id];
}

struct pie_conn *pie_conn_new(struct pie_worker *worker) {
  struct pie_conn *conn = calloc(1, sizeof *conn);
  if (!conn)
    return NULL;
  conn->worker = worker;
  conn->socket = -1;
  pie_buf_init(&conn->input, PIE_INPUT_MAX + PIE_READ_SIZE);
  pie_buf_init(&conn->out, PIE_RESPONSE_HEAD_LIMIT + PIE_INPUT_MAX);
  pie_exchange_init(&conn->exchange, conn);
  pie_http_init(&conn->parser, &worker->limits, pie_exchange_on_body, &conn->exchange);
  return conn;
}

void pie_conn_free(struct pie_conn *conn) {
  pie_http_free(&conn->parser);
  pie_exchange_free(&conn->exchange);
  pie_buf_free(&conn->input);
  pie_buf_free(&conn->out);
  free(conn);
}

/* ---- closing ---- */

static void on_handle_closed(uv_handle_t *handle) {
  struct pie_conn *conn = handle->data;
  struct pie_worker *worker = conn->worker;
  if (--conn->handles)
    return;
  if (conn->previous)
    conn->previous->next = conn->next;
  else
    worker->conns = conn->next;
  if (conn->next)
    conn->next->previous = conn->previous;
  worker->conn_count--;
  pie_conn_free(conn);
  pie_worker_conn_gone(worker);
}

void pie_conn_close(struct pie_conn *conn) {
  if (conn->phase == PIE_CONN_CLOSING)
    return;
  PIE_CHECK(atomic_load(&conn->exchange.state) != PIE_X_RUNNING);
  conn->phase = PIE_CONN_CLOSING;
  uv_close(&conn->uv.handle, on_handle_closed);
  uv_close((uv_handle_t *)&conn->timer, on_handle_closed);
}

/* A mere end would look like the end of a body that has no length. */
void pie_conn_abort(struct pie_conn *conn) {
  if (conn->is_local || conn->phase == PIE_CONN_CLOSING) {
    pie_conn_close(conn);
    return;
  }
  conn->phase = PIE_CONN_CLOSING;
  if (uv_tcp_close_reset(&conn->uv.tcp, on_handle_closed))
    uv_close(&conn->uv.handle, on_handle_closed);
  uv_close((uv_handle_t *)&conn->timer, on_handle_closed);
}

static void on_shutdown(uv_shutdown_t *request, int status) {
  (void)status;
  free(request);
}

/* What is held leaves now, or as soon as the client makes room, by way of libuv. */
static int write_held(struct pie_conn *conn) {
  int err = pie_output_flush(conn);
  if (err != -PIE_EAGAIN)
    return err;
  uv_buf_t rest = uv_buf_init(conn->out.p, (unsigned)conn->out.n);
  conn->write.data = conn;
  conn->writing = uv_write(&conn->write, &conn->uv.stream, &rest, 1, on_written) == 0;
  return conn->writing ? 0 : -PIE_EGONE;
}

/* Closing at once could destroy what the client has not read yet (RFC 9112, 9.6). An answer is
 * still held when the worker began to stop after that. */
void pie_conn_linger(struct pie_conn *conn) {
  uv_shutdown_t *request = malloc(sizeof *request);
  int err = write_held(conn);
  atomic_store(&conn->exchange.state, PIE_X_DONE);
  conn->phase = PIE_CONN_LINGER;
  bool over = err || (conn->eof && !conn->writing);
  if (over || !request || uv_shutdown(request, &conn->uv.stream, on_shutdown)) {
    free(request);
    pie_conn_close(conn);
    return;
  }
  pie_buf_clear(&conn->input);
  pie_conn_deadline(conn, conn->writing ? setting(conn, PIE_SET_WRITE_TIMEOUT) : PIE_LINGER_MS);
  pie_conn_read_more(conn);
}

void pie_conn_stop(struct pie_conn *conn) {
  if (conn->phase == PIE_CONN_IDLE && !conn->had_request && !conn->worker->forced)
    pie_conn_deadline(conn, FIRST_REQUEST_MS); /* it is on its way, surely */
  else if (conn->phase == PIE_CONN_IDLE ||
           (conn->worker->forced && conn->phase != PIE_CONN_RUNNING))
    pie_conn_close(conn);
  else if (conn->worker->forced)
    pie_socket_shutdown(conn->socket);
}

void pie_conn_refuse(struct pie_conn *conn, int status, const char *text) {
  pie_output_refusal(&conn->exchange, status, text);
  pie_access_log(&conn->exchange);
  pie_conn_linger(conn);
}

/* ---- time ---- */

static void expire(struct pie_conn *conn) {
  if (conn->phase == PIE_CONN_HEAD && !conn->writing)
    pie_conn_refuse(conn, 408, "The request did not come within the setting header-timeout.");
  else if (conn->phase != PIE_CONN_RUNNING)
    pie_conn_close(conn);
}

static void on_timer(uv_timer_t *timer);

static void arm(struct pie_conn *conn) {
  int64_t left = conn->deadline - (int64_t)uv_now(&conn->worker->loop);
  conn->timer_due = conn->deadline;
  uv_timer_start(&conn->timer, on_timer, left > 0 ? (uint64_t)left : 0, 0);
}

static void on_timer(uv_timer_t *timer) {
  struct pie_conn *conn = timer->data;
  conn->timer_due = 0;
  if (!conn->deadline)
    return;
  if (conn->deadline > (int64_t)uv_now(&conn->worker->loop))
    arm(conn);
  else
    expire(conn);
}

/* The timer is armed anew only when it fires, or for an earlier time: most deadlines are replaced
 * long before. */
void pie_conn_deadline(struct pie_conn *conn, int64_t timeout_ms) {
  conn->deadline = timeout_ms ? (int64_t)uv_now(&conn->worker->loop) + timeout_ms : 0;
  if (conn->deadline && (!conn->timer_due || conn->deadline < conn->timer_due))
    arm(conn);
}

/* ---- reading ---- */

static void parse(struct pie_conn *conn);

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
  struct pie_conn *conn = handle->data;
  (void)suggested;
  *out = uv_buf_init(conn->worker->read_buffer, PIE_READ_SIZE);
}

static void stop_reading(struct pie_conn *conn) {
  uv_read_stop(&conn->uv.stream);
  conn->reading = false;
}

static void on_end(struct pie_conn *conn) {
  conn->eof = true;
  stop_reading(conn);
  if (conn->phase != PIE_CONN_RUNNING && !conn->writing)
    pie_conn_close(conn);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
  struct pie_conn *conn = stream->data;
  if (n < 0) {
    on_end(conn);
    return;
  }
  if (n == 0 || conn->phase == PIE_CONN_LINGER || conn->phase == PIE_CONN_CLOSING)
    return;
  if (pie_buf_append(&conn->input, buf->base, (size_t)n)) {
    if (conn->phase == PIE_CONN_RUNNING) { /* the extension has it: it ends after this request */
      conn->eof = true;
      stop_reading(conn);
    } else {
      pie_conn_refuse(conn, 503, "Out of memory.");
    }
    return;
  }
  if (conn->phase != PIE_CONN_RUNNING)
    parse(conn);
  if (conn->input.n >= PIE_INPUT_MAX && conn->phase != PIE_CONN_CLOSING)
    stop_reading(conn);
}

void pie_conn_read_more(struct pie_conn *conn) {
  bool full = conn->input.n >= PIE_INPUT_MAX;
  if (conn->reading || conn->eof || full || conn->phase == PIE_CONN_CLOSING)
    return;
  conn->reading = uv_read_start(&conn->uv.stream, on_alloc, on_read) == 0;
}

/* ---- parsing ---- */

/* The head is complete; so may be the body, in part or as a whole. */
static void begin(struct pie_conn *conn) {
  size_t used = 0, ahead = conn->input.n < PIE_AHEAD_MAX ? conn->input.n : PIE_AHEAD_MAX;
  enum pie_http_event event = pie_http_feed(&conn->parser, conn->input.p, ahead, &used);
  pie_buf_consume(&conn->input, used);
  if (event == PIE_HTTP_BAD) {
    pie_conn_refuse(conn, conn->parser.status, conn->parser.reason);
    return;
  }
  conn->exchange.body_complete = event == PIE_HTTP_END;
  conn->exchange.more_came = event == PIE_HTTP_END && conn->input.n;
  conn->phase = PIE_CONN_RUNNING;
  conn->had_request = true;
  pie_conn_deadline(conn, 0);
  if (!conn->exchange.body_complete)
    stop_reading(conn); /* the extension's thread reads the rest itself */
  pie_exchange_begin(&conn->exchange);
}

static bool expects_bytes(const struct pie_conn *conn) {
  return !conn->writing && (conn->phase == PIE_CONN_IDLE || conn->phase == PIE_CONN_HEAD);
}

static void on_written(uv_write_t *request, int status) {
  struct pie_conn *conn = request->data;
  conn->writing = false;
  pie_buf_clear(&conn->out);
  if (conn->phase == PIE_CONN_CLOSING)
    return;
  bool lingers = conn->phase == PIE_CONN_LINGER;
  if (status || (lingers && conn->eof)) {
    pie_conn_close(conn);
    return;
  }
  pie_conn_deadline(conn, lingers ? PIE_LINGER_MS : setting(conn, PIE_SET_KEEPALIVE_TIMEOUT));
  if (lingers)
    return;
  pie_conn_read_more(conn);
  parse(conn);
}

/* While a client does not take what is held, no further request of its is begun. */
void pie_conn_flush(struct pie_conn *conn) {
  if (write_held(conn)) {
    pie_conn_close(conn);
    return;
  }
  if (!conn->writing)
    return;
  stop_reading(conn);
  pie_conn_deadline(conn, setting(conn, PIE_SET_WRITE_TIMEOUT));
}

/* Empty lines before a request are skipped (RFC 9112, 2.2); llhttp does that, but they must not
 * count as a request that has begun. */
static void skip_empty_lines(struct pie_conn *conn) {
  size_t n = 0;
  while (conn->phase == PIE_CONN_IDLE && n + 1 < conn->input.n && conn->input.p[n] == '\r' &&
         conn->input.p[n + 1] == '\n')
    n += 2;
  pie_buf_consume(&conn->input, n);
}

static void parse(struct pie_conn *conn) {
  if (conn->parsing)
    return;
  conn->parsing = true;
  while (expects_bytes(conn)) {
    skip_empty_lines(conn);
    if (!conn->input.n)
      break;
    if (conn->phase == PIE_CONN_IDLE) {
      conn->phase = PIE_CONN_HEAD;
      pie_conn_deadline(conn, setting(conn, PIE_SET_HEADER_TIMEOUT));
    }
    size_t used = 0;
    enum pie_http_event event = pie_http_feed(&conn->parser, conn->input.p, conn->input.n, &used);
    pie_buf_consume(&conn->input, used);
    if (event == PIE_HTTP_BAD)
      pie_conn_refuse(conn, conn->parser.status, conn->parser.reason);
    else if (event == PIE_HTTP_HEADERS)
      begin(conn);
    else
      PIE_CHECK(!conn->input.n);
  }
  conn->parsing = false;
  if (conn->out.n && expects_bytes(conn) && !pie_loop_hold(conn))
    pie_conn_flush(conn);
  if (conn->eof && expects_bytes(conn))
    pie_conn_close(conn); /* what is incomplete now stays so */
}

static void drop_memory(struct pie_buf *buf) {
  if (!buf->n && buf->capacity > KEEP_MEMORY)
    pie_buf_free(buf);
}

void pie_conn_next(struct pie_conn *conn) {
  pie_http_next(&conn->parser);
  conn->phase = PIE_CONN_IDLE;
  drop_memory(&conn->input);
  drop_memory(&conn->exchange.ahead);
  drop_memory(&conn->exchange.body);
  drop_memory(&conn->out);
  pie_conn_deadline(conn, setting(conn, PIE_SET_KEEPALIVE_TIMEOUT));
  pie_conn_read_more(conn);
  parse(conn);
}

/* ---- accepting ---- */

static void describe_side(const struct sockaddr_storage *address, char *host, size_t n,
                          char *port) {
  const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
  const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
  bool is_v6 = address->ss_family == AF_INET6;
  if (is_v6)
    uv_ip6_name(v6, host, n);
  else
    uv_ip4_name(v4, host, n);
  snprintf(port, 8, "%d", ntohs(is_v6 ? v6->sin6_port : v4->sin_port));
}

static void describe_peers(struct pie_conn *conn) {
  struct sockaddr_storage address;
  int size = sizeof address;
  if (conn->is_local)
    return;
  if (uv_tcp_getpeername(&conn->uv.tcp, (struct sockaddr *)&address, &size) == 0)
    describe_side(&address, conn->remote_addr, sizeof conn->remote_addr, conn->remote_port);
  size = sizeof address;
  if (uv_tcp_getsockname(&conn->uv.tcp, (struct sockaddr *)&address, &size) == 0)
    describe_side(&address, conn->local_addr, sizeof conn->local_addr, conn->local_port);
}

static void link_conn(struct pie_conn *conn) {
  struct pie_worker *worker = conn->worker;
  conn->next = worker->conns;
  if (conn->next)
    conn->next->previous = conn;
  worker->conns = conn;
}

/* A connection of this loop without a socket; the worker has counted it. NULL: out of memory, and
 * not counted any more. */
static struct pie_conn *conn_open(struct pie_worker *worker, bool is_local) {
  struct pie_conn *conn = pie_conn_new(worker);
  if (!conn) {
    worker->conn_count--;
    return NULL;
  }
  conn->is_local = is_local;
  int err = is_local ? uv_pipe_init(&worker->loop, &conn->uv.pipe, 0)
                     : uv_tcp_init(&worker->loop, &conn->uv.tcp);
  PIE_CHECK(!err);
  uv_timer_init(&worker->loop, &conn->timer);
  conn->handles = 2;
  conn->uv.handle.data = conn->timer.data = conn;
  link_conn(conn);
  return conn;
}

static void conn_start(struct pie_conn *conn) {
  uv_os_fd_t fd;
  if (uv_fileno(&conn->uv.handle, &fd)) {
    pie_conn_close(conn);
    return;
  }
  conn->socket = (pie_socket)fd;
  if (!conn->is_local)
    uv_tcp_nodelay(&conn->uv.tcp, 1);
  describe_peers(conn);
  pie_conn_deadline(conn, setting(conn, PIE_SET_HEADER_TIMEOUT));
  pie_conn_read_more(conn);
}

static void on_passed(uv_handle_t *handle) { free(handle); }

/* To another loop, by way of a handle that lives for this moment only. */
static void accept_for(struct pie_listener *listener, struct pie_worker *worker) {
  uv_os_fd_t fd;
  struct pie_arrival arrival = {.socket = -1, .is_local = listener->is_local};
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  } *passing = calloc(1, sizeof *passing);
  if (!passing) {
    listener->waiting = true;
    return;
  }
  int err = arrival.is_local ? uv_pipe_init(&listener->worker->loop, &passing->pipe, 0)
                             : uv_tcp_init(&listener->worker->loop, &passing->tcp);
  PIE_CHECK(!err);
  if (uv_accept(&listener->uv.stream, &passing->stream) == 0 &&
      uv_fileno(&passing->handle, &fd) == 0)
    arrival.socket = pie_socket_duplicate((pie_socket)fd);
  if (arrival.socket != -1 && pie_loops_pass(worker, arrival))
    pie_socket_close(arrival.socket);
  uv_close(&passing->handle, on_passed);
}

void pie_conn_accept(struct pie_listener *listener) {
  struct pie_worker *worker = pie_loops_choose(listener->worker);
  if (worker != listener->worker) {
    accept_for(listener, worker);
    return;
  }
  worker->conn_count++;
  struct pie_conn *conn = conn_open(worker, listener->is_local);
  if (!conn)
    listener->waiting = true; /* until another connection ends */
  else if (uv_accept(&listener->uv.stream, &conn->uv.stream))
    pie_conn_close(conn);
  else
    conn_start(conn);
}

void pie_conn_arrive(struct pie_worker *worker, const struct pie_arrival *arrival) {
  struct pie_conn *conn = conn_open(worker, arrival->is_local);
  int err = !conn               ? UV_ENOMEM
            : arrival->is_local ? uv_pipe_open(&conn->uv.pipe, (uv_file)arrival->socket)
                                : uv_tcp_open(&conn->uv.tcp, (uv_os_sock_t)arrival->socket);
  if (err)
    pie_socket_close(arrival->socket);
  if (conn && err)
    pie_conn_close(conn);
  else if (conn)
    conn_start(conn);
}
