/* SPDX-License-Identifier: Apache-2.0 */
#include "isapi/ecb.h"

#include "base/error.h"
#include "base/utf16.h"
#include "platform/platform.h"

#include <string.h>

enum { VARIABLE_GUESS = 512, VARIABLE_MAX = 24 * 1024 * 1024, TRANSFER_MAX = 0x40000000 };

int pie_ecb_variable(EXTENSION_CONTROL_BLOCK *ecb, const char *name, char *buffer, size_t *size) {
  DWORD bytes = *size > TRANSFER_MAX ? TRANSFER_MAX : (DWORD)*size;
  DWORD capacity = bytes;
  if (ecb->GetServerVariable(ecb->ConnID, (LPSTR)(uintptr_t)name, buffer, &bytes)) {
    /* The size counts the final NUL; a host that forgets it must not cost the last character. */
    size_t length = bytes && buffer[bytes - 1] == '\0' ? bytes - 1 : bytes;
    if (length >= capacity)
      return -PIE_ETOOBIG;
    buffer[length] = '\0';
    *size = length + 1;
    return (int)length;
  }
  /* The last error is a hint: some hosts set none. Only a larger size says "too small". */
  if (pie_os_error() != ERROR_INSUFFICIENT_BUFFER)
    return -PIE_ENOENT;
  *size = bytes > capacity ? bytes : (size_t)capacity * 2;
  return -PIE_ETOOBIG;
}

int pie_ecb_variable_get(EXTENSION_CONTROL_BLOCK *ecb, const char *name, struct pie_arena *arena,
                         struct pie_str *out) {
  char guess[VARIABLE_GUESS];
  size_t size = sizeof guess;
  int n = pie_ecb_variable(ecb, name, guess, &size);
  if (n >= 0) {
    *out = pie_arena_copy(arena, (struct pie_str){guess, (size_t)n});
    return out->p ? 0 : -PIE_ETOOBIG;
  }
  while (n == -PIE_ETOOBIG && size <= VARIABLE_MAX) {
    size_t needed = ++size;
    char *space = pie_arena_alloc(arena, needed);
    if (!space)
      break;
    n = pie_ecb_variable(ecb, name, space, &size);
    if (n >= 0) {
      *out = (struct pie_str){space, (size_t)n};
      return 0;
    }
    if (size < needed)
      break;
  }
  return n == -PIE_ENOENT ? n : -PIE_ETOOBIG;
}

struct pie_str pie_ecb_variable_copy(EXTENSION_CONTROL_BLOCK *ecb, const char *name,
                                     struct pie_arena *arena) {
  struct pie_str value;
  return pie_ecb_variable_get(ecb, name, arena, &value) ? PIE_STR("") : value;
}

struct pie_str pie_ecb_variable_wide(EXTENSION_CONTROL_BLOCK *ecb, const char *name,
                                     struct pie_arena *arena) {
  DWORD bytes = 0;
  uint16_t none = 0;
  BOOL good = ecb->GetServerVariable(ecb->ConnID, (LPSTR)(uintptr_t)name, &none, &bytes);
  if (good || pie_os_error() != ERROR_INSUFFICIENT_BUFFER || bytes < 2 || bytes > VARIABLE_MAX)
    return PIE_STR("");
  uint16_t *wide = pie_arena_alloc(arena, bytes);
  char *text = pie_arena_alloc(arena, (size_t)bytes / 2 * 3 + 1);
  if (!wide || !text || !ecb->GetServerVariable(ecb->ConnID, (LPSTR)(uintptr_t)name, wide, &bytes))
    return PIE_STR("");
  size_t units = 0;
  while (units < bytes / 2 && wide[units])
    units++;
  size_t used = pie_utf16_to_utf8(wide, units, text);
  text[used] = '\0';
  return (struct pie_str){text, used};
}

int64_t pie_ecb_read(EXTENSION_CONTROL_BLOCK *ecb, void *buffer, size_t n) {
  DWORD bytes = n > TRANSFER_MAX ? TRANSFER_MAX : (DWORD)n;
  return ecb->ReadClient(ecb->ConnID, buffer, &bytes) ? (int64_t)bytes : -PIE_EGONE;
}

int pie_ecb_write(EXTENSION_CONTROL_BLOCK *ecb, const void *bytes, size_t n) {
  const char *at = bytes;
  while (n) {
    DWORD put = n > TRANSFER_MAX ? TRANSFER_MAX : (DWORD)n;
    if (!ecb->WriteClient(ecb->ConnID, (LPVOID)(uintptr_t)at, &put, HSE_IO_SYNC) || !put)
      return -PIE_EGONE;
    at += put;
    n -= put;
  }
  return 0;
}

static bool support(EXTENSION_CONTROL_BLOCK *ecb, DWORD code, void *buffer, DWORD *size,
                    DWORD *type) {
  return ecb->ServerSupportFunction(ecb->ConnID, code, buffer, size, type) != FALSE;
}

const struct pie_isapi_request *pie_ecb_shared(EXTENSION_CONTROL_BLOCK *ecb) {
  const struct pie_isapi_request *shared = NULL;
  bool good = support(ecb, HSE_REQ_PIE_REQUEST, &shared, NULL, NULL) && shared;
  return good && shared->size == sizeof *shared ? shared : NULL;
}

int pie_ecb_send_headers(EXTENSION_CONTROL_BLOCK *ecb, struct pie_str status,
                         struct pie_str headers, bool keep) {
  HSE_SEND_HEADER_EX_INFO info = {.pszStatus = status.p,
                                  .pszHeader = headers.p,
                                  .cchStatus = (DWORD)status.n,
                                  .cchHeader = (DWORD)headers.n,
                                  .fKeepConn = keep};
  return support(ecb, HSE_REQ_SEND_RESPONSE_HEADER_EX, &info, NULL, NULL) ? 0 : -PIE_EGONE;
}

static bool means_unsupported(uint32_t code) {
  return code == ERROR_INVALID_PARAMETER || code == 50 /* ERROR_NOT_SUPPORTED */ ||
         code == 120 /* ERROR_CALL_NOT_IMPLEMENTED */;
}

int pie_ecb_vector_send(EXTENSION_CONTROL_BLOCK *ecb, HSE_RESPONSE_VECTOR *vector) {
  if (support(ecb, HSE_REQ_VECTOR_SEND, vector, NULL, NULL))
    return 0;
  return means_unsupported(pie_os_error()) ? -PIE_ENOTSUP : -PIE_EGONE;
}

int pie_ecb_transmit_file(EXTENSION_CONTROL_BLOCK *ecb, intptr_t file, uint32_t offset,
                          uint32_t length) {
  HSE_TF_INFO info = {
      .hFile = (HANDLE)file, .BytesToWrite = length, .Offset = offset, .dwFlags = HSE_IO_SYNC};
  if (support(ecb, HSE_REQ_TRANSMIT_FILE, &info, NULL, NULL))
    return 0;
  return means_unsupported(pie_os_error()) ? -PIE_ENOTSUP : -PIE_EGONE;
}

/* Never called: no asynchronous operation is started. The host wants an address. */
static void WINAPI on_nothing(EXTENSION_CONTROL_BLOCK *ecb, PVOID context, DWORD bytes,
                              DWORD error) {
  (void)ecb, (void)context, (void)bytes, (void)error;
}

bool pie_ecb_on_completion(EXTENSION_CONTROL_BLOCK *ecb, pie_ecb_completion function,
                           void *context) {
  return support(ecb, HSE_REQ_IO_COMPLETION, (void *)(uintptr_t)function, NULL, context);
}

bool pie_ecb_can_pend(EXTENSION_CONTROL_BLOCK *ecb) {
  return pie_ecb_on_completion(ecb, on_nothing, NULL);
}

static int begun(bool good) {
  return good ? 0 : means_unsupported(pie_os_error()) ? -PIE_ENOTSUP : -PIE_EGONE;
}

int pie_ecb_read_async(EXTENSION_CONTROL_BLOCK *ecb, void *buffer, size_t n) {
  DWORD bytes = n > TRANSFER_MAX ? TRANSFER_MAX : (DWORD)n, flags = HSE_IO_ASYNC;
  return begun(support(ecb, HSE_REQ_ASYNC_READ_CLIENT, buffer, &bytes, &flags));
}

int pie_ecb_exec_url(EXTENSION_CONTROL_BLOCK *ecb, HSE_EXEC_URL_INFO *info) {
  return begun(support(ecb, HSE_REQ_EXEC_URL, info, NULL, NULL));
}

int pie_ecb_exec_url_status(EXTENSION_CONTROL_BLOCK *ecb) {
  HSE_EXEC_URL_STATUS status = {0};
  bool good = support(ecb, HSE_REQ_GET_EXEC_URL_STATUS, &status, NULL, NULL);
  return good ? status.uHttpStatusCode : 0;
}

intptr_t pie_ecb_token(EXTENSION_CONTROL_BLOCK *ecb) {
  HANDLE token = NULL;
  return support(ecb, HSE_REQ_GET_IMPERSONATION_TOKEN, &token, NULL, NULL) ? (intptr_t)token : 0;
}

void pie_ecb_append_log(EXTENSION_CONTROL_BLOCK *ecb, const char *text) {
  DWORD size = (DWORD)strlen(text);
  support(ecb, HSE_APPEND_LOG_PARAMETER, (void *)(uintptr_t)text, &size, NULL);
}

/* The answer goes to "a global persisted BOOL", as Microsoft has it: never to a stack. */
bool pie_ecb_is_connected(EXTENSION_CONTROL_BLOCK *ecb) {
  static PIE_THREAD_LOCAL BOOL connected;
  connected = TRUE;
  return !support(ecb, HSE_REQ_IS_CONNECTED, &connected, NULL, NULL) || connected;
}

void pie_ecb_done(EXTENSION_CONTROL_BLOCK *ecb, uint32_t status) {
  DWORD value = status;
  support(ecb, HSE_REQ_DONE_WITH_SESSION, &value, NULL, NULL);
}

void pie_ecb_set_flush(EXTENSION_CONTROL_BLOCK *ecb) {
  support(ecb, HSE_REQ_SET_FLUSH_FLAG, (void *)(intptr_t)TRUE, NULL, NULL);
}

void pie_ecb_break_off(EXTENSION_CONTROL_BLOCK *ecb) {
  support(ecb, HSE_REQ_ABORTIVE_CLOSE, NULL, NULL, NULL);
  pie_ecb_close(ecb);
}

bool pie_ecb_close(EXTENSION_CONTROL_BLOCK *ecb) {
  return support(ecb, HSE_REQ_CLOSE_CONNECTION, NULL, NULL, NULL);
}

bool pie_ecb_unhealthy(EXTENSION_CONTROL_BLOCK *ecb, const char *why) {
  return support(ecb, HSE_REQ_REPORT_UNHEALTHY, (void *)(uintptr_t)why, NULL, NULL);
}
