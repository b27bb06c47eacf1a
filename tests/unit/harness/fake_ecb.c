/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/fake_ecb.h"

#include "platform/platform.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { APACHE_LINE_MAX = 8191 };

static struct fake_host *host_of(HCONN id) { return id; }

static void breach(struct fake_host *host, const char *what) {
  if (!host->breach)
    host->breach = what;
}

static BOOL refuse(struct fake_host *host, uint32_t error) {
  if (!host->keeps_last_error)
    pie_os_error_set(error);
  return FALSE;
}

static void check_open(struct fake_host *host) {
  pthread_mutex_lock(&host->lock);
  if (host->outcome)
    breach(host, "a call after the session was done");
  pthread_mutex_unlock(&host->lock);
}

/* ---- variables ---- */

static struct fake_variable *find(struct fake_host *host, const char *name) {
  for (size_t i = 0; i < host->variable_count; i++) {
    if (pie_str_equal_nocase(pie_str_from(host->variables[i].name), pie_str_from(name)))
      return &host->variables[i];
  }
  return NULL;
}

static BOOL WINAPI get_variable(HCONN id, LPSTR name, LPVOID buffer, LPDWORD size) {
  struct fake_host *host = host_of(id);
  check_open(host);
  host->variable_calls++;
  struct fake_variable *variable = find(host, name);
  if (!variable || (variable->is_wide && host->kind == FAKE_APACHE))
    return refuse(host, ERROR_INVALID_INDEX);
  if (variable->error)
    return refuse(host, variable->error);
  size_t n = variable->value.n, final = variable->is_wide ? 2 : 1;
  DWORD needed = (DWORD)(n + (host->forgets_nul ? 0 : final));
  if (*size < needed) {
    *size = needed;
    return refuse(host, ERROR_INSUFFICIENT_BUFFER);
  }
  if (n)
    memcpy(buffer, variable->value.p, n);
  if (!host->forgets_nul)
    memset((char *)buffer + n, 0, final);
  *size = needed;
  return TRUE;
}

static struct fake_variable *slot(struct fake_host *host, const char *name) {
  struct fake_variable *variable = find(host, name);
  if (!variable && host->variable_count < FAKE_VARIABLES_MAX)
    variable = &host->variables[host->variable_count++];
  if (!variable)
    abort();
  *variable = (struct fake_variable){.name = name};
  return variable;
}

void fake_set_bytes(struct fake_host *host, const char *name, struct pie_str value) {
  slot(host, name)->value = value;
}

void fake_set(struct fake_host *host, const char *name, const char *value) {
  struct fake_variable *variable = slot(host, name);
  if (value)
    variable->value = pie_str_from(value);
  else
    variable->error = ERROR_INVALID_INDEX;
}

void fake_set_error(struct fake_host *host, const char *name, uint32_t error) {
  slot(host, name)->error = error;
}

void fake_set_wide(struct fake_host *host, const char *name, const uint16_t *units, size_t n) {
  struct fake_variable *variable = slot(host, name);
  variable->is_wide = true;
  variable->value = (struct pie_str){(const char *)units, n * 2};
}

/* ---- reading ---- */

static BOOL WINAPI read_client(HCONN id, LPVOID buffer, LPDWORD size) {
  struct fake_host *host = host_of(id);
  check_open(host);
  host->reads++;
  size_t end = host->body.n - host->body_cut, left = end - host->body_at, n = *size;
  if (!n)
    breach(host, "ReadClient of 0 bytes");
  if (host->read_most && n > host->read_most)
    n = host->read_most;
  if (n > left)
    n = left;
  if (!n && host->body_cut && host->read_fails_at_cut) {
    *size = 0;
    return refuse(host, ERROR_READ_FAULT);
  }
  if (n)
    memcpy(buffer, host->body.p + host->body_at, n);
  host->body_at += n;
  *size = (DWORD)n;
  return TRUE;
}

/* ---- the head ---- */

static bool ends_with(struct pie_str text, struct pie_str end) {
  return text.n >= end.n && pie_str_equal((struct pie_str){text.p + text.n - end.n, end.n}, end);
}

static void check_line(struct fake_host *host, struct pie_str line) {
  size_t whole = line.n + 1; /* with its LF */
  if (!line.n || line.p[line.n - 1] != '\r') {
    breach(host, "a header line does not end with CRLF");
    return;
  }
  line.n--;
  struct pie_str name = pie_str_cut(&line, ':');
  if (!pie_str_is_token(name))
    breach(host, "a header line has no name");
  if (memchr(line.p, '\r', line.n) || memchr(line.p, '\0', line.n))
    breach(host, "a control character in a header line");
  if (host->kind == FAKE_APACHE && whole > APACHE_LINE_MAX)
    breach(host, "a header line that mod_isapi would cut");
  if (host->kind == FAKE_APACHE && pie_str_equal_nocase(name, PIE_STR("Transfer-Encoding")))
    breach(host, "Transfer-Encoding given to httpd");
}

static void check_head(struct fake_host *host, struct pie_str status, struct pie_str headers) {
  if (host->head_given)
    breach(host, "the response header was sent twice");
  if (status.n < 4 || status.p[0] < '1' || status.p[0] > '9' || status.p[3] != ' ')
    breach(host, "the status is not like \"200 OK\"");
  if (memchr(status.p, '\r', status.n) || memchr(status.p, '\n', status.n))
    breach(host, "a line end in the status");
  if (status.p[status.n] || headers.p[headers.n])
    breach(host, "a text without a final NUL (section 9, 5)");
  if (!ends_with(headers, PIE_STR("\r\n\r\n")) && !pie_str_equal(headers, PIE_STR("\r\n")))
    breach(host, "the header block does not end with an empty line");
  headers.n -= headers.n >= 2 ? 2 : headers.n;
  while (headers.n)
    check_line(host, pie_str_cut(&headers, '\n'));
}

static void put_head(struct fake_host *host, struct pie_str status, struct pie_str headers) {
  pie_buf_adds(&host->wire, "HTTP/1.1 ");
  pie_buf_add(&host->wire, status);
  pie_buf_adds(&host->wire, "\r\n");
  pie_buf_add(&host->wire, headers);
}

static void flush_held(struct fake_host *host) {
  if (!host->held_headers.n)
    return;
  put_head(host, pie_buf_str(&host->held_status), pie_buf_str(&host->held_headers));
  pie_buf_clear(&host->held_headers);
}

/* mod_isapi: section 9, 3. */
static BOOL hold_head(struct fake_host *host, struct pie_str status, struct pie_str headers) {
  bool is_500 = pie_str_starts(status, PIE_STR("500"));
  if (is_500 && !host->held_headers.n) {
    host->apache_page = true;
    return refuse(host, ERROR_INVALID_PARAMETER);
  }
  if (is_500) {
    if (!pie_str_equal(headers, PIE_STR("\r\n")))
      breach(host, "the status alone must come with an empty header block");
    pie_buf_clear(&host->held_status);
    pie_buf_add(&host->held_status, status);
    return refuse(host, ERROR_INVALID_PARAMETER);
  }
  check_head(host, status, headers);
  /* A block without fields can be given before, to have httpd ask for the request's body. */
  host->head_given = !pie_str_equal(headers, PIE_STR("\r\n")) || host->held_headers.n;
  pie_buf_clear(&host->held_status);
  pie_buf_clear(&host->held_headers);
  pie_buf_add(&host->held_status, status);
  pie_buf_add(&host->held_headers, headers);
  return TRUE;
}

static bool must_fail(struct fake_host *host) {
  host->sends++;
  return host->fail_at && host->sends >= host->fail_at;
}

static BOOL send_head(struct fake_host *host, const HSE_SEND_HEADER_EX_INFO *info) {
  struct pie_str status = {info->pszStatus, info->cchStatus};
  struct pie_str headers = {info->pszHeader, info->cchHeader};
  pie_buf_addf(&host->calls, "head %.*s%s\n", (int)status.n, status.p,
               info->fKeepConn ? " keep" : "");
  if (must_fail(host))
    return refuse(host, host->fail_error);
  host->heads++;
  host->keep_conn = info->fKeepConn;
  if (host->kind == FAKE_APACHE)
    return hold_head(host, status, headers);
  check_head(host, status, headers);
  host->head_given = true;
  put_head(host, status, headers);
  return TRUE;
}

/* ---- bodies ---- */

static void check_body(struct fake_host *host) {
  if (!host->head_given && !host->held_headers.n)
    breach(host, "a body before the response header (section 9, 4)");
  if (host->is_final)
    breach(host, "bytes after HSE_IO_FINAL_SEND");
}

static BOOL WINAPI write_client(HCONN id, LPVOID buffer, LPDWORD size, DWORD flags) {
  struct fake_host *host = host_of(id);
  check_open(host);
  pie_buf_addf(&host->calls, "write %u\n", (unsigned)*size);
  if (must_fail(host))
    return refuse(host, host->fail_error);
  if (flags & HSE_IO_ASYNC)
    breach(host, "an asynchronous WriteClient");
  if (!*size)
    breach(host, "WriteClient of 0 bytes");
  check_body(host);
  flush_held(host);
  host->head_given = true;
  if (host->write_most && *size > host->write_most)
    *size = (DWORD)host->write_most;
  if (host->writes_nothing)
    *size = 0;
  pie_buf_append(&host->wire, buffer, *size);
  return TRUE;
}

static void put_file(struct fake_host *host, HANDLE file, uint64_t offset, uint64_t length) {
  char piece[4096];
  while (length) {
    size_t n = length < sizeof piece ? (size_t)length : sizeof piece;
    int64_t got = pie_file_read_at((intptr_t)file, offset, piece, n);
    if (got <= 0)
      break;
    pie_buf_append(&host->wire, piece, (size_t)got);
    offset += (uint64_t)got;
    length -= (uint64_t)got;
  }
}

static void put_elements(struct fake_host *host, const HSE_RESPONSE_VECTOR *v) {
  for (DWORD i = 0; i < v->nElementCount; i++) {
    const HSE_VECTOR_ELEMENT *e = &v->lpElementArray[i];
    if (e->ElementType == HSE_VECTOR_ELEMENT_TYPE_FILE_HANDLE)
      put_file(host, e->pvContext, e->cbOffset, e->cbSize);
    else
      pie_buf_append(&host->wire, (char *)e->pvContext + e->cbOffset, (size_t)e->cbSize);
    if (!e->cbSize)
      breach(host, "an empty vector element");
  }
}

/* One at a time (ISAPI.md, section 3). */
static BOOL hold(struct fake_host *host, const HSE_RESPONSE_VECTOR *v, LPVOID buffer, DWORD size) {
  if (host->is_held) {
    breach(host, "a second asynchronous operation while one is pending");
    return refuse(host, 997 /* ERROR_IO_PENDING */);
  }
  host->held_vector = v;
  host->held_buffer = buffer;
  host->held_size = size;
  host->is_held = true;
  return TRUE;
}

static BOOL vector_send(struct fake_host *host, const HSE_RESPONSE_VECTOR *v) {
  bool with_head = v->dwFlags & HSE_IO_SEND_HEADERS;
  pie_buf_addf(&host->calls, "vector%s%s%s %u\n", with_head ? " head" : "",
               v->dwFlags & HSE_IO_FINAL_SEND ? " final" : "",
               v->dwFlags & HSE_IO_DISCONNECT_AFTER_SEND ? " disconnect" : "",
               (unsigned)v->nElementCount);
  if (must_fail(host))
    return refuse(host, host->fail_error);
  if (!host->has_vector)
    return refuse(host, host->vector_error);
  bool async = v->dwFlags & HSE_IO_ASYNC;
  if (async == ((v->dwFlags & HSE_IO_SYNC) != 0))
    breach(host, "VECTOR_SEND must be either synchronous or asynchronous");
  if (async && !host->completion)
    breach(host, "an asynchronous VECTOR_SEND without HSE_REQ_IO_COMPLETION");
  if (with_head != (v->pszStatus != NULL) || with_head != (v->pszHeaders != NULL))
    breach(host, "VECTOR_SEND: status and headers must come with HSE_IO_SEND_HEADERS");
  if (with_head) {
    check_head(host, pie_str_from(v->pszStatus), pie_str_from(v->pszHeaders));
    host->head_given = true;
    host->heads++;
    put_head(host, pie_str_from(v->pszStatus), pie_str_from(v->pszHeaders));
  }
  check_body(host);
  host->is_final = v->dwFlags & HSE_IO_FINAL_SEND;
  host->disconnects = v->dwFlags & HSE_IO_DISCONNECT_AFTER_SEND;
  host->asyncs += async;
  if (async && host->holds_async)
    return hold(host, v, NULL, 0);
  put_elements(host, v);
  if (async) /* before this call is back, as it may be */
    host->completion(&host->ecb, host->completion_context, 1, 0);
  return TRUE;
}

static BOOL transmit_file(struct fake_host *host, const HSE_TF_INFO *info) {
  pie_buf_addf(&host->calls, "file %u+%u\n", (unsigned)info->Offset, (unsigned)info->BytesToWrite);
  if (must_fail(host))
    return refuse(host, host->fail_error);
  if (!host->has_transmit)
    return refuse(host, ERROR_INVALID_PARAMETER);
  if (host->kind == FAKE_APACHE)
    breach(host, "TRANSMIT_FILE on mod_isapi, which may open the file again by no name");
  if (info->dwFlags & HSE_IO_ASYNC)
    breach(host, "an asynchronous TRANSMIT_FILE (section 9, 6)");
  if (!info->BytesToWrite)
    breach(host, "TRANSMIT_FILE of 0 bytes, which means all");
  check_body(host);
  flush_held(host);
  put_file(host, info->hFile, info->Offset, info->BytesToWrite);
  return TRUE;
}

/* Without holds_async the extension falls back to ReadClient. */
static BOOL read_async(struct fake_host *host, LPVOID buffer, const DWORD *size) {
  if (!host->holds_async)
    return refuse(host, ERROR_INVALID_PARAMETER);
  host->reads++;
  return hold(host, NULL, buffer, *size);
}

void fake_complete(struct fake_host *host, uint32_t error) {
  DWORD bytes = 0;
  if (!host->held_vector && !error) {
    size_t left = host->body.n - host->body_at;
    bytes = left < host->held_size ? (DWORD)left : host->held_size;
    memcpy(host->held_buffer, host->body.p + host->body_at, bytes);
    host->body_at += bytes;
  }
  if (host->held_vector && !error)
    put_elements(host, host->held_vector);
  host->is_held = false;
  host->completion(&host->ecb, host->completion_context, bytes, error);
}

/* ---- the rest ---- */

static BOOL done(struct fake_host *host, const DWORD *status) {
  if (host->kind == FAKE_APACHE || host->kind == FAKE_OLD)
    breach(host, "DONE_WITH_SESSION on a host that has no such call");
  if (host->is_held)
    breach(host, "DONE_WITH_SESSION while an asynchronous operation is pending");
  pthread_mutex_lock(&host->lock);
  host->outcome = status ? *status : HSE_STATUS_SUCCESS;
  if (++host->done_calls > 1)
    breach(host, "DONE_WITH_SESSION twice");
  pthread_cond_broadcast(&host->ended);
  pthread_mutex_unlock(&host->lock);
  return TRUE;
}

static BOOL WINAPI support(HCONN id, DWORD code, LPVOID buffer, LPDWORD size, LPDWORD type) {
  struct fake_host *host = host_of(id);
  (void)size, (void)type;
  check_open(host);
  switch (code) {
  case HSE_REQ_SEND_RESPONSE_HEADER_EX:
    return send_head(host, buffer);
  case HSE_REQ_VECTOR_SEND:
    return vector_send(host, buffer);
  case HSE_REQ_TRANSMIT_FILE:
    return transmit_file(host, buffer);
  case HSE_REQ_DONE_WITH_SESSION:
    return done(host, buffer);
  case HSE_REQ_PIE_REQUEST:
    if (!host->shared)
      return refuse(host, ERROR_INVALID_PARAMETER);
    *(const struct pie_isapi_request **)buffer = host->shared;
    return TRUE;
  case HSE_REQ_ASYNC_READ_CLIENT:
    return read_async(host, buffer, size);
  case HSE_REQ_IO_COMPLETION:
    host->completions++;
    memcpy(&host->completion, &buffer, sizeof buffer);
    host->completion_context = type;
    return host->has_completion ? TRUE : refuse(host, ERROR_INVALID_PARAMETER);
  case HSE_REQ_EXEC_URL:
    if (!host->exec_url || !host->completion)
      return refuse(host, ERROR_INVALID_PARAMETER);
    host->exec_url(host);
    host->completion(&host->ecb, host->completion_context, 0, 0);
    return TRUE;
  case HSE_REQ_GET_EXEC_URL_STATUS:
    *(HSE_EXEC_URL_STATUS *)buffer = (HSE_EXEC_URL_STATUS){.uHttpStatusCode = 200};
    return TRUE;
  case HSE_APPEND_LOG_PARAMETER:
    if (!size || *size != strlen(buffer))
      breach(host, "APPEND_LOG_PARAMETER without the text's size");
    return TRUE;
  case HSE_REQ_SET_FLUSH_FLAG:
    host->flushes++;
    return host->kind != FAKE_APACHE ? TRUE : refuse(host, ERROR_INVALID_PARAMETER);
  case HSE_REQ_ABORTIVE_CLOSE:
    host->aborts++;
    return host->kind != FAKE_APACHE ? TRUE : refuse(host, ERROR_INVALID_PARAMETER);
  case HSE_REQ_CLOSE_CONNECTION:
    host->closes++;
    return host->kind != FAKE_APACHE ? TRUE : refuse(host, ERROR_INVALID_PARAMETER);
  default:
    return refuse(host, ERROR_INVALID_PARAMETER);
  }
}

void fake_returned(struct fake_host *host, uint32_t outcome) {
  if (outcome == HSE_STATUS_PENDING) {
    if (!host->has_completion || host->kind == FAKE_APACHE)
      breach(host, "PENDING where it is not allowed (section 9, 7)");
    return;
  }
  if (outcome < HSE_STATUS_SUCCESS || outcome > HSE_STATUS_ERROR)
    breach(host, "HttpExtensionProc returned no HSE_STATUS");
  check_open(host);
  host->outcome = outcome;
  flush_held(host);
}

bool fake_wait_done(struct fake_host *host, int timeout_ms) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += timeout_ms / 1000;
  until.tv_nsec += timeout_ms % 1000 * 1000000;
  if (until.tv_nsec >= 1000000000) {
    until.tv_sec++;
    until.tv_nsec -= 1000000000;
  }
  pthread_mutex_lock(&host->lock);
  while (!host->done_calls && pthread_cond_timedwait(&host->ended, &host->lock, &until) == 0)
    ;
  bool is_done = host->done_calls > 0;
  pthread_mutex_unlock(&host->lock);
  return is_done;
}

/* ---- opening and closing: see fake_request.c ---- */

void fake_ahead(struct fake_host *host, size_t n) {
  host->ecb.cbAvailable = (DWORD)n;
  host->ecb.lpbData = n ? (LPBYTE)(uintptr_t)host->body.p : NULL;
  host->body_at = n;
}

void fake_set_calls(EXTENSION_CONTROL_BLOCK *ecb) {
  ecb->GetServerVariable = get_variable;
  ecb->ReadClient = read_client;
  ecb->WriteClient = write_client;
  ecb->ServerSupportFunction = support;
}

void fake_close(struct fake_host *host) {
  free(host->text);
  free(host->raw);
  pie_buf_free(&host->calls);
  pie_buf_free(&host->wire);
  pie_buf_free(&host->held_status);
  pie_buf_free(&host->held_headers);
  pthread_mutex_destroy(&host->lock);
  pthread_cond_destroy(&host->ended);
}
