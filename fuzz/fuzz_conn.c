/* SPDX-License-Identifier: Apache-2.0
 *
 * A connection of our host, whole: a client's bytes through a real socket and loop to an extension,
 * and its answers back. What comes back must be answers, one for each request; the same bytes in
 * one piece must give the same.
 * Input: a byte for what extension and client do, then parts: the pieces that the client sends.
 */
#include "base/buf.h"
#include "fuzz.h"
#include "fuzz_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { READS = 1, PENDS = 2, IN_PLACE = 4, ENDS = 8 }; /* of the first byte */
enum { PIECES_MAX = 32, ROUNDS = 3, CLOSE_ROUNDS = 1000, ANSWERS_MAX = 4096, TOKEN = 2 };

static uint8_t how;
static EXTENSION_CONTROL_BLOCK *pending;

/* What one run has shown. */
static struct run {
  struct pie_buf out;
  size_t requests;
  bool for_head[ANSWERS_MAX]; /* the answer to HEAD has no body */
  bool had_no_body;           /* a request began before all of its body was there */
} runs[2], *run;

/* ---- the extension ---- */

static DWORD answer(EXTENSION_CONTROL_BLOCK *ecb) {
  char headers[64];
  size_t n = strlen(ecb->lpszPathInfo);
  snprintf(headers, sizeof headers, "Content-Length: %zu\r\n\r\n", n);
  HSE_VECTOR_ELEMENT element = {.ElementType = HSE_VECTOR_ELEMENT_TYPE_MEMORY_BUFFER,
                                .pvContext = ecb->lpszPathInfo,
                                .cbSize = n};
  char status[] = "200 OK";
  HSE_RESPONSE_VECTOR vector = {.dwFlags = HSE_IO_SYNC | HSE_IO_SEND_HEADERS | HSE_IO_FINAL_SEND,
                                .pszStatus = status,
                                .pszHeaders = headers,
                                .nElementCount = n ? 1 : 0,
                                .lpElementArray = &element};
  BOOL good = ecb->ServerSupportFunction(ecb->ConnID, HSE_REQ_VECTOR_SEND, &vector, NULL, NULL);
  return good ? HSE_STATUS_SUCCESS_AND_KEEP_CONN : HSE_STATUS_ERROR;
}

static void read_body(EXTENSION_CONTROL_BLOCK *ecb) {
  char piece[1000];
  DWORD n;
  do
    n = sizeof piece;
  while (ecb->ReadClient(ecb->ConnID, piece, &n) && n);
}

static DWORD WINAPI proc(EXTENSION_CONTROL_BLOCK *ecb) {
  struct pie_exchange *x = ecb->ConnID;
  FUZZ_CHECK(run->requests < ANSWERS_MAX);
  run->for_head[run->requests++] = strcmp(ecb->lpszMethod, "HEAD") == 0;
  run->had_no_body = run->had_no_body || !x->body_complete;
  if (how & READS)
    read_body(ecb);
  if (!(how & PENDS))
    return answer(ecb);
  pending = ecb;
  return HSE_STATUS_PENDING;
}

/* ---- the loop, as loop.c drives it, on one thread ---- */

static void on_wake(uv_async_t *wake) {
  struct pie_worker *worker = wake->data;
  struct pie_conn *mail = worker->mail;
  worker->mail = NULL;
  for (struct pie_conn *next; mail; mail = next) {
    next = mail->next_mail;
    pie_exchange_end(&mail->exchange);
  }
}

static void on_connection(uv_stream_t *server, int status) {
  FUZZ_CHECK(status == 0);
  pie_conn_accept(server->data);
}

static void run_ready(struct pie_worker *worker) {
  struct pie_conn *conn;
  while ((conn = worker->ready)) {
    struct pie_exchange *x = &conn->exchange;
    worker->ready = conn->next_ready;
    if (!worker->ready)
      worker->ready_last = &worker->ready;
    /* Who has the loop may not wait, and reading may: nobody is there to take the loop. */
    x->token = (how & IN_PLACE) && !(how & READS) ? TOKEN : 0;
    atomic_store(&worker->handover.hold, x->token);
    DWORD outcome = proc(&x->ecb);
    atomic_store(&worker->handover.hold, 0);
    if (outcome == HSE_STATUS_PENDING)
      pie_output_flush(conn);
    else
      pie_exchange_returned(x, outcome);
  }
}

static void finish_pending(void) {
  EXTENSION_CONTROL_BLOCK *ecb = pending;
  if (!ecb)
    return;
  pending = NULL;
  DWORD outcome = answer(ecb);
  ecb->ServerSupportFunction(ecb->ConnID, HSE_REQ_DONE_WITH_SESSION, &outcome, NULL, NULL);
}

static void turn(struct pie_worker *worker) {
  uv_run(&worker->loop, UV_RUN_NOWAIT);
  run_ready(worker);
}

/* ---- the client ---- */

static struct sockaddr_un address = {.sun_family = AF_UNIX}; /* of no file: it begins with NUL */

static int make_socket(void) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  FUZZ_CHECK(fd >= 0);
  return fd;
}

static void set_up(struct pie_worker *worker) {
  struct pie_settings *settings = (struct pie_settings *)(uintptr_t)worker->settings;
  struct pie_listener *listener = &worker->listeners[0];
  snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "pyisapie-fuzz-%d", (int)getpid());
  int fd = make_socket();
  FUZZ_CHECK(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
  settings->number[PIE_SET_BODY_TIMEOUT] = 1; /* a millisecond */
  worker->extension.proc = proc;
  uv_loop_init(&worker->loop);
  uv_async_init(&worker->loop, &worker->wake, on_wake);
  worker->wake.data = worker;
  listener->worker = worker;
  listener->is_local = true;
  uv_pipe_init(&worker->loop, &listener->uv.pipe, 0);
  listener->uv.handle.data = listener;
  FUZZ_CHECK(uv_pipe_open(&listener->uv.pipe, fd) == 0);
  FUZZ_CHECK(uv_listen(&listener->uv.stream, 8, on_connection) == 0);
}

static void receive(int fd) {
  char piece[16384];
  ssize_t n;
  while ((n = recv(fd, piece, sizeof piece, MSG_DONTWAIT)) > 0)
    pie_buf_append(&run->out, piece, (size_t)n);
}

/* Until nothing more happens. */
static void let_work(struct pie_worker *worker, int fd) {
  for (int quiet = 0; quiet < ROUNDS; quiet++) {
    size_t before = run->out.n + run->requests;
    turn(worker);
    receive(fd);
    if (run->out.n + run->requests != before)
      quiet = 0;
    if (quiet == ROUNDS - 1 && pending) {
      finish_pending();
      quiet = 0;
    }
  }
}

static void send_piece(struct pie_worker *worker, int fd, struct pie_str piece) {
  while (piece.n) {
    ssize_t n = send(fd, piece.p, piece.n, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) {
      piece.p += n;
      piece.n -= (size_t)n;
    }
    let_work(worker, fd);
    if (n < 0)
      return; /* the host has ended the connection, or reads no more of it */
  }
}

static void serve(struct pie_worker *worker, struct run *into, const struct pie_str *pieces,
                  size_t count) {
  run = into;
  run->requests = 0;
  run->had_no_body = false;
  pie_buf_init(&run->out, 1 << 26);
  int fd = make_socket();
  FUZZ_CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
  for (size_t i = 0; i < count; i++)
    send_piece(worker, fd, pieces[i]);
  if (how & ENDS)
    shutdown(fd, SHUT_WR);
  let_work(worker, fd);
  close(fd);
  for (int i = 0; i < CLOSE_ROUNDS && worker->conn_count; i++) {
    turn(worker);
    finish_pending();
  }
  FUZZ_CHECK(worker->conn_count == 0);
  FUZZ_CHECK(!worker->ready && !worker->mail && !pending);
}

/* ---- what must hold ---- */

/* The end of the answer that begins at text, which has no body where the last is one to HEAD. */
static size_t answer_length(struct pie_str text, bool for_head) {
  static const char field[] = "\r\nContent-Length: ";
  FUZZ_CHECK(pie_str_starts(text, PIE_STR("HTTP/1.1 ")));
  const char *end = text.p ? memmem(text.p, text.n, "\r\n\r\n", 4) : NULL;
  FUZZ_CHECK(end);
  size_t head = (size_t)(end - text.p) + 4;
  const char *length = memmem(text.p, head, field, sizeof field - 1);
  size_t body = length && !for_head ? strtoul(length + sizeof field - 1, NULL, 10) : 0;
  FUZZ_CHECK(body <= text.n - head);
  return head + body;
}

static void check_answers(struct run *r) {
  struct pie_str rest = pie_buf_str(&r->out);
  size_t answers = 0;
  while (rest.n) {
    bool interim = pie_str_starts(rest, PIE_STR("HTTP/1.1 100 "));
    bool refusal = answers >= r->requests;
    size_t n = answer_length(rest, interim || (!refusal && r->for_head[answers]));
    answers += !interim;
    FUZZ_CHECK(answers <= r->requests + 1); /* the last one is the host's own */
    rest.p += n;
    rest.n -= n;
  }
  FUZZ_CHECK(answers >= r->requests);
}

static void drop_dates(struct pie_buf *text) {
  size_t to = 0;
  for (size_t from = 0; from < text->n;) {
    char *at = memmem(text->p + from, text->n - from, "\r\nDate: ", 8);
    size_t n = at ? (size_t)(at - text->p) - from : text->n - from;
    memmove(text->p + to, text->p + from, n);
    to += n;
    from += n + (at ? strlen("\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT") : 0);
  }
  text->n = to;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  static struct pie_worker *worker;
  struct fuzz_input input;
  struct pie_str pieces[PIECES_MAX];
  struct pie_buf whole;
  size_t count = 0;
  if (!worker)
    set_up(worker = fuzz_worker());
  fuzz_begin(&input, bytes, n);
  pie_buf_init(&whole, 1 << 24);
  how = fuzz_byte(&input);
  while (input.rest.n && count < PIECES_MAX) {
    pieces[count] = fuzz_part(&input);
    pie_buf_add(&whole, pieces[count++]);
  }
  struct pie_str all = pie_buf_str(&whole);
  serve(worker, &runs[0], pieces, count);
  serve(worker, &runs[1], &all, 1);
  for (int i = 0; i < 2; i++) {
    check_answers(&runs[i]);
    drop_dates(&runs[i].out);
  }
  if (!runs[0].had_no_body && !runs[1].had_no_body)
    FUZZ_CHECK(pie_str_equal(pie_buf_str(&runs[0].out), pie_buf_str(&runs[1].out)));
  pie_buf_free(&runs[0].out);
  pie_buf_free(&runs[1].out);
  pie_buf_free(&whole);
  fuzz_end();
  return 0;
}
