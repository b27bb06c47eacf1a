/* SPDX-License-Identifier: Apache-2.0
 *
 * ServerSupportFunction codes that only IIS has (quirks = iis), but for those that send or receive:
 * ISAPI.md, section 4. What a host without TLS, logons, a kernel cache and a configuration store
 * cannot have is refused with ERROR_NOT_SUPPORTED.
 */
#include "base/error.h"
#include "base/utf16.h"
#include "host/host.h"

#include <string.h>

static BOOL refuse(uint32_t code) {
  pie_os_error_set(code);
  return FALSE;
}

/* ---- paths ---- */

/* Decoded, where it is encoded, and without dot segments; the query goes. */
static struct pie_str normalized(struct pie_exchange *x, struct pie_str url, bool encoded) {
  struct pie_str path = pie_str_cut(&url, '?');
  char *out = pie_arena_alloc(&x->arena, path.n + 1);
  if (!out)
    return PIE_STR("");
  size_t n = path.n;
  if (encoded)
    n = pie_str_percent_decode(path, out);
  else
    memcpy(out, path.p, n);
  for (size_t i = 0; i < n; i++)
    out[i] = out[i] == '\\' ? '/' : out[i];
  if (n && out[0] == '/')
    n = pie_str_remove_dots(out, n);
  out[n] = '\0';
  return (struct pie_str){out, n};
}

static struct pie_str mapped(struct pie_exchange *x, struct pie_str url) {
  return pie_iis_path_of(x, normalized(x, url, false));
}

/* The text is also the answer; *size is its room, and what is needed. */
static BOOL map_url(struct pie_exchange *x, char *text, DWORD *size) {
  struct pie_str path = pie_iis_narrow(x, mapped(x, pie_str_from(text)));
  bool fits = *size > path.n;
  *size = (DWORD)path.n + 1;
  if (!fits)
    return refuse(ERROR_INSUFFICIENT_BUFFER);
  memcpy(text, path.p, path.n);
  text[path.n] = '\0';
  return TRUE;
}

struct pie_str pie_iis_from_wide(struct pie_exchange *x, const WCHAR *wide) {
  size_t n = pie_utf16_length((const uint16_t *)wide);
  char *out = pie_arena_alloc(&x->arena, n * 3 + 1);
  if (!out)
    return PIE_STR("");
  size_t used = pie_utf16_to_utf8((const uint16_t *)wide, n, out);
  out[used] = '\0';
  return (struct pie_str){out, used};
}

/* The same; *size is in bytes. */
static BOOL map_wide_url(struct pie_exchange *x, WCHAR *text, DWORD *size) {
  struct pie_str path = mapped(x, pie_iis_from_wide(x, text));
  size_t bytes = (pie_utf16_from(path, NULL) + 1) * sizeof *text;
  bool fits = *size >= bytes;
  *size = (DWORD)bytes;
  if (!fits)
    return refuse(ERROR_INSUFFICIENT_BUFFER);
  text[pie_utf16_from(path, (uint16_t *)text)] = 0;
  return TRUE;
}

enum { URL_FLAGS = HSE_URL_FLAGS_READ | HSE_URL_FLAGS_SCRIPT };

/* What does not fit is cut, and says so. */
static BOOL map_url_ex(struct pie_exchange *x, const char *url, HSE_URL_MAPEX_INFO *info) {
  struct pie_str path = pie_iis_narrow(x, mapped(x, pie_str_from(url)));
  size_t n = path.n < MAX_PATH ? path.n : MAX_PATH - 1;
  *info = (HSE_URL_MAPEX_INFO){.dwFlags = URL_FLAGS,
                               .cchMatchingPath = (DWORD)n,
                               .cchMatchingURL = (DWORD)pie_str_from(url).n};
  memcpy(info->lpszPath, path.p, n);
  return n == path.n ? TRUE : refuse(ERROR_INSUFFICIENT_BUFFER);
}

static BOOL map_wide_url_ex(struct pie_exchange *x, const WCHAR *url,
                            HSE_UNICODE_URL_MAPEX_INFO *info) {
  struct pie_str path = mapped(x, pie_iis_from_wide(x, url));
  uint16_t *wide = pie_arena_alloc(&x->arena, (path.n + 1) * sizeof *wide);
  size_t all = wide ? pie_utf16_from(path, wide) : 0;
  size_t n = all < MAX_PATH ? all : MAX_PATH - 1;
  *info = (HSE_UNICODE_URL_MAPEX_INFO){.dwFlags = URL_FLAGS,
                                       .cchMatchingPath = (DWORD)n,
                                       .cchMatchingURL =
                                           (DWORD)pie_utf16_length((const uint16_t *)url)};
  if (n)
    memcpy(info->lpszPath, wide, n * sizeof *wide);
  return n == all ? TRUE : refuse(ERROR_INSUFFICIENT_BUFFER);
}

/* In place: it never grows. */
static BOOL normalize_url(struct pie_exchange *x, char *url) {
  struct pie_str path = normalized(x, pie_str_from(url), true);
  const char *query = strchr(url, '?');
  memcpy(url, path.p, path.n);
  memmove(url + path.n, query ? query : "", query ? strlen(query) + 1 : 1);
  return TRUE;
}

/* ---- who asks ---- */

static int hex_digit(char c) {
  const char *digits = "0123456789abcdef", *at = c ? strchr(digits, pie_ascii_lower(c)) : NULL;
  return at ? (int)(at - digits) : -1;
}

/* A request brings one as "X-IIS-Set: CERT_DER=" with hexadecimal digits. */
static BOOL give_certificate(struct pie_exchange *x, CERT_CONTEXT_EX *out) {
  struct pie_str digits, flags;
  int64_t number = 0;
  if (!pie_iis_variable(x, PIE_STR("CERT_DER"), &digits))
    return refuse(ERROR_NOT_FOUND);
  out->CertContext.cbCertEncoded = (DWORD)(digits.n / 2);
  if (out->cbAllocated < digits.n / 2)
    return refuse(ERROR_INSUFFICIENT_BUFFER);
  for (size_t i = 0; i + 1 < digits.n; i += 2)
    out->CertContext.pbCertEncoded[i / 2] =
        (BYTE)(hex_digit(digits.p[i]) << 4 | hex_digit(digits.p[i + 1]));
  if (pie_iis_variable(x, PIE_STR("CERT_FLAGS"), &flags))
    pie_str_to_int64(flags, &number);
  out->CertContext.dwCertEncodingType = X509_ASN_ENCODING;
  out->dwCertificateFlags = (DWORD)number;
  return TRUE;
}

static BOOL give_token(HANDLE *out) {
  intptr_t token = pie_token_of_user();
  if (!token)
    return refuse(ERROR_INVALID_PARAMETER);
  *out = (HANDLE)token;
  return TRUE;
}

/* ---- the rest ---- */

/* We keep no response: so none is left when this is back. */
static HRESULT WINAPI invalidate(WCHAR *url) {
  (void)url;
  return 0;
}

static BOOL give_invalidation(PFN_HSE_CACHE_INVALIDATION_CALLBACK *out) {
  *out = invalidate;
  return TRUE;
}

/* Nobody traces. */
static BOOL give_trace_info(HSE_TRACE_INFO *out) {
  *out = (HSE_TRACE_INFO){.fTraceRequest = FALSE};
  return TRUE;
}

static BOOL give_process_kind(DWORD *out) {
  *out = HSE_APP_FLAG_IN_PROCESS;
  return TRUE;
}

static BOOL without_buffer(DWORD code) {
  return code == HSE_REQ_RAISE_TRACE_EVENT ? TRUE : refuse(ERROR_INVALID_PARAMETER);
}

enum { GET_EXECUTE_FLAGS = 1019, EXTENSION_TRIGGER = 1020 }; /* no header names them any more */

static bool is_known(DWORD code) {
  switch (code) {
  case HSE_REQ_GET_SSPI_INFO:
  case HSE_REQ_REFRESH_ISAPI_ACL:
  case GET_EXECUTE_FLAGS:
  case EXTENSION_TRIGGER:
  case HSE_REQ_GET_ANONYMOUS_TOKEN:
  case HSE_REQ_GET_UNICODE_ANONYMOUS_TOKEN:
  case HSE_REQ_GET_TRACE_INFO_EX:
  case HSE_REQ_GET_CONFIG_OBJECT:
  case HSE_REQ_GET_WORKER_PROCESS_SETTINGS:
  case HSE_REQ_GET_PROTOCOL_MANAGER_CUSTOM_INTERFACE_CALLBACK:
  case HSE_REQ_GET_CHANNEL_BINDING_TOKEN:
    return true;
  default:
    return false;
  }
}

BOOL pie_iis_support(struct pie_exchange *x, DWORD code, LPVOID buffer, LPDWORD size,
                     LPDWORD type) {
  if (is_known(code))
    return refuse(ERROR_NOT_SUPPORTED);
  if (!buffer)
    return without_buffer(code);
  switch (code) {
  case HSE_REQ_MAP_URL_TO_PATH:
    return size ? map_url(x, buffer, size) : refuse(ERROR_INVALID_PARAMETER);
  case HSE_REQ_MAP_UNICODE_URL_TO_PATH:
    return size ? map_wide_url(x, buffer, size) : refuse(ERROR_INVALID_PARAMETER);
  case HSE_REQ_MAP_URL_TO_PATH_EX:
    return type ? map_url_ex(x, buffer, (HSE_URL_MAPEX_INFO *)type)
                : refuse(ERROR_INVALID_PARAMETER);
  case HSE_REQ_MAP_UNICODE_URL_TO_PATH_EX:
    return type ? map_wide_url_ex(x, buffer, (HSE_UNICODE_URL_MAPEX_INFO *)type)
                : refuse(ERROR_INVALID_PARAMETER);
  case HSE_REQ_NORMALIZE_URL:
    return normalize_url(x, buffer);
  case HSE_REQ_GET_IMPERSONATION_TOKEN:
    return give_token(buffer);
  case HSE_REQ_GET_CERT_INFO_EX:
    return give_certificate(x, buffer);
  case HSE_REQ_IS_IN_PROCESS:
    return give_process_kind(buffer);
  case HSE_REQ_GET_CACHE_INVALIDATION_CALLBACK:
    return give_invalidation(buffer);
  case HSE_REQ_GET_TRACE_INFO:
    return give_trace_info(buffer);
  case HSE_REQ_RAISE_TRACE_EVENT:
    return TRUE; /* as with tracing off */
  default:
    return refuse(ERROR_INVALID_PARAMETER);
  }
}
