/* SPDX-License-Identifier: Apache-2.0
 *
 * With quirks=iis our host has the functions that only IIS has: ISAPI.md, section 4.
 */
#include "base/utf16.h"
#include "harness/served.h"
#include "platform/platform.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define GET "GET /shop/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
#define GOOD "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

static const char *const settings[] = {"quirks", "iis", "applications",
                                       "/=/sites/root,/shop=/sites/gr\xc3\xbc\xc3\x9f", NULL};
static struct served served;

static BOOL call(EXTENSION_CONTROL_BLOCK *ecb, DWORD code, void *buffer, DWORD *size, void *type) {
  pie_os_error_set(0);
  return ecb->ServerSupportFunction(ecb->ConnID, code, buffer, size, type);
}

static DWORD answer(EXTENSION_CONTROL_BLOCK *ecb) {
  CHECK(ext_head(ecb, "200 OK", "Content-Length: 0\r\n\r\n", true));
  return HSE_STATUS_SUCCESS;
}

static void check_good(served_proc proc, const char *fields) {
  char request[512];
  snprintf(request, sizeof request, GET "%s\r\n", fields);
  served_start(&served, SERVED_PLAIN, proc, settings);
  CHECK_TEXT(served_ask(&served, request), GOOD);
  served_stop(&served);
}

/* ---- paths ---- */

static void check_map(EXTENSION_CONTROL_BLOCK *ecb, const char *url, const char *want) {
  char text[64];
  DWORD size = sizeof text;
  test_context("%s", url);
  strcpy(text, url);
  CHECK(call(ecb, HSE_REQ_MAP_URL_TO_PATH, text, &size, NULL));
  CHECK_TEXT(text, want);
  CHECK_INT(size, strlen(want) + 1);
  test_context(NULL);
}

static DWORD map_urls(EXTENSION_CONTROL_BLOCK *ecb) {
  char text[64] = "/a/b";
  DWORD size = 8;
  check_map(ecb, "/a/b.txt", "/sites/root/a/b.txt");
  check_map(ecb, "/SHOP/y?q",
            "/sites/gr?"
            "?/y"); /* what a code page has left of it */
  check_map(ecb, "/shopping", "/sites/root/shopping");
  check_map(ecb, "/shop/../../a", "/sites/root/a");
  check_map(ecb, "/a\\..\\b", "/sites/root/b");
  check_map(ecb, "/", "/sites/root/");
  CHECK(!call(ecb, HSE_REQ_MAP_URL_TO_PATH, text, &size, NULL));
  CHECK_INT(pie_os_error(), ERROR_INSUFFICIENT_BUFFER);
  CHECK_INT(size, sizeof "/sites/root/a/b");
  CHECK_TEXT(text, "/a/b");
  return answer(ecb);
}

static DWORD map_wide_urls(EXTENSION_CONTROL_BLOCK *ecb) {
  static const char want[] = "/sites/gr\xc3\xbc\xc3\x9f/\xc3\xa9";
  uint16_t text[64] = {'/', 's', 'h', 'o', 'p', '/', 0xe9, 0};
  char got[200];
  DWORD size = sizeof text, little = 10;
  CHECK(!call(ecb, HSE_REQ_MAP_UNICODE_URL_TO_PATH, text, &little, NULL));
  CHECK_INT(pie_os_error(), ERROR_INSUFFICIENT_BUFFER);
  CHECK(call(ecb, HSE_REQ_MAP_UNICODE_URL_TO_PATH, text, &size, NULL));
  CHECK_INT(size, little);
  CHECK_INT(size, (pie_utf16_length(text) + 1) * 2);
  got[pie_utf16_to_utf8(text, pie_utf16_length(text), got)] = '\0';
  CHECK_TEXT(got, want);
  return answer(ecb);
}

static DWORD map_more(EXTENSION_CONTROL_BLOCK *ecb) {
  char url[400] = "/a/b";
  HSE_URL_MAPEX_INFO info;
  HSE_UNICODE_URL_MAPEX_INFO wide;
  uint16_t wide_url[400] = {'/', 0xe9, 0};
  DWORD size = sizeof url;
  CHECK(call(ecb, HSE_REQ_MAP_URL_TO_PATH_EX, url, &size, &info));
  CHECK_TEXT(info.lpszPath, "/sites/root/a/b");
  CHECK_TEXT(url, "/a/b");
  CHECK_INT(info.cchMatchingPath, 15);
  CHECK_INT(info.cchMatchingURL, 4);
  CHECK_INT(info.dwFlags, HSE_URL_FLAGS_READ | HSE_URL_FLAGS_SCRIPT);
  CHECK(call(ecb, HSE_REQ_MAP_UNICODE_URL_TO_PATH_EX, wide_url, NULL, &wide));
  CHECK_INT(wide.cchMatchingPath, 13);
  CHECK_INT(wide.cchMatchingURL, 2);
  CHECK_INT(wide.lpszPath[12], 0xe9);
  CHECK_INT(wide.lpszPath[13], 0);
  memset(url, 'n', sizeof url - 1);
  url[0] = '/';
  for (int i = 0; url[i]; i++)
    wide_url[i] = (uint16_t)url[i];
  CHECK(!call(ecb, HSE_REQ_MAP_URL_TO_PATH_EX, url, &size, &info));
  CHECK_INT(pie_os_error(), ERROR_INSUFFICIENT_BUFFER);
  CHECK_INT(strlen(info.lpszPath), MAX_PATH - 1);
  CHECK(!call(ecb, HSE_REQ_MAP_UNICODE_URL_TO_PATH_EX, wide_url, NULL, &wide));
  CHECK_INT(pie_os_error(), ERROR_INSUFFICIENT_BUFFER);
  CHECK_INT(pie_utf16_length(wide.lpszPath), MAX_PATH - 1);
  CHECK(!call(ecb, HSE_REQ_MAP_URL_TO_PATH_EX, url, &size, NULL));
  return answer(ecb);
}

static DWORD normalize_urls(EXTENSION_CONTROL_BLOCK *ecb) {
  static const char *const rows[][2] = {{"/a%20b", "/a b"},
                                        {"/a/%2e%2e/b?x=%20", "/b?x=%20"},
                                        {"/a%5C..%5Cb", "/b"},
                                        {"/%41?", "/A?"},
                                        {"", ""}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char url[64];
    strcpy(url, rows[i][0]);
    CHECK(call(ecb, HSE_REQ_NORMALIZE_URL, url, NULL, NULL));
    CHECK_TEXT(url, rows[i][1]);
  }
  return answer(ecb);
}

static void paths(void) {
  check_good(map_urls, "");
  check_good(map_wide_urls, "");
  check_good(map_more, "");
  check_good(normalize_urls, "");
}

/* ---- certificates, variables ---- */

static DWORD ask_for_certificate(EXTENSION_CONTROL_BLOCK *ecb) {
  BYTE bytes[8] = {0};
  CERT_CONTEXT_EX cert = {.CertContext = {.pbCertEncoded = bytes}, .cbAllocated = 2};
  CHECK(!call(ecb, HSE_REQ_GET_CERT_INFO_EX, &cert, NULL, NULL));
  CHECK_INT(pie_os_error(), ERROR_INSUFFICIENT_BUFFER);
  CHECK_INT(cert.CertContext.cbCertEncoded, 3);
  cert.cbAllocated = sizeof bytes;
  CHECK(call(ecb, HSE_REQ_GET_CERT_INFO_EX, &cert, NULL, NULL));
  CHECK_INT(cert.CertContext.cbCertEncoded, 3);
  CHECK_INT(cert.CertContext.dwCertEncodingType, X509_ASN_ENCODING);
  CHECK_INT(cert.dwCertificateFlags, 1);
  CHECK(memcmp(bytes, "\x30\x0a\xff\0", 4) == 0);
  return answer(ecb);
}

static DWORD ask_without_certificate(EXTENSION_CONTROL_BLOCK *ecb) {
  CERT_CONTEXT_EX cert = {.cbAllocated = 0};
  CHECK(!call(ecb, HSE_REQ_GET_CERT_INFO_EX, &cert, NULL, NULL));
  CHECK_INT(pie_os_error(), ERROR_NOT_FOUND);
  return answer(ecb);
}

static DWORD ask_for_nothing(EXTENSION_CONTROL_BLOCK *ecb) {
  char text[16];
  DWORD size = sizeof text;
  CHECK(!ecb->GetServerVariable(ecb->ConnID, (LPSTR)(uintptr_t) "CERT_ISSUER", text, &size));
  CHECK_INT(pie_os_error(), ERROR_NO_DATA);
  return answer(ecb);
}

static void certificates(void) {
  check_good(ask_for_certificate, "X-IIS-Set: CERT_DER=300aFF; CERT_FLAGS=1\r\n");
  check_good(ask_without_certificate, "");
  check_good(ask_for_nothing, "X-IIS-Set: CERT_ISSUER=\r\n");
}

/* ---- what is simple, and what cannot be ---- */

static DWORD ask_the_rest(EXTENSION_CONTROL_BLOCK *ecb) {
  DWORD kind = 9;
  PFN_HSE_CACHE_INVALIDATION_CALLBACK invalidate = NULL;
  HSE_TRACE_INFO trace = {.fTraceRequest = TRUE};
  CHECK(call(ecb, HSE_REQ_IS_IN_PROCESS, &kind, NULL, NULL));
  CHECK_INT(kind, HSE_APP_FLAG_IN_PROCESS);
  CHECK(call(ecb, HSE_REQ_GET_CACHE_INVALIDATION_CALLBACK, &invalidate, NULL, NULL));
  CHECK(invalidate && invalidate((WCHAR[]){'/', 0}) == 0);
  CHECK(call(ecb, HSE_REQ_GET_TRACE_INFO, &trace, NULL, NULL));
  CHECK(!trace.fTraceRequest);
  CHECK(call(ecb, HSE_REQ_RAISE_TRACE_EVENT, &trace, NULL, NULL));
  CHECK(call(ecb, HSE_REQ_CANCEL_IO, NULL, NULL, NULL)); /* there is none */
  return answer(ecb);
}

static DWORD ask_for_what_cannot_be(EXTENSION_CONTROL_BLOCK *ecb) {
  static const DWORD codes[] = {HSE_REQ_GET_SSPI_INFO,
                                HSE_REQ_REFRESH_ISAPI_ACL,
                                1019,
                                1020,
                                HSE_REQ_GET_ANONYMOUS_TOKEN,
                                HSE_REQ_GET_UNICODE_ANONYMOUS_TOKEN,
                                HSE_REQ_GET_TRACE_INFO_EX,
                                HSE_REQ_GET_CONFIG_OBJECT,
                                HSE_REQ_GET_WORKER_PROCESS_SETTINGS,
                                HSE_REQ_GET_PROTOCOL_MANAGER_CUSTOM_INTERFACE_CALLBACK,
                                HSE_REQ_GET_CHANNEL_BINDING_TOKEN};
  char space[256] = "";
  DWORD size = sizeof space, type[64];
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    test_context("%u", (unsigned)codes[i]);
    CHECK(!call(ecb, codes[i], space, &size, type));
    CHECK_INT(pie_os_error(), ERROR_NOT_SUPPORTED);
  }
  test_context(NULL);
  CHECK(!call(ecb, 1999, space, &size, type));
  CHECK_INT(pie_os_error(), ERROR_INVALID_PARAMETER);
  CHECK(!call(ecb, HSE_REQ_IS_IN_PROCESS, NULL, NULL, NULL));
  CHECK_INT(pie_os_error(), ERROR_INVALID_PARAMETER);
  return answer(ecb);
}

static DWORD ask_elsewhere(EXTENSION_CONTROL_BLOCK *ecb) {
  DWORD kind;
  CHECK(!call(ecb, HSE_REQ_IS_IN_PROCESS, &kind, NULL, NULL));
  CHECK_INT(pie_os_error(), ERROR_INVALID_PARAMETER);
  return answer(ecb);
}

static void the_rest(void) {
  check_good(ask_the_rest, "");
  check_good(ask_for_what_cannot_be, "");
  served_start(&served, SERVED_PLAIN, ask_elsewhere, NULL);
  CHECK_TEXT(served_ask(&served, GET "\r\n"), GOOD);
  served_stop(&served);
}

/* ---- asynchronous ones ---- */

static struct {
  char bytes[8];
  DWORD size;
  int cancelled;
} reading;

static void set_completion(EXTENSION_CONTROL_BLOCK *ecb, PFN_HSE_IO_COMPLETION function) {
  void *address;
  memcpy(&address, &function, sizeof address);
  CHECK(call(ecb, HSE_REQ_IO_COMPLETION, address, NULL, NULL));
}

static void begin_reading(EXTENSION_CONTROL_BLOCK *ecb) {
  DWORD type = HSE_IO_ASYNC;
  reading.size = sizeof reading.bytes;
  CHECK(call(ecb, HSE_REQ_ASYNC_READ_CLIENT, reading.bytes, &reading.size, &type));
}

/* What was cancelled is read once more, and comes then. */
static void WINAPI on_read(EXTENSION_CONTROL_BLOCK *ecb, PVOID context, DWORD bytes, DWORD error) {
  (void)context;
  if (!reading.cancelled++) {
    CHECK_INT(error, ERROR_OPERATION_ABORTED);
    CHECK_INT(bytes, 0);
    CHECK(ext_head(ecb, "200 OK", "Content-Length: 4\r\n\r\n", true));
    CHECK(call(ecb, HSE_REQ_SET_FLUSH_FLAG, (void *)(intptr_t)TRUE, NULL, NULL));
    CHECK(ext_write(ecb, "go")); /* for the client */
    begin_reading(ecb);
    return;
  }
  CHECK_INT(error, 0);
  reading.bytes[bytes] = '\0';
  CHECK(ext_write(ecb, reading.bytes));
  ext_done(ecb, HSE_STATUS_SUCCESS);
}

static DWORD cancel_a_read(EXTENSION_CONTROL_BLOCK *ecb) {
  reading.cancelled = 0;
  set_completion(ecb, on_read);
  begin_reading(ecb);
  sleep_ms(50);
  CHECK(call(ecb, HSE_REQ_CANCEL_IO, NULL, NULL, NULL));
  return HSE_STATUS_PENDING;
}

static void a_read_is_cancelled(void) {
  char go[3] = "";
  served_start(&served, SERVED_PLAIN, cancel_a_read, settings);
  int fd = served_connect(&served);
  client_send(fd, "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 2\r\n\r\n");
  const char *head = "HTTP/1.1 200 OK";
  char got[512] = "";
  size_t n = 0;
  while (!strstr(got, "\r\n\r\ngo") && n < sizeof got - 1) {
    ssize_t more = read(fd, got + n, sizeof got - 1 - n);
    REQUIRE(more > 0);
    n += (size_t)more;
  }
  CHECK_HAS(got, head);
  client_send(fd, "ok");
  CHECK_INT(read(fd, go, 2), 2);
  CHECK_TEXT(go, "ok");
  close(fd);
  served_stop(&served);
}

static void WINAPI on_error_sent(EXTENSION_CONTROL_BLOCK *ecb, PVOID context, DWORD bytes,
                                 DWORD error) {
  (void)context, (void)bytes;
  CHECK_INT(error, 0);
  ext_done(ecb, HSE_STATUS_SUCCESS);
}

static DWORD send_error(EXTENSION_CONTROL_BLOCK *ecb) {
  static char status[] = "404 Not Here";
  HSE_CUSTOM_ERROR_INFO info = {.pszStatus = status, .fAsync = TRUE};
  set_completion(ecb, on_error_sent);
  CHECK(call(ecb, HSE_REQ_SEND_CUSTOM_ERROR, &info, NULL, NULL));
  return HSE_STATUS_PENDING;
}

static void an_error_page_is_sent_asynchronously(void) {
  served_start(&served, SERVED_PLAIN, send_error, settings);
  CHECK_HAS(served_ask(&served, GET "\r\n"), "HTTP/1.1 404 Not Found\r\n");
  served_stop(&served);
}

static DWORD exec_wide_url(EXTENSION_CONTROL_BLOCK *ecb) {
  static WCHAR url[] = {'/', 'n', 'o', 'n', 'e', 0xe9, 0};
  HSE_EXEC_UNICODE_URL_INFO info = {.pszUrl = (void *)url,
                                    .dwExecUrlFlags = HSE_EXEC_URL_IGNORE_CURRENT_INTERCEPTOR};
  set_completion(ecb, on_error_sent);
  CHECK(call(ecb, HSE_REQ_EXEC_UNICODE_URL, &info, NULL, NULL));
  return HSE_STATUS_PENDING;
}

static void wide_urls_are_executed(void) {
  char folder[700], path[720];
  snprintf(folder, sizeof folder, "/=%s", test_folder());
  snprintf(path, sizeof path, "%s/none\xc3\xa9", test_folder());
  const char *const own[] = {"quirks", "iis", "applications", folder, NULL};
  for (int exists = 0; exists < 2; exists++) {
    FILE *file = exists ? fopen(path, "w") : NULL;
    if (file)
      fclose(file);
    served_start(&served, SERVED_PLAIN, exec_wide_url, own);
    CHECK_HAS(served_ask(&served, GET "\r\n"),
              exists ? "HTTP/1.1 200 OK\r\n" : "HTTP/1.1 404 Not Found\r\n");
    served_stop(&served);
  }
}

/* ---- what is logged; what is a breach ---- */

static DWORD append_to_log(EXTENSION_CONTROL_BLOCK *ecb) {
  static char text[] = "&id=7";
  DWORD size = sizeof text - 1;
  CHECK(call(ecb, HSE_APPEND_LOG_PARAMETER, text, &size, NULL));
  strcpy(ecb->lpszLogData, "&more\"");
  return answer(ecb);
}

static void the_access_log_has_what_is_appended(void) {
  static const char *const own[] = {"quirks", "iis", "access-log", "combined", NULL};
  served_start(&served, SERVED_PLAIN, append_to_log, own);
  CHECK_TEXT(served_ask(&served, "GET /x?q HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
             GOOD);
  served_stop(&served);
  CHECK_HAS(served_access_log(&served), "\"GET /x?q&id=7&more\\\" HTTP/1.1\" 200 0");
}

static DWORD cache_a_part(EXTENSION_CONTROL_BLOCK *ecb) {
  HSE_RESPONSE_VECTOR vector = {.dwFlags = HSE_IO_SEND_HEADERS | HSE_IO_CACHE_RESPONSE,
                                .pszStatus = (LPSTR)(uintptr_t) "200 OK",
                                .pszHeaders = (LPSTR)(uintptr_t) "\r\n"};
  call(ecb, HSE_REQ_VECTOR_SEND, &vector, NULL, NULL);
  return HSE_STATUS_SUCCESS;
}

static void only_whole_responses_are_cached(void) {
  served_start(&served, SERVED_PLAIN, cache_a_part, settings);
  served_ask(&served, GET "\r\n");
  int status = served_wait(&served);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  CHECK_HAS(served_log(&served), "HSE_IO_CACHE_RESPONSE without HSE_IO_FINAL_SEND");
}

static const struct test_case cases[] = {
    CASE(paths),
    CASE(certificates),
    CASE(the_rest),
    CASE(a_read_is_cancelled),
    CASE(an_error_page_is_sent_asynchronously),
    CASE(wide_urls_are_executed),
    CASE(the_access_log_has_what_is_appended),
    CASE(only_whole_responses_are_cached),
};
TEST_MAIN(cases)
