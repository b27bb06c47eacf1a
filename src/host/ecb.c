/* SPDX-License-Identifier: Apache-2.0
 *
 * The callbacks of the extension control block, as strict as IIS is: ISAPI.md, sections 3 to 5
 * and 10. With quirks they behave like httpd's mod_isapi (section 9).
 */
#include "host/ecb.h"
#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void pie_strict_breach(struct pie_worker *worker, const char *what) {
  pie_log(worker->log, PIE_LOG_ERROR, "strict-isapi: the extension broke the contract: %s", what);
  abort();
}

BOOL pie_block_refuse(uint32_t code) {
  pie_os_error_set(code);
  return FALSE;
}

/* A breach ends the process in strict mode and is refused otherwise. */
BOOL pie_block_breach(struct pie_exchange *x, const char *what) {
  if (x->conn->worker->strict)
    pie_strict_breach(x->conn->worker, what);
  return pie_block_refuse(ERROR_INVALID_PARAMETER);
}

/* ---- reading ---- */

static BOOL WINAPI read_client(HCONN id, LPVOID buffer, LPDWORD size) {
  struct pie_exchange *x = id;
  if (!pie_block_is_running(x))
    return pie_block_breach(x, "ReadClient after the session was done");
  int64_t length = x->conn->parser.content_length;
  if (length >= 0 && x->body_taken >= length && *size && x->conn->worker->strict &&
      !x->conn->worker->apache)
    return pie_block_breach(x, "ReadClient past the end of the body");
  if (x->conn->worker->apache && x->conn->parser.expects_continue && !x->ahead.n) {
    *size = 0; /* mod_isapi has read in vain, before "100 Continue" */
    return TRUE;
  }
  if (pie_fault(x, 4) && *size)
    *size = 1 + pie_fault_number(x, *size < 8 ? *size : 8);
  int64_t got = pie_fault_client_goes(x) ? -PIE_EGONE : pie_body_read(x, buffer, *size);
  *size = got > 0 ? (DWORD)got : 0;
  return got < 0 ? pie_block_refuse(ERROR_READ_FAULT) : TRUE;
}

/* ---- EXEC_URL ---- */

/* Where the wildcard map is not left out the extension would be asked again, for ever. */
static BOOL exec_url(struct pie_exchange *x, const HSE_EXEC_URL_INFO *info) {
  if (x->head_sent)
    return pie_block_breach(x, "EXEC_URL after the response header");
  if (!(info->dwExecUrlFlags & HSE_EXEC_URL_IGNORE_CURRENT_INTERCEPTOR))
    return pie_block_breach(x, "EXEC_URL without HSE_EXEC_URL_IGNORE_CURRENT_INTERCEPTOR");
  return pie_block_start((struct pie_async){.x = x,
                                            .what = PIE_ASYNC_URL,
                                            .buffer = info->pszUrl,
                                            .completion = x->completion,
                                            .context = x->completion_context});
}

static BOOL exec_url_status(struct pie_exchange *x, HSE_EXEC_URL_STATUS *status) {
  *status = (HSE_EXEC_URL_STATUS){.uHttpStatusCode = x->child_status};
  return x->child_status ? TRUE : pie_block_refuse(ERROR_INVALID_PARAMETER);
}

/* ---- answers of the host's own making ---- */

static BOOL redirect(struct pie_exchange *x, const char *url) {
  char headers[PIE_PATH_MAX];
  int n = snprintf(headers, sizeof headers, "Location: %s\r\nContent-Length: 0\r\n\r\n", url);
  if (n < 0 || (size_t)n >= sizeof headers)
    return pie_block_refuse(ERROR_INVALID_PARAMETER);
  return pie_block_send_head(x, PIE_STR("302 Found"), (struct pie_str){headers, (size_t)n});
}

static BOOL custom_error(struct pie_exchange *x, const HSE_CUSTOM_ERROR_INFO *info) {
  int64_t status = 0;
  struct pie_str text = pie_str_from(info->pszStatus);
  if (x->head_sent)
    return pie_block_breach(x, "SEND_CUSTOM_ERROR after the response header");
  if (text.n < 3 || pie_str_to_int64((struct pie_str){text.p, 3}, &status) || status < 400)
    return pie_block_refuse(ERROR_INVALID_PARAMETER);
  if (info->fAsync)
    return pie_block_start((struct pie_async){.x = x,
                                              .what = PIE_ASYNC_ERROR,
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

/* ---- the rest ---- */

static BOOL done_with_session(struct pie_exchange *x, const DWORD *status) {
  uint32_t outcome = status ? *status : HSE_STATUS_SUCCESS;
  int expected = PIE_X_RUNNING;
  if (atomic_load(&x->io_active))
    return pie_block_breach(x, "DONE_WITH_SESSION while an asynchronous operation is pending");
  if (pie_exchange_is_returned(x))
    return pie_block_breach(x, "DONE_WITH_SESSION, but HttpExtensionProc returned not PENDING");
  if (!atomic_compare_exchange_strong(&x->state, &expected, PIE_X_DONE))
    return pie_block_breach(x, "DONE_WITH_SESSION twice");
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
    return pie_block_send_header_ex(x, buffer);
  case HSE_REQ_TRANSMIT_FILE:
    return pie_block_transmit_file(x, buffer);
  case HSE_REQ_IS_CONNECTED:
    *(BOOL *)buffer = !x->broken;
    return TRUE;
  case HSE_REQ_IS_KEEP_CONN:
    *(BOOL *)buffer = x->head_sent && !x->wants_close;
    return TRUE;
  default:
    return pie_block_refuse(ERROR_INVALID_PARAMETER);
  }
}

static BOOL WINAPI support(HCONN id, DWORD code, LPVOID buffer, LPDWORD size, LPDWORD type) {
  struct pie_exchange *x = id;
  if (!pie_block_is_running(x))
    return pie_block_breach(x, code == HSE_REQ_DONE_WITH_SESSION
                                   ? "DONE_WITH_SESSION twice"
                                   : "ServerSupportFunction after the session was done");
  if (x->conn->worker->apache)
    return apache_support(x, code, buffer);
  switch (code) {
  case HSE_REQ_PIE_REQUEST:
    if (x->conn->worker->iis)
      return pie_block_refuse(ERROR_INVALID_PARAMETER);
    *(const struct pie_isapi_request **)buffer = pie_ecb_share(x);
    return TRUE;
  case HSE_REQ_VECTOR_SEND:
    return pie_block_vector_send(x, buffer);
  case HSE_REQ_DONE_WITH_SESSION:
    return done_with_session(x, buffer);
  case HSE_REQ_IO_COMPLETION:
    return set_completion(x, buffer, type);
  case HSE_REQ_SEND_RESPONSE_HEADER_EX:
    return pie_block_send_header_ex(x, buffer);
  case HSE_REQ_SEND_RESPONSE_HEADER:
    x->wants_close = true;
    return pie_block_send_head_and_more(x, buffer ? pie_str_from(buffer) : PIE_STR("200 OK"),
                                        type ? pie_str_from((const char *)type) : PIE_STR("\r\n"));
  case HSE_REQ_SEND_URL_REDIRECT_RESP:
  case HSE_REQ_SEND_URL:
    return redirect(x, buffer);
  case HSE_REQ_SEND_CUSTOM_ERROR:
    return custom_error(x, buffer);
  case HSE_REQ_TRANSMIT_FILE:
    return pie_block_transmit_file(x, buffer);
  case HSE_REQ_ASYNC_READ_CLIENT:
    return pie_block_start((struct pie_async){.x = x,
                                              .what = PIE_ASYNC_READ,
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
      return pie_block_breach(x, "APPEND_LOG_PARAMETER without the text's size");
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
                                : pie_block_refuse(ERROR_INVALID_PARAMETER);
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
      .WriteClient = pie_block_write_client,
      .ReadClient = read_client,
      .ServerSupportFunction = support,
  };
}
