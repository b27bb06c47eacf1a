/* SPDX-License-Identifier: Apache-2.0
 *
 * One request through the extension and back. All of it runs on the loop thread, but for
 * pie_exchange_finished.
 */
#include "base/check.h"
#include "base/error.h"
#include "host/host.h"

#include <stdlib.h>
#include <string.h>

enum { IOS_RETURNED = 1 << 20 /* in pie_ios.running */ };

void pie_exchange_init(struct pie_exchange *x, struct pie_conn *conn) {
  *x = (struct pie_exchange){.conn = conn, .declared = -1};
  pie_arena_init(&x->arena, PIE_ARENA_MAX);
  pie_buf_init(&x->ahead, PIE_BODY_WINDOW);
  pie_buf_init(&x->body, PIE_BODY_WINDOW);
  pie_buf_init(&x->held_status, PIE_RESPONSE_HEAD_LIMIT);
  pie_buf_init(&x->held_headers, PIE_RESPONSE_HEAD_LIMIT);
}

static void drop_ios(struct pie_ios *ios) {
  if (ios && atomic_fetch_sub(&ios->holders, 1) == 1)
    free(ios);
}

void pie_exchange_free(struct pie_exchange *x) {
  drop_ios(x->ios);
  pie_arena_free(&x->arena);
  pie_buf_free(&x->ahead);
  pie_buf_free(&x->body);
  pie_buf_free(&x->held_status);
  pie_buf_free(&x->held_headers);
}

static void reset(struct pie_exchange *x) {
  struct pie_arena arena = x->arena;
  struct pie_buf ahead = x->ahead, body = x->body;
  struct pie_buf held_status = x->held_status, held_headers = x->held_headers;
  struct pie_conn *conn = x->conn;
  drop_ios(x->ios);
  pie_arena_reset(&arena);
  pie_buf_clear(&ahead);
  pie_buf_clear(&body);
  pie_buf_clear(&held_status);
  pie_buf_clear(&held_headers);
  *x = (struct pie_exchange){.conn = conn,
                             .declared = -1,
                             .arena = arena,
                             .ahead = ahead,
                             .body = body,
                             .held_status = held_status,
                             .held_headers = held_headers};
}

/* The path, decoded and without dot segments, as IIS and httpd hand it over. */
static struct pie_str decode_path(struct pie_exchange *x) {
  struct pie_str encoded = x->conn->parser.path;
  char *out = pie_arena_alloc(&x->arena, encoded.n + 1);
  if (!out)
    return (struct pie_str){NULL, 0};
  size_t n = pie_str_percent_decode(encoded, out);
  for (size_t i = 0; x->conn->worker->iis && i < n; i++)
    out[i] = out[i] == '\\' ? '/' : out[i]; /* as HTTP.sys does before IIS sees it */
  if (n && out[0] == '/')
    n = pie_str_remove_dots(out, n);
  out[n] = '\0';
  return (struct pie_str){out, n};
}

/* A name ".." beside a backslash, which would lead upwards where that separates names. */
static bool leads_upwards(struct pie_str path) {
  while (pie_path_has_backslash && path.n) {
    struct pie_str segment = pie_str_cut(&path, '/');
    bool several = memchr(segment.p, '\\', segment.n) != NULL;
    while (several && segment.n) {
      if (pie_str_equal(pie_str_cut(&segment, '\\'), PIE_STR("..")))
        return true;
    }
  }
  return false;
}

/* The authority of an absolute target replaces the Host field (RFC 9112, 3.2.2). */
static int replace_host(struct pie_http_parser *p) {
  struct pie_buf raw;
  struct pie_str unused;
  int err = 0;
  if (!pie_http_find(p, PIE_STR("Host"), &unused))
    return pie_http_add(p, PIE_STR("Host"), p->authority);
  pie_buf_init(&raw, p->raw.max);
  for (size_t i = 0; i < p->field_count && !err; i++) {
    struct pie_str name = pie_http_name(p, i);
    bool is_host = pie_str_equal_nocase(name, PIE_STR("Host"));
    struct pie_str value = is_host ? p->authority : pie_http_value(p, i);
    p->fields[i] = (struct pie_http_field){.name = (uint32_t)raw.n,
                                           .name_length = (uint32_t)name.n,
                                           .value = (uint32_t)(raw.n + name.n + 2),
                                           .value_length = (uint32_t)value.n};
    err = pie_buf_add(&raw, name);
    err = err ? err : pie_buf_adds(&raw, ": ");
    err = err ? err : pie_buf_add(&raw, value);
    err = err ? err : pie_buf_adds(&raw, "\r\n");
  }
  pie_buf_free(&p->raw);
  p->raw = raw;
  return err;
}

static int prepare(struct pie_exchange *x) {
  struct pie_http_parser *p = &x->conn->parser;
  if (x->conn->worker->apache && p->chunked)
    return 411; /* as mod_isapi does (section 9, 10) */
  if (p->authority.n && replace_host(p))
    return 503;
  x->host = p->authority;
  if (!x->host.n)
    pie_http_find(p, PIE_STR("Host"), &x->host);
  x->path = decode_path(x);
  if (!x->path.p)
    return 503;
  if (memchr(x->path.p, '\0', x->path.n) || leads_upwards(x->path))
    return 400;
  struct pie_buf ahead = x->ahead;
  x->ahead = x->body;
  x->body = ahead;
  x->body_taken = (int64_t)x->ahead.n;
  x->needs_continue = p->expects_continue && !x->ahead.n && !x->body_complete;
  pie_faults_begin(x);
  if (x->conn->worker->access)
    x->started_us = (uint64_t)pie_clock_unix_us();
  return 0;
}

/* The session has ended by DONE_WITH_SESSION already. */
static void done_and_returned(struct pie_exchange *x) {
  if (x->conn->worker->strict)
    pie_strict_breach(x->conn->worker,
                      "DONE_WITH_SESSION, but HttpExtensionProc returned not PENDING");
}

bool pie_exchange_finish(struct pie_exchange *x, uint32_t outcome) {
  int expected = PIE_X_RUNNING;
  if (!atomic_compare_exchange_strong(&x->state, &expected, PIE_X_DONE)) {
    done_and_returned(x);
    return false;
  }
  x->outcome = outcome;
  return true;
}

struct pie_ios *pie_exchange_io_begin(struct pie_exchange *x) {
  if (!x->ios && (x->ios = calloc(1, sizeof *x->ios)))
    atomic_store(&x->ios->holders, 1);
  if (!x->ios)
    return NULL;
  atomic_fetch_add(&x->ios->holders, 1);
  atomic_fetch_add(&x->ios->running, 1);
  return x->ios;
}

/* Without IOS_RETURNED the completion may have ended the session, and x may serve another one. */
void pie_exchange_io_end(struct pie_exchange *x, struct pie_ios *ios) {
  bool ends = atomic_fetch_sub(&ios->running, 1) == (IOS_RETURNED | 1);
  drop_ios(ios);
  if (ends && pie_exchange_finish(x, x->returned))
    pie_exchange_finished(x);
}

bool pie_exchange_waits(struct pie_exchange *x, uint32_t outcome) {
  if (!x->ios || atomic_load(&x->state) != PIE_X_RUNNING)
    return false;
  x->returned = outcome;
  return atomic_fetch_or(&x->ios->running, IOS_RETURNED) != 0;
}

bool pie_exchange_is_returned(const struct pie_exchange *x) {
  return x->ios && atomic_load(&x->ios->running) >= IOS_RETURNED;
}

void pie_exchange_returned(struct pie_exchange *x, uint32_t outcome) {
  struct pie_worker *worker = x->conn->worker;
  if (outcome == HSE_STATUS_PENDING) {
    if (worker->apache)
      pie_strict_breach(worker, "HSE_STATUS_PENDING where mod_isapi does not allow it");
    return;
  }
  if (!pie_exchange_waits(x, outcome) && pie_exchange_finish(x, outcome))
    pie_exchange_end(x);
}

static void run_in_thread(uv_work_t *work) {
  struct pie_exchange *x = work->data;
  x->returned = x->conn->worker->extension.proc(&x->ecb);
}

static void on_thread_returned(uv_work_t *work, int status) {
  struct pie_exchange *x = work->data;
  (void)status;
  x->in_thread = false;
  if (!x->mailed) {
    pie_exchange_returned(x, x->returned);
    return;
  }
  if (x->returned != HSE_STATUS_PENDING)
    done_and_returned(x);
  pie_exchange_end(x);
}

void pie_exchange_begin(struct pie_exchange *x) {
  int status = prepare(x);
  if (status) {
    pie_conn_refuse(x->conn, status, "The request cannot be taken.");
    return;
  }
  pie_ecb_fill(x);
  atomic_store_explicit(&x->state, PIE_X_RUNNING, memory_order_release);
  pie_loop_add(x->conn->worker, x->conn);
}

void pie_exchange_start(struct pie_exchange *x) {
  x->in_thread = true;
  x->work.data = x;
  if (uv_queue_work(&x->conn->worker->loop, &x->work, run_in_thread, on_thread_returned) == 0)
    return;
  x->in_thread = false;
  atomic_store(&x->state, PIE_X_IDLE);
  pie_conn_refuse(x->conn, 503, "No thread could be started.");
}

void pie_exchange_finished(struct pie_exchange *x) {
  struct pie_conn *conn = x->conn;
  struct pie_worker *worker = conn->worker;
  pie_mutex_lock(&worker->mail_lock);
  bool first = worker->mail == NULL;
  conn->next_mail = worker->mail;
  worker->mail = conn;
  pie_mutex_unlock(&worker->mail_lock);
  if (first)
    uv_async_send(&worker->wake);
}

static bool is_complete(struct pie_exchange *x) {
  if (x->broken || x->outcome == HSE_STATUS_ERROR)
    return false;
  if (pie_output_is_bodiless(x))
    return true;
  if (x->chunked)
    return x->chunks.state == PIE_CHUNKS_DONE;
  return x->declared < 0 || x->sent == x->declared;
}

static void end_self_chunked(struct pie_exchange *x) {
  struct pie_span end = {"0\r\n\r\n", 5};
  if (x->self_chunked && !pie_output_is_bodiless(x))
    pie_output_spans(x, &end, 1);
}

void pie_exchange_end(struct pie_exchange *x) {
  struct pie_conn *conn = x->conn;
  PIE_CHECK(conn->phase == PIE_CONN_RUNNING);
  if (x->in_thread) {
    x->mailed = true;
    return;
  }
  pie_ecb_flush_head(x);
  end_self_chunked(x);
  if (conn->worker->iis)
    pie_output_flush(conn); /* what response buffering has kept */
  if (!x->head_sent && !x->broken) {
    pie_conn_refuse(conn, 500, "The extension gave no response.");
    return;
  }
  pie_access_log(x);
  if (x->refused) {
    pie_conn_linger(conn);
    return;
  }
  if (!is_complete(x)) {
    pie_output_flush(conn);
    bool shows = x->declared >= 0 || x->chunked || x->self_chunked;
    (shows ? pie_conn_linger : pie_conn_abort)(conn);
    return;
  }
  bool more = !conn->eof || conn->input.n; /* requests that came before the client's end */
  bool again = conn->parser.keep_alive && !x->wants_close && x->body_complete && more &&
               !conn->worker->stopping;
  if (!again) {
    pie_conn_linger(conn);
    return;
  }
  reset(x);
  pie_conn_next(conn);
}
