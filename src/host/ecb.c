/* SPDX-License-Identifier: Apache-2.0
 *
 * The callbacks of the extension control block, as strict as IIS is: ISAPI.md, sections 3 to 5
 * and 10. With quirks they behave like httpd's mod_isapi (section 9).
 */
#include "base/error.h"
#include "host/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ASYNC_STACK = 256 * 1024 };

_Noreturn void pie_strict_breach(struct pie_worker *worker, const char *what) {
  pie_log(worker->log, PIE_LOG_ERROR, "strict-isapi: the extension broke the contract: %s", what);
  abort();
}

static BOOL refuse(uint32_t code) {
  pie_os_error_set(code);
  return FALSE;
}

/* A breach ends the process in strict mode and is refused otherwise. */
static BOOL breach(struct pie_exchange *x, const char *what) {
  if (x->conn->worker->strict)
    pie_strict_breach(x->conn->worker, what);
  return refuse(ERROR_INVALID_PARAMETER);
}

static struct pie_exchange *exchange_of(HCONN id) { return id; }

static bool is_running(struct pie_exchange *x) { return atomic_load(&x->state) == PIE_X_RUNNING; }

/* ---- reading ---- */

static BOOL WINAPI read_client(HCONN id, LPVOID buffer, LPDWORD size) {
  struct pie_exchange *x = exchange_of(id);
  if (!is_running(x))
    return breach(x, "ReadClient after the session was done");
  int64_t length = x->conn->parser.content_length;
  if (length >= 0 && x->body_taken >= length && *size && x->conn->worker->strict &&
      !x->conn->worker->apache)
    return breach(x, "ReadClient past the end of the body");
  if (x->conn->worker->apache && x->conn->parser.expects_continue && !x->ahead.n) {
    *size = 0; /* mod_isapi has read in vain, before "100 Continue" */
    return TRUE;
  }
  if (pie_fault(x, 4) && *size)
    *size = 1 + pie_fault_number(x, *size < 8 ? *size : 8);
  int64_t got = pie_fault_client_goes(x) ? -PIE_EGONE : pie_body_read(x, buffer, *size);
  *size = got > 0 ? (DWORD)got : 0;
  return got < 0 ? refuse(ERROR_READ_FAULT) : TRUE;
}

/* ---- writing ---- */

static int send_self_chunked(struct pie_exchange *x, struct pie_span span) {
  char frame[24];
  int n = snprintf(frame, sizeof frame, "%llx\r\n", (unsigned long long)span.n);
  struct pie_span spans[] = {{frame, (size_t)n}, span, {"\r\n", 2}};
  return pie_output_spans(x, spans, 3);
}

/* Counts bytes of a body (NULL: of a file) and checks the extension's own chunks. False: they are
 * not to be sent, because the response has no body. */
static bool count_body(struct pie_exchange *x, const char *bytes, uint64_t n) {
  if (pie_output_is_bodiless(x))
    return false;
  x->sent += (int64_t)n;
  if (x->chunked && !pie_chunks_feed(&x->chunks, bytes, n) && x->conn->worker->strict)
    pie_strict_breach(x->conn->worker, "Transfer-Encoding: chunked, but the body is not chunks");
  return true;
}

static BOOL write_now(struct pie_exchange *x, const void *buffer, DWORD *size) {
  struct pie_span span = {buffer, *size};
  if (x->broken || pie_fault_client_goes(x))
    return refuse(ERROR_NETNAME_DELETED);
  if (!span.n)
    return TRUE;
  if (pie_fault(x, 4))
    *size = (DWORD)(span.n = 1 + pie_fault_number(x, *size));
  int err = pie_ecb_flush_head(x);
  if (!err && !count_body(x, buffer, *size))
    return TRUE;
  if (!err)
    err = x->self_chunked ? send_self_chunked(x, span) : pie_output_spans(x, &span, 1);
  if (err) {
    *size = 0;
    return refuse(ERROR_NETNAME_DELETED);
  }
  return TRUE;
}

/* A vector that is sent asynchronously: the extension's own may lie on a stack, and only what its
 * elements point to stays until the completion. */
struct kept_vector {
  HSE_RESPONSE_VECTOR vector;
  HSE_VECTOR_ELEMENT elements[];
};

static char *keep_text(char **at, const char *text, size_t size) {
  char *kept = *at;
  if (!text)
    return NULL;
  memcpy(kept, text, size);
  *at += size;
  return kept;
}

static struct kept_vector *keep_vector(const HSE_RESPONSE_VECTOR *v) {
  size_t elements = v->nElementCount * sizeof *v->lpElementArray;
  size_t status = v->pszStatus ? strlen(v->pszStatus) + 1 : 0;
  size_t headers = v->pszHeaders ? strlen(v->pszHeaders) + 1 : 0;
  struct kept_vector *kept = malloc(sizeof *kept + elements + status + headers);
  if (!kept)
    return NULL;
  char *at = (char *)kept->elements + elements;
  kept->vector = *v;
  kept->vector.lpElementArray = kept->elements;
  if (elements)
    memcpy(kept->elements, v->lpElementArray, elements);
  kept->vector.pszStatus = keep_text(&at, v->pszStatus, status);
  kept->vector.pszHeaders = keep_text(&at, v->pszHeaders, headers);
  return kept;
}

/* An asynchronous operation: done at once on a thread of its own, then told. */
struct async {
  struct pie_exchange *x;
  struct pie_ios *ios;
  void *buffer;
  DWORD size;
  intptr_t file;
  uint64_t offset;
  struct kept_vector *vector;
  uint64_t length;                /* of ASYNC_FILE and ASYNC_REST */
  struct pie_span before, behind; /* ASYNC_FILE */
  enum {
    ASYNC_WRITE,
    ASYNC_READ,
    ASYNC_FILE,
    ASYNC_REST,
    ASYNC_VECTOR,
    ASYNC_URL,
    ASYNC_ERROR
  } what;
  PFN_HSE_IO_COMPLETION completion;
  PVOID context;
};

static BOOL vector_now(struct pie_exchange *x, const HSE_RESPONSE_VECTOR *v);

static bool write_all(struct pie_exchange *x, struct pie_span span) {
  while (span.n) {
    DWORD size = (DWORD)span.n;
    if (!write_now(x, span.p, &size))
      return false;
    span.p = (const char *)span.p + size;
    span.n -= size;
  }
  return true;
}

/* TRANSMIT_FILE. */
static bool file_now(const struct async *a) {
  struct pie_exchange *x = a->x;
  return pie_ecb_flush_head(x) == 0 && write_all(x, a->before) &&
         (!count_body(x, NULL, a->length) ||
          pie_output_file(x, a->file, a->offset, a->length) == 0) &&
         write_all(x, a->behind);
}

static bool do_async(const struct async *a, DWORD *size) {
  struct pie_exchange *x = a->x;
  *size = a->size;
  if (pie_fault_client_goes(x))
    return false;
  switch (a->what) {
  case ASYNC_WRITE:
    return write_now(x, a->buffer, size);
  case ASYNC_READ: {
    if (pie_fault(x, 4) && *size)
      *size = 1 + pie_fault_number(x, *size < 8 ? *size : 8);
    int64_t got = pie_body_read(x, a->buffer, *size);
    *size = got > 0 ? (DWORD)got : 0;
    return got >= 0;
  }
  case ASYNC_FILE:
    return file_now(a);
  case ASYNC_REST:
    return pie_output_file(x, a->file, a->offset, a->length) == 0;
  case ASYNC_VECTOR:
    return vector_now(x, &a->vector->vector);
  case ASYNC_URL:
    return pie_iis_exec_url(x, a->buffer) == 0;
  case ASYNC_ERROR:
    pie_output_refusal(x, (int)a->size, a->buffer);
    return true;
  }
  return false;
}

static void run_async(void *arg) {
  struct async a = *(struct async *)arg;
  DWORD size;
  free(arg);
  if (pie_fault(a.x, 4))
    pie_thread_sleep_ms((int)pie_fault_number(a.x, 5));
  bool good = do_async(&a, &size);
  free(a.vector);
  DWORD error = atomic_load(&a.x->cancelled) ? ERROR_OPERATION_ABORTED : ERROR_NETNAME_DELETED;
  atomic_store(&a.x->io_active, false);
  if (a.completion)
    a.completion(&a.x->ecb, a.context, good ? size : 0, good ? 0 : error);
  pie_exchange_io_end(a.x, a.ios);
}

static BOOL start_async(struct async what) {
  struct pie_exchange *x = what.x;
  struct pie_thread thread;
  if (!what.completion)
    return breach(x, "an asynchronous operation without HSE_REQ_IO_COMPLETION");
  if (atomic_exchange(&x->io_active, true))
    return breach(x, "a second asynchronous operation while one is pending");
  atomic_store(&x->cancelled, false);
  bool early = pie_fault(x, 4); /* it completes before this call is back, */
  if (pie_fault(x, 30)) {       /* or is not begun at all */
    atomic_store(&x->io_active, false);
    return refuse(ERROR_NETNAME_DELETED);
  }
  struct async *copy = malloc(sizeof *copy);
  what.ios = copy ? pie_exchange_io_begin(x) : NULL;
  if (what.ios) {
    *copy = what;
    if (pie_thread_start(&thread, ASYNC_STACK, run_async, copy) == 0) {
      if (early)
        pie_thread_join(&thread);
      else
        pie_thread_detach(&thread);
      return TRUE;
    }
  }
  free(copy);
  atomic_store(&x->io_active, false);
  if (what.ios)
    pie_exchange_io_end(x, what.ios);
  return refuse(ERROR_INVALID_PARAMETER);
}

static BOOL WINAPI write_client(HCONN id, LPVOID buffer, LPDWORD size, DWORD flags) {
  struct pie_exchange *x = exchange_of(id);
  if (!is_running(x))
    return breach(x, "WriteClient after the session was done");
  if (!x->head_sent && *size)
    return breach(x, "WriteClient before the response header");
  if ((flags & HSE_IO_ASYNC) && !x->conn->worker->apache)
    return start_async((struct async){.x = x,
                                      .what = ASYNC_WRITE,
                                      .buffer = buffer,
                                      .size = *size,
                                      .completion = x->completion,
                                      .context = x->completion_context});
  return write_now(x, buffer, size);
}

/* ---- the response head ---- */

static bool is_terminated(struct pie_str block) {
  return (block.n >= 4 && memcmp(block.p + block.n - 4, "\r\n\r\n", 4) == 0) ||
         (block.n == 2 && memcmp(block.p, "\r\n", 2) == 0);
}

static const char *head_breach(struct pie_exchange *x, struct pie_str status,
                               struct pie_str headers) {
  if (x->head_sent)
    return "the response header was sent twice";
  if (status.n < 3 || status.p[0] < '1' || status.p[0] > '9')
    return "the status is not like \"200 OK\"";
  if (!is_terminated(headers))
    return "the header block does not end with an empty line";
  return NULL;
}

static int put_head(struct pie_exchange *x, struct pie_str status, struct pie_str headers) {
  int err = pie_output_head(x, status, headers, pie_output_open(x));
  int closed = pie_output_close(x, false);
  return err ? err : closed;
}

/* mod_isapi sends the head with the first body byte, or at the end. It refuses status 500 but
 * keeps it, when a head was given before (section 9, 3). */
static BOOL hold_head(struct pie_exchange *x, struct pie_str status, struct pie_str headers) {
  bool is_500 = pie_str_starts(status, PIE_STR("500"));
  if (is_500 && !x->held_headers.n)
    return refuse(ERROR_INVALID_PARAMETER);
  if (pie_str_equal(pie_buf_str(&x->held_headers), PIE_STR("\r\n"))) {
    x->head_sent = false; /* a head of no fields sets the status, and can be followed by another */
    pie_buf_clear(&x->held_headers);
  }
  const char *wrong = is_500 ? NULL : head_breach(x, status, headers);
  if (wrong)
    return breach(x, wrong);
  pie_buf_clear(&x->held_status);
  int err = pie_buf_add(&x->held_status, status);
  if (is_500)
    return refuse(ERROR_INVALID_PARAMETER);
  err = err ? err : pie_buf_add(&x->held_headers, headers);
  x->head_sent = true;
  return err ? refuse(ERROR_INVALID_PARAMETER) : TRUE;
}

int pie_ecb_flush_head(struct pie_exchange *x) {
  if (!x->held_headers.n || x->broken)
    return 0;
  int err = put_head(x, pie_buf_str(&x->held_status), pie_buf_str(&x->held_headers));
  pie_buf_clear(&x->held_headers);
  return err;
}

static BOOL send_head(struct pie_exchange *x, struct pie_str status, struct pie_str headers) {
  if (x->broken)
    return refuse(ERROR_NETNAME_DELETED);
  if (x->conn->worker->apache)
    return hold_head(x, status, headers);
  const char *wrong = head_breach(x, status, headers);
  if (wrong)
    return breach(x, wrong);
  return put_head(x, status, headers) ? refuse(ERROR_NETNAME_DELETED) : TRUE;
}

/* With HSE_REQ_SEND_RESPONSE_HEADER the body, or its beginning, may come behind the empty line. */
static BOOL send_head_and_more(struct pie_exchange *x, struct pie_str status,
                               struct pie_str block) {
  const char *empty = strstr(block.p, "\r\n\r\n");
  size_t n = pie_str_starts(block, PIE_STR("\r\n")) ? 2
             : empty                                ? (size_t)(empty - block.p) + 4
                                                    : block.n;
  return send_head(x, status, (struct pie_str){block.p, n}) &&
         write_all(x, (struct pie_span){block.p + n, block.n - n});
}

static BOOL send_header_ex(struct pie_exchange *x, const HSE_SEND_HEADER_EX_INFO *info) {
  struct pie_str status = {info->pszStatus, info->cchStatus};
  struct pie_str headers = {info->pszHeader, info->cchHeader};
  if (!info->fKeepConn)
    x->wants_close = true;
  return send_head(x, status.p && !status.n ? pie_str_from(status.p) : status,
                   headers.p && !headers.n ? pie_str_from(headers.p) : headers);
}

/* ---- VECTOR_SEND ---- */

static const char *vector_breach(struct pie_exchange *x, const HSE_RESPONSE_VECTOR *v) {
  bool with_head = v->dwFlags & HSE_IO_SEND_HEADERS;
  if (x->final_sent)
    return "VECTOR_SEND after HSE_IO_FINAL_SEND";
  if (with_head != (v->pszStatus != NULL) || with_head != (v->pszHeaders != NULL))
    return "VECTOR_SEND: status and headers must be given with HSE_IO_SEND_HEADERS, and only then";
  if (!with_head && !x->head_sent)
    return "VECTOR_SEND of a body before the response header";
  if ((v->dwFlags & HSE_IO_CACHE_RESPONSE) && !(v->dwFlags & HSE_IO_FINAL_SEND))
    return "VECTOR_SEND: HSE_IO_CACHE_RESPONSE without HSE_IO_FINAL_SEND";
  if (v->nElementCount && !v->lpElementArray)
    return "VECTOR_SEND: elements without an array";
  return with_head ? head_breach(x, pie_str_from(v->pszStatus), pie_str_from(v->pszHeaders)) : NULL;
}

/* That is what a size of 0 means. */
static uint64_t rest_of_file(const HSE_VECTOR_ELEMENT *e) {
  int64_t size = pie_file_size((intptr_t)e->pvContext);
  return size > 0 && (uint64_t)size > e->cbOffset ? (uint64_t)size - e->cbOffset : 0;
}

static int send_elements(struct pie_exchange *x, const HSE_RESPONSE_VECTOR *v) {
  int err = 0;
  for (DWORD i = 0; i < v->nElementCount && !err; i++) {
    const HSE_VECTOR_ELEMENT *e = &v->lpElementArray[i];
    bool is_file = e->ElementType == HSE_VECTOR_ELEMENT_TYPE_FILE_HANDLE;
    const char *bytes = is_file ? NULL : (const char *)e->pvContext + e->cbOffset;
    uint64_t size = is_file && !e->cbSize ? rest_of_file(e) : e->cbSize;
    if (!count_body(x, bytes, size))
      continue;
    if (is_file)
      err = pie_output_add_file(x, (intptr_t)e->pvContext, e->cbOffset, size);
    else
      err = pie_output_add(x, (struct pie_span){bytes, (size_t)e->cbSize});
  }
  return err;
}

/* Without HSE_IO_TRY_SKIP_CUSTOM_ERRORS IIS has its own pages for such a status (section 7). */
static bool is_replaced(const struct pie_exchange *x, const HSE_RESPONSE_VECTOR *v) {
  bool is_error = (v->dwFlags & HSE_IO_SEND_HEADERS) && v->pszStatus[0] >= '4';
  return x->conn->worker->iis && is_error && !(v->dwFlags & HSE_IO_TRY_SKIP_CUSTOM_ERRORS);
}

static BOOL vector_now(struct pie_exchange *x, const HSE_RESPONSE_VECTOR *v) {
  if (is_replaced(x, v)) {
    int64_t status = 500;
    pie_str_to_int64((struct pie_str){v->pszStatus, 3}, &status);
    pie_output_refusal(x, (int)status, "The server's own error page.");
    return TRUE;
  }
  if (v->dwFlags & HSE_IO_DISCONNECT_AFTER_SEND)
    x->wants_close = true;
  struct pie_buf *out = pie_output_open(x);
  int err = 0;
  if (v->dwFlags & HSE_IO_SEND_HEADERS)
    err = pie_output_head(x, pie_str_from(v->pszStatus), pie_str_from(v->pszHeaders), out);
  err = err ? err : send_elements(x, v);
  int closed = pie_output_close(x, v->dwFlags & HSE_IO_FINAL_SEND);
  err = err ? err : closed;
  x->final_sent = !err && (v->dwFlags & HSE_IO_FINAL_SEND);
  return err ? refuse(ERROR_NETNAME_DELETED) : TRUE;
}

static bool is_one_file(const HSE_RESPONSE_VECTOR *v) {
  const DWORD whole = HSE_IO_SEND_HEADERS | HSE_IO_FINAL_SEND;
  return (v->dwFlags & whole) == whole && v->nElementCount == 1 &&
         v->lpElementArray->ElementType == HSE_VECTOR_ELEMENT_TYPE_FILE_HANDLE;
}

/* The rest of a file, on a thread of its own; here, if there can be none. */
static BOOL send_rest(struct async what) {
  struct pie_thread thread;
  struct async *copy = malloc(sizeof *copy);
  what.ios = copy ? pie_exchange_io_begin(what.x) : NULL;
  if (!what.ios) {
    free(copy);
    return refuse(ERROR_NETNAME_DELETED);
  }
  *copy = what;
  atomic_store(&what.x->cancelled, false);
  atomic_store(&what.x->io_active, true);
  if (pie_thread_start(&thread, ASYNC_STACK, run_async, copy) == 0)
    pie_thread_detach(&thread);
  else
    run_async(copy);
  return TRUE;
}

/* A response that is a file, for an extension that knows us (HttpExtensionIdle): what the client
 * takes at once is sent by this thread, which never waits for it. The completion may come before
 * this is back. */
static BOOL send_whole_file(struct pie_exchange *x, const HSE_RESPONSE_VECTOR *v) {
  const HSE_VECTOR_ELEMENT *e = v->lpElementArray;
  struct async rest = {.x = x,
                       .what = ASYNC_REST,
                       .file = (intptr_t)e->pvContext,
                       .offset = e->cbOffset,
                       .length = e->cbSize,
                       .completion = x->completion,
                       .context = x->completion_context};
  if (v->dwFlags & HSE_IO_DISCONNECT_AFTER_SEND)
    x->wants_close = true;
  struct pie_buf *out = pie_output_open(x);
  int err = pie_output_head(x, pie_str_from(v->pszStatus), pie_str_from(v->pszHeaders), out);
  if (err || !count_body(x, NULL, e->cbSize))
    rest.length = 0;
  int tried = pie_output_try_file(x, rest.file, &rest.offset, &rest.length);
  err = err ? err : tried;
  x->final_sent = !err || err == -PIE_EAGAIN;
  if (err == -PIE_EAGAIN)
    return send_rest(rest);
  if (err)
    return refuse(ERROR_NETNAME_DELETED);
  rest.completion(&x->ecb, rest.context, (DWORD)e->cbSize, 0);
  return TRUE;
}

static BOOL vector_send(struct pie_exchange *x, const HSE_RESPONSE_VECTOR *v) {
  if (x->broken || pie_fault_client_goes(x))
    return refuse(ERROR_NETNAME_DELETED);
  const char *wrong = vector_breach(x, v);
  if (wrong)
    return breach(x, wrong);
  if (!(v->dwFlags & HSE_IO_ASYNC))
    return vector_now(x, v);
  const struct pie_worker *worker = x->conn->worker;
  if (worker->extension.idle && x->completion && !x->io_active && is_one_file(v))
    return send_whole_file(x, v);
  struct kept_vector *kept = keep_vector(v);
  if (!kept)
    return refuse(ERROR_NETNAME_DELETED);
  uint64_t total = 0;
  for (DWORD i = 0; i < v->nElementCount; i++)
    total += v->lpElementArray[i].cbSize;
  BOOL begun = start_async((struct async){.x = x,
                                          .what = ASYNC_VECTOR,
                                          .vector = kept,
                                          .size = (DWORD)total,
                                          .completion = x->completion,
                                          .context = x->completion_context});
  if (!begun)
    free(kept);
  return begun;
}

/* ---- EXEC_URL ---- */

/* Where the wildcard map is not left out the extension would be asked again, for ever. */
static BOOL exec_url(struct pie_exchange *x, const HSE_EXEC_URL_INFO *info) {
  if (x->head_sent)
    return breach(x, "EXEC_URL after the response header");
  if (!(info->dwExecUrlFlags & HSE_EXEC_URL_IGNORE_CURRENT_INTERCEPTOR))
    return breach(x, "EXEC_URL without HSE_EXEC_URL_IGNORE_CURRENT_INTERCEPTOR");
  return start_async((struct async){.x = x,
                                    .what = ASYNC_URL,
                                    .buffer = info->pszUrl,
                                    .completion = x->completion,
                                    .context = x->completion_context});
}

static BOOL exec_url_status(struct pie_exchange *x, HSE_EXEC_URL_STATUS *status) {
  *status = (HSE_EXEC_URL_STATUS){.uHttpStatusCode = x->child_status};
  return x->child_status ? TRUE : refuse(ERROR_INVALID_PARAMETER);
}

/* ---- answers of the host's own making ---- */

static BOOL redirect(struct pie_exchange *x, const char *url) {
  char headers[PIE_PATH_MAX];
  int n = snprintf(headers, sizeof headers, "Location: %s\r\nContent-Length: 0\r\n\r\n", url);
  if (n < 0 || (size_t)n >= sizeof headers)
    return refuse(ERROR_INVALID_PARAMETER);
  return send_head(x, PIE_STR("302 Found"), (struct pie_str){headers, (size_t)n});
}

static BOOL custom_error(struct pie_exchange *x, const HSE_CUSTOM_ERROR_INFO *info) {
  int64_t status = 0;
  struct pie_str text = pie_str_from(info->pszStatus);
  if (x->head_sent)
    return breach(x, "SEND_CUSTOM_ERROR after the response header");
  if (text.n < 3 || pie_str_to_int64((struct pie_str){text.p, 3}, &status) || status < 400)
    return refuse(ERROR_INVALID_PARAMETER);
  if (info->fAsync)
    return start_async((struct async){.x = x,
                                      .what = ASYNC_ERROR,
                                      .buffer = info->pszStatus,
                                      .size = (DWORD)status,
                                      .completion = x->completion,
                                      .context = x->completion_context});
  pie_output_refusal(x, (int)status, info->pszStatus);
  return TRUE;
}

/* ---- what only IIS has ---- */

static BOOL exec_wide_url(struct pie_exchange *x, const HSE_EXEC_UNICODE_URL_INFO *info) {
  struct pie_str url = info->pszUrl ? pie_iis_from_wide(x, info->pszUrl) : (struct pie_str){0};
  HSE_EXEC_URL_INFO narrow = {.pszUrl = (LPSTR)(uintptr_t)url.p,
                              .dwExecUrlFlags = info->dwExecUrlFlags};
  return exec_url(x, &narrow);
}

static BOOL iis_support(struct pie_exchange *x, DWORD code, LPVOID buffer, LPDWORD size,
                        LPDWORD type) {
  switch (code) {
  case HSE_REQ_EXEC_URL:
    return exec_url(x, buffer);
  case HSE_REQ_EXEC_UNICODE_URL:
    return exec_wide_url(x, buffer);
  case HSE_REQ_GET_EXEC_URL_STATUS:
    return exec_url_status(x, buffer);
  case HSE_REQ_CANCEL_IO:
    atomic_store(&x->cancelled, true); /* its completion comes soon, if there is any */
    return TRUE;
  default:
    return pie_iis_support(x, code, buffer, size, type);
  }
}

/* ---- TRANSMIT_FILE ---- */

static BOOL transmit_file(struct pie_exchange *x, const HSE_TF_INFO *info) {
  intptr_t file = (intptr_t)info->hFile;
  int64_t size = pie_file_size(file);
  if (size < 0 || info->Offset > size)
    return refuse(size < 0 ? ERROR_INVALID_PARAMETER : WSAEINVAL);
  uint64_t length = info->BytesToWrite ? info->BytesToWrite : (uint64_t)size - info->Offset;
  if (info->dwFlags & HSE_IO_SEND_HEADERS) {
    struct pie_str headers = {info->pHead, info->HeadLength};
    if (!headers.p)
      headers = PIE_STR("\r\n");
    if (!send_head(x, pie_str_from(info->pszStatusCode), headers))
      return FALSE;
  } else if (!x->head_sent) {
    return breach(x, "TRANSMIT_FILE before the response header");
  }
  if (info->dwFlags & HSE_IO_DISCONNECT_AFTER_SEND)
    x->wants_close = true;
  bool as_text = !(info->dwFlags & HSE_IO_SEND_HEADERS); /* to mod_isapi it is that, too */
  struct async what = {
      .x = x,
      .what = ASYNC_FILE,
      .file = file,
      .offset = info->Offset,
      .length = length,
      .before = {info->pHead, info->pHead && as_text ? info->HeadLength : 0},
      .behind = {info->pTail, info->pTail ? info->TailLength : 0},
      .completion = info->pfnHseIO ? info->pfnHseIO : x->completion,
      .context = info->pContext,
  };
  uint64_t all = what.before.n + length + what.behind.n;
  what.size = (DWORD)all;
  if ((info->dwFlags & HSE_IO_ASYNC) && what.completion && all <= UINT32_MAX)
    return start_async(what);
  return file_now(&what) ? TRUE : refuse(ERROR_NETNAME_DELETED);
}

/* ---- the rest ---- */

static BOOL done_with_session(struct pie_exchange *x, const DWORD *status) {
  uint32_t outcome = status ? *status : HSE_STATUS_SUCCESS;
  int expected = PIE_X_RUNNING;
  if (atomic_load(&x->io_active))
    return breach(x, "DONE_WITH_SESSION while an asynchronous operation is pending");
  if (pie_exchange_is_returned(x))
    return breach(x, "DONE_WITH_SESSION, but HttpExtensionProc returned not PENDING");
  if (!atomic_compare_exchange_strong(&x->state, &expected, PIE_X_DONE))
    return breach(x, "DONE_WITH_SESSION twice");
  x->outcome = outcome;
  pie_exchange_finished(x);
  return TRUE;
}

static BOOL set_completion(struct pie_exchange *x, void *function, void *context) {
  memcpy(&x->completion, &function, sizeof x->completion);
  x->completion_context = context;
  return TRUE;
}

static BOOL apache_support(struct pie_exchange *x, DWORD code, LPVOID buffer) {
  switch (code) {
  case HSE_REQ_SEND_RESPONSE_HEADER_EX:
    return send_header_ex(x, buffer);
  case HSE_REQ_TRANSMIT_FILE:
    return transmit_file(x, buffer);
  case HSE_REQ_IS_CONNECTED:
    *(BOOL *)buffer = !x->broken;
    return TRUE;
  case HSE_REQ_IS_KEEP_CONN:
    *(BOOL *)buffer = x->head_sent && !x->wants_close;
    return TRUE;
  default:
    return refuse(ERROR_INVALID_PARAMETER);
  }
}

static BOOL WINAPI support(HCONN id, DWORD code, LPVOID buffer, LPDWORD size, LPDWORD type) {
  struct pie_exchange *x = exchange_of(id);
  if (!is_running(x))
    return breach(x, code == HSE_REQ_DONE_WITH_SESSION
                         ? "DONE_WITH_SESSION twice"
                         : "ServerSupportFunction after the session was done");
  if (x->conn->worker->apache)
    return apache_support(x, code, buffer);
  switch (code) {
  case HSE_REQ_PIE_REQUEST:
    if (x->conn->worker->iis)
      return refuse(ERROR_INVALID_PARAMETER);
    *(const struct pie_isapi_request **)buffer = pie_ecb_share(x);
    return TRUE;
  case HSE_REQ_VECTOR_SEND:
    return vector_send(x, buffer);
  case HSE_REQ_DONE_WITH_SESSION:
    return done_with_session(x, buffer);
  case HSE_REQ_IO_COMPLETION:
    return set_completion(x, buffer, type);
  case HSE_REQ_SEND_RESPONSE_HEADER_EX:
    return send_header_ex(x, buffer);
  case HSE_REQ_SEND_RESPONSE_HEADER:
    x->wants_close = true;
    return send_head_and_more(x, buffer ? pie_str_from(buffer) : PIE_STR("200 OK"),
                              type ? pie_str_from((const char *)type) : PIE_STR("\r\n"));
  case HSE_REQ_SEND_URL_REDIRECT_RESP:
  case HSE_REQ_SEND_URL:
    return redirect(x, buffer);
  case HSE_REQ_SEND_CUSTOM_ERROR:
    return custom_error(x, buffer);
  case HSE_REQ_TRANSMIT_FILE:
    return transmit_file(x, buffer);
  case HSE_REQ_ASYNC_READ_CLIENT:
    return start_async((struct async){.x = x,
                                      .what = ASYNC_READ,
                                      .buffer = buffer,
                                      .size = *size,
                                      .completion = x->completion,
                                      .context = x->completion_context});
  case HSE_REQ_CLOSE_CONNECTION:
  case HSE_REQ_ABORTIVE_CLOSE:
    pie_output_flush(x->conn); /* answers to earlier requests */
    x->wants_close = true;
    atomic_store(&x->broken, true);
    if (atomic_load(&x->io_active) || atomic_load(&x->waiting))
      pie_socket_shutdown(x->conn->socket); /* else the loop resets it when the session is done */
    return TRUE;
  case HSE_REQ_IS_CONNECTED:
    *(BOOL *)buffer = !x->broken && pie_socket_is_connected(x->conn->socket);
    return TRUE;
  case HSE_REQ_IS_KEEP_CONN:
    *(BOOL *)buffer = x->conn->parser.keep_alive;
    return TRUE;
  case HSE_REQ_SET_FLUSH_FLAG:
    x->flushes = buffer != NULL;
    return TRUE;
  case HSE_APPEND_LOG_PARAMETER:
    if (x->conn->worker->iis && !size)
      return breach(x, "APPEND_LOG_PARAMETER without the text's size");
    if (x->conn->worker->iis)
      x->logged = pie_arena_copy(&x->arena, pie_str_from(buffer));
    return TRUE; /* elsewhere the access log has a form of its own */
  case HSE_REQ_REPORT_UNHEALTHY:
    pie_log(x->conn->worker->log, PIE_LOG_ERROR, "the extension reports itself unhealthy: %s",
            buffer ? (const char *)buffer : "no reason given");
    atomic_store(&x->conn->worker->first->unhealthy, true);
    uv_async_send(&x->conn->worker->first->wake);
    return TRUE;
  default:
    return x->conn->worker->iis ? iis_support(x, code, buffer, size, type)
                                : refuse(ERROR_INVALID_PARAMETER);
  }
}

/* ---- the block itself ---- */

static char *text(struct pie_str value) { return (char *)(uintptr_t)value.p; }

static char *or_null(struct pie_exchange *x, struct pie_str value) {
  return x->conn->worker->apache && !value.n ? NULL : text(value);
}

/* Without what it reads ahead mod_isapi says 0 (section 9, 9). */
static DWORD apache_total(const struct pie_exchange *x) {
  int64_t length = x->conn->parser.content_length;
  return length > 0 && x->ahead.n ? (DWORD)length : 0;
}

void pie_ecb_fill(struct pie_exchange *x) {
  struct pie_http_parser *parser = &x->conn->parser;
  struct pie_str type = PIE_STR("");
  struct pie_arena *arena = &x->arena;
  bool apache = x->conn->worker->apache;
  bool iis = x->conn->worker->iis;
  struct pie_str path = iis ? pie_iis_narrow(x, x->path) : x->path;
  struct pie_str file = iis ? pie_iis_narrow(x, pie_iis_translated(x)) : PIE_STR("");
  pie_http_find(parser, PIE_STR("Content-Type"), &type);
  int64_t length = parser->content_length;
  bool unknown = parser->chunked || length >= (int64_t)UINT32_MAX;
  x->ecb = (EXTENSION_CONTROL_BLOCK){
      .cbSize = sizeof x->ecb,
      .dwVersion = apache ? 0x500 : MAKELONG(0, 8),
      .ConnID = x,
      .dwHttpStatusCode = apache ? 0 : 200,
      .lpszMethod = text(pie_buf_str(&parser->method)),
      .lpszQueryString = text(pie_arena_copy(arena, parser->query)),
      .lpszPathInfo = or_null(x, path),
      .lpszPathTranslated = or_null(x, file),
      .lpszContentType = or_null(x, pie_arena_copy(arena, type)),
      .cbTotalBytes = apache    ? apache_total(x)
                      : unknown ? PIE_ISAPI_LENGTH_UNKNOWN
                                : (DWORD)(length > 0 ? length : 0),
      .cbAvailable = (DWORD)x->ahead.n,
      .lpbData = x->ahead.n ? (LPBYTE)x->ahead.p : NULL,
      .GetServerVariable = pie_ecb_get_variable,
      .WriteClient = write_client,
      .ReadClient = read_client,
      .ServerSupportFunction = support,
  };
}
