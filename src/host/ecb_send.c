/* SPDX-License-Identifier: Apache-2.0
 *
 * All ways of sending that the extension control block has: WriteClient, response headers,
 * VECTOR_SEND, TRANSMIT_FILE.
 */
#include "base/error.h"
#include "host/ecb.h"

#include <stdlib.h>
#include <string.h>

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

BOOL pie_block_write_now(struct pie_exchange *x, const void *buffer, DWORD *size) {
  struct pie_span span = {buffer, *size};
  if (x->broken || pie_fault_client_goes(x))
    return pie_block_refuse(ERROR_NETNAME_DELETED);
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
    return pie_block_refuse(ERROR_NETNAME_DELETED);
  }
  return TRUE;
}

static bool write_all(struct pie_exchange *x, struct pie_span span) {
  while (span.n) {
    DWORD size = (DWORD)span.n;
    if (!pie_block_write_now(x, span.p, &size))
      return false;
    span.p = (const char *)span.p + size;
    span.n -= size;
  }
  return true;
}

BOOL WINAPI pie_block_write_client(HCONN id, LPVOID buffer, LPDWORD size, DWORD flags) {
  struct pie_exchange *x = id;
  if (!pie_block_is_running(x))
    return pie_block_breach(x, "WriteClient after the session was done");
  if (!x->head_sent && *size)
    return pie_block_breach(x, "WriteClient before the response header");
  if ((flags & HSE_IO_ASYNC) && !x->conn->worker->apache)
    return pie_block_start((struct pie_async){.x = x,
                                              .what = PIE_ASYNC_WRITE,
                                              .buffer = buffer,
                                              .size = *size,
                                              .completion = x->completion,
                                              .context = x->completion_context});
  return pie_block_write_now(x, buffer, size);
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
    return pie_block_refuse(ERROR_INVALID_PARAMETER);
  if (pie_str_equal(pie_buf_str(&x->held_headers), PIE_STR("\r\n"))) {
    x->head_sent = false; /* a head of no fields sets the status, and can be followed by another */
    pie_buf_clear(&x->held_headers);
  }
  const char *wrong = is_500 ? NULL : head_breach(x, status, headers);
  if (wrong)
    return pie_block_breach(x, wrong);
  pie_buf_clear(&x->held_status);
  int err = pie_buf_add(&x->held_status, status);
  if (is_500)
    return pie_block_refuse(ERROR_INVALID_PARAMETER);
  err = err ? err : pie_buf_add(&x->held_headers, headers);
  x->head_sent = true;
  return err ? pie_block_refuse(ERROR_INVALID_PARAMETER) : TRUE;
}

int pie_ecb_flush_head(struct pie_exchange *x) {
  if (!x->held_headers.n || x->broken)
    return 0;
  int err = put_head(x, pie_buf_str(&x->held_status), pie_buf_str(&x->held_headers));
  pie_buf_clear(&x->held_headers);
  return err;
}

BOOL pie_block_send_head(struct pie_exchange *x, struct pie_str status, struct pie_str headers) {
  if (x->broken)
    return pie_block_refuse(ERROR_NETNAME_DELETED);
  if (x->conn->worker->apache)
    return hold_head(x, status, headers);
  const char *wrong = head_breach(x, status, headers);
  if (wrong)
    return pie_block_breach(x, wrong);
  return put_head(x, status, headers) ? pie_block_refuse(ERROR_NETNAME_DELETED) : TRUE;
}

/* With HSE_REQ_SEND_RESPONSE_HEADER the body, or its beginning, may come behind the empty line. */
BOOL pie_block_send_head_and_more(struct pie_exchange *x, struct pie_str status,
                                  struct pie_str block) {
  const char *empty = strstr(block.p, "\r\n\r\n");
  size_t n = pie_str_starts(block, PIE_STR("\r\n")) ? 2
             : empty                                ? (size_t)(empty - block.p) + 4
                                                    : block.n;
  return pie_block_send_head(x, status, (struct pie_str){block.p, n}) &&
         write_all(x, (struct pie_span){block.p + n, block.n - n});
}

BOOL pie_block_send_header_ex(struct pie_exchange *x, const HSE_SEND_HEADER_EX_INFO *info) {
  struct pie_str status = {info->pszStatus, info->cchStatus};
  struct pie_str headers = {info->pszHeader, info->cchHeader};
  if (!info->fKeepConn)
    x->wants_close = true;
  return pie_block_send_head(x, status.p && !status.n ? pie_str_from(status.p) : status,
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

/* A size of 0 means all from the offset on. */
static uint64_t size_of_file(const HSE_VECTOR_ELEMENT *e) {
  if (e->cbSize)
    return e->cbSize;
  int64_t size = pie_file_size((intptr_t)e->pvContext);
  return size > 0 && (uint64_t)size > e->cbOffset ? (uint64_t)size - e->cbOffset : 0;
}

static int send_elements(struct pie_exchange *x, const HSE_RESPONSE_VECTOR *v) {
  int err = 0;
  for (DWORD i = 0; i < v->nElementCount && !err; i++) {
    const HSE_VECTOR_ELEMENT *e = &v->lpElementArray[i];
    bool is_file = e->ElementType == HSE_VECTOR_ELEMENT_TYPE_FILE_HANDLE;
    const char *bytes = is_file ? NULL : (const char *)e->pvContext + e->cbOffset;
    uint64_t size = is_file ? size_of_file(e) : e->cbSize;
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

BOOL pie_block_vector_now(struct pie_exchange *x, const HSE_RESPONSE_VECTOR *v) {
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
  return err ? pie_block_refuse(ERROR_NETNAME_DELETED) : TRUE;
}

static bool is_one_file(const HSE_RESPONSE_VECTOR *v) {
  const DWORD whole = HSE_IO_SEND_HEADERS | HSE_IO_FINAL_SEND;
  return (v->dwFlags & whole) == whole && v->nElementCount == 1 &&
         v->lpElementArray->ElementType == HSE_VECTOR_ELEMENT_TYPE_FILE_HANDLE;
}

/* A response that is a file, for an extension that knows us (HttpExtensionIdle): what the client
 * takes at once is sent by this thread, which never waits for it. The completion may come before
 * this is back. */
static BOOL send_whole_file(struct pie_exchange *x, const HSE_RESPONSE_VECTOR *v) {
  const HSE_VECTOR_ELEMENT *e = v->lpElementArray;
  const uint64_t size = size_of_file(e);
  struct pie_async rest = {.x = x,
                           .what = PIE_ASYNC_REST,
                           .file = (intptr_t)e->pvContext,
                           .offset = e->cbOffset,
                           .length = size,
                           .completion = x->completion,
                           .context = x->completion_context};
  if (v->dwFlags & HSE_IO_DISCONNECT_AFTER_SEND)
    x->wants_close = true;
  struct pie_buf *out = pie_output_open(x);
  int err = pie_output_head(x, pie_str_from(v->pszStatus), pie_str_from(v->pszHeaders), out);
  if (err || !count_body(x, NULL, size))
    rest.length = 0;
  int tried = pie_output_try_file(x, rest.file, &rest.offset, &rest.length);
  err = err ? err : tried;
  x->final_sent = !err || err == -PIE_EAGAIN;
  if (err == -PIE_EAGAIN)
    return pie_block_start_rest(rest);
  if (err)
    return pie_block_refuse(ERROR_NETNAME_DELETED);
  rest.completion(&x->ecb, rest.context, (DWORD)size, 0);
  return TRUE;
}

BOOL pie_block_vector_send(struct pie_exchange *x, const HSE_RESPONSE_VECTOR *v) {
  if (x->broken || pie_fault_client_goes(x))
    return pie_block_refuse(ERROR_NETNAME_DELETED);
  const char *wrong = vector_breach(x, v);
  if (wrong)
    return pie_block_breach(x, wrong);
  if (!(v->dwFlags & HSE_IO_ASYNC))
    return pie_block_vector_now(x, v);
  const struct pie_worker *worker = x->conn->worker;
  if (worker->extension.idle && x->completion && !x->io_active && is_one_file(v))
    return send_whole_file(x, v);
  struct pie_kept_vector *kept = pie_block_keep(v);
  if (!kept)
    return pie_block_refuse(ERROR_NETNAME_DELETED);
  uint64_t total = 0;
  for (DWORD i = 0; i < v->nElementCount; i++)
    total += v->lpElementArray[i].cbSize;
  BOOL begun = pie_block_start((struct pie_async){.x = x,
                                                  .what = PIE_ASYNC_VECTOR,
                                                  .vector = kept,
                                                  .size = (DWORD)total,
                                                  .completion = x->completion,
                                                  .context = x->completion_context});
  if (!begun)
    free(kept);
  return begun;
}

/* ---- TRANSMIT_FILE ---- */

bool pie_block_file_now(const struct pie_async *a) {
  struct pie_exchange *x = a->x;
  return pie_ecb_flush_head(x) == 0 && write_all(x, a->before) &&
         (!count_body(x, NULL, a->length) ||
          pie_output_file(x, a->file, a->offset, a->length) == 0) &&
         write_all(x, a->behind);
}

BOOL pie_block_transmit_file(struct pie_exchange *x, const HSE_TF_INFO *info) {
  intptr_t file = (intptr_t)info->hFile;
  int64_t size = pie_file_size(file);
  if (size < 0 || info->Offset > size)
    return pie_block_refuse(size < 0 ? ERROR_INVALID_PARAMETER : WSAEINVAL);
  uint64_t length = info->BytesToWrite ? info->BytesToWrite : (uint64_t)size - info->Offset;
  if (info->dwFlags & HSE_IO_SEND_HEADERS) {
    struct pie_str headers = {info->pHead, info->HeadLength};
    if (!headers.p)
      headers = PIE_STR("\r\n");
    if (!pie_block_send_head(x, pie_str_from(info->pszStatusCode), headers))
      return FALSE;
  } else if (!x->head_sent) {
    return pie_block_breach(x, "TRANSMIT_FILE before the response header");
  }
  if (info->dwFlags & HSE_IO_DISCONNECT_AFTER_SEND)
    x->wants_close = true;
  bool as_text = !(info->dwFlags & HSE_IO_SEND_HEADERS); /* to mod_isapi it is that, too */
  struct pie_async what = {
      .x = x,
      .what = PIE_ASYNC_FILE,
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
    return pie_block_start(what);
  return pie_block_file_now(&what) ? TRUE : pie_block_refuse(ERROR_NETNAME_DELETED);
}
