/* SPDX-License-Identifier: Apache-2.0
 *
 * With quirks=apache our host behaves like httpd's mod_isapi: ISAPI.md, section 9.
 */
#include "harness/served.h"
#include "platform/platform.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define GET "GET /a%20b?q HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
#define POST(length) "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: " length

static const char *const settings[] = {"quirks", "apache", "app", "a:b", "server-header", "", NULL};

static void check_answer(served_proc proc, const char *request, const char *want) {
  for (int as = SERVED_PLAIN; as <= SERVED_OURS; as++) {
    struct served served;
    served_start(&served, (enum served_as)as, proc, settings);
    CHECK_TEXT(served_ask(&served, request), want);
    served_stop(&served);
  }
}

static BOOL get(EXTENSION_CONTROL_BLOCK *ecb, const char *name, char *out, DWORD size) {
  out[0] = '\0';
  return ecb->GetServerVariable(ecb->ConnID, (LPSTR)(uintptr_t)name, out, &size);
}

static DWORD look_at_block(EXTENSION_CONTROL_BLOCK *ecb) {
  char text[200];
  CHECK_INT(ecb->dwVersion, 0x500); /* not MAKELONG */
  CHECK_INT(ecb->dwHttpStatusCode, 0);
  CHECK_TEXT(ecb->lpszPathInfo, "/a b");
  CHECK(ecb->lpszPathTranslated == NULL && ecb->lpszContentType == NULL && ecb->lpbData == NULL);
  CHECK(get(ecb, "REQUEST_URI", text, sizeof text));
  CHECK_TEXT(text, "/a%20b?q");
  CHECK(get(ecb, "SERVER_SOFTWARE", text, sizeof text));
  CHECK(strncmp(text, "Apache", 6) == 0);
  CHECK(get(ecb, "SCRIPT_NAME", text, sizeof text) && !*text);
  CHECK(get(ecb, "SERVER_PORT_SECURE", text, sizeof text) && *text == '0');
  CHECK(get(ecb, "PYISAPIE_APP", text, sizeof text)); /* as SetEnv */
  static const char *const missing[] = {"HTTP_URL",   "UNENCODED_URL",    "HTTPS",
                                        "LOGON_USER", "APPL_MD_PATH",     "INSTANCE_ID",
                                        "AUTH_USER",  "UNICODE_PATH_INFO"};
  for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++) {
    test_context("%s", missing[i]);
    CHECK(!get(ecb, missing[i], text, sizeof text));
    CHECK_INT(pie_os_error(), ERROR_INVALID_INDEX);
  }
  test_context(NULL);
  return ext_head(ecb, "200 OK", "Content-Length: 0\r\n\r\n", true) ? HSE_STATUS_SUCCESS
                                                                    : HSE_STATUS_ERROR;
}

static void block_and_variables(void) {
  check_answer(look_at_block, GET,
               "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

/* Section 9: 7, 16, 19. */
static DWORD ask_for_what_it_has_not(EXTENSION_CONTROL_BLOCK *ecb) {
  static const DWORD codes[] = {HSE_REQ_IO_COMPLETION,     HSE_REQ_DONE_WITH_SESSION,
                                HSE_REQ_VECTOR_SEND,       HSE_REQ_CLOSE_CONNECTION,
                                HSE_REQ_ABORTIVE_CLOSE,    HSE_REQ_SET_FLUSH_FLAG,
                                HSE_REQ_ASYNC_READ_CLIENT, HSE_REQ_PIE_REQUEST};
  BOOL answer = TRUE;
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    CHECK(!ext_support(ecb, codes[i], NULL));
    CHECK_INT(pie_os_error(), ERROR_INVALID_PARAMETER);
  }
  CHECK(ext_support(ecb, HSE_REQ_IS_KEEP_CONN, &answer) && !answer); /* 14 */
  ext_head(ecb, "200 OK", "Content-Length: 2\r\n\r\n", true);
  DWORD size = 2; /* asynchronous is silently synchronous */
  CHECK(ecb->WriteClient(ecb->ConnID, (LPVOID)(uintptr_t) "hi", &size, HSE_IO_ASYNC));
  return HSE_STATUS_SUCCESS;
}

static void what_mod_isapi_has_not(void) {
  check_answer(ask_for_what_it_has_not, GET,
               "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi");
}

/* Section 9, 3. */
static DWORD status_500(EXTENSION_CONTROL_BLOCK *ecb) {
  CHECK(!ext_head(ecb, "500 Oh No", "X: y\r\n\r\n", true));
  CHECK_INT(pie_os_error(), ERROR_INVALID_PARAMETER);
  CHECK(ext_head(ecb, "200 OK", "Content-Length: 3\r\n\r\n", true));
  CHECK(!ext_head(ecb, "500 Oh No", "\r\n", true));
  CHECK(ext_write(ecb, "why"));
  return HSE_STATUS_SUCCESS;
}

static DWORD status_500_alone(EXTENSION_CONTROL_BLOCK *ecb) {
  CHECK(!ext_head(ecb, "500 Oh No", "X: y\r\n\r\n", true));
  return HSE_STATUS_SUCCESS;
}

static void status_500_is_refused_but_kept(void) {
  check_answer(status_500, GET,
               "HTTP/1.1 500 Oh No\r\nContent-Length: 3\r\nConnection: close\r\n\r\nwhy");
  struct served served;
  served_start(&served, SERVED_PLAIN, status_500_alone, settings);
  const char *got = served_ask(&served, GET); /* a page of the host's own */
  CHECK_HAS(got, "HTTP/1.1 500 Internal Server Error\r\n");
  CHECK_HAS_NOT(got, "Oh No");
  served_stop(&served);
}

static DWORD no_length(EXTENSION_CONTROL_BLOCK *ecb) {
  CHECK(ext_head(ecb, "200 OK", "X: y\r\n\r\n", true));
  CHECK(ext_write(ecb, "hello"));
  CHECK(ext_write(ecb, "world"));
  return HSE_STATUS_SUCCESS;
}

/* httpd chunks by itself. */
static void bodies_without_a_length_are_chunked(void) {
  check_answer(no_length, GET,
               "HTTP/1.1 200 OK\r\nX: y\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
               "5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n");
  check_answer(no_length, "GET / HTTP/1.0\r\n\r\n",
               "HTTP/1.1 200 OK\r\nX: y\r\nConnection: close\r\n\r\nhelloworld");
}

static DWORD head_only(EXTENSION_CONTROL_BLOCK *ecb) {
  CHECK(ext_head(ecb, "404 None", "Content-Length: 0\r\n\r\n", true));
  return HSE_STATUS_SUCCESS;
}

static void a_head_without_a_body_leaves_at_the_end(void) {
  check_answer(head_only, GET,
               "HTTP/1.1 404 None\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

/* Section 9, 11: only the low 32 bits. */
static DWORD look_at_length(EXTENSION_CONTROL_BLOCK *ecb) {
  CHECK_INT(ecb->cbTotalBytes, 3);
  return head_only(ecb);
}

static void long_lengths_are_truncated(void) {
  static const char *const unlimited[] = {"quirks", "apache", "body-limit", "0", NULL};
  struct served served;
  served_start(&served, SERVED_PLAIN, look_at_length, unlimited);
  int fd = served_connect(&served);
  client_send(fd, POST("4294967299") "\r\n\r\nabc");
  CHECK_HAS(client_read(fd, "POST"), "HTTP/1.1 404 None\r\n");
  close(fd);
  served_stop(&served);
}

/* Section 9, 10. */
static void chunked_requests_are_refused(void) {
  struct served served;
  served_start(&served, SERVED_PLAIN, head_only, settings);
  CHECK_HAS(served_ask(&served, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                                "0\r\n\r\n"),
            "HTTP/1.1 411 Length Required\r\n");
  served_stop(&served);
}

static DWORD pending(EXTENSION_CONTROL_BLOCK *ecb) {
  (void)ecb;
  return HSE_STATUS_PENDING;
}

/* Section 9, 7: memory unsafety there, so the end here. */
static void pending_is_a_breach(void) {
  struct served served;
  served_start(&served, SERVED_PLAIN, pending, settings);
  CHECK_HAS_NOT(served_ask(&served, GET), "HTTP/1.1 200");
  int status = served_wait(&served);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  CHECK_HAS(served_log(&served), "HSE_STATUS_PENDING where mod_isapi does not allow it");
}

static const struct test_case cases[] = {
    CASE(block_and_variables),
    CASE(what_mod_isapi_has_not),
    CASE(status_500_is_refused_but_kept),
    CASE(bodies_without_a_length_are_chunked),
    CASE(a_head_without_a_body_leaves_at_the_end),
    CASE(long_lengths_are_truncated),
    CASE(chunked_requests_are_refused),
    CASE(pending_is_a_breach),
};
TEST_MAIN(cases)
