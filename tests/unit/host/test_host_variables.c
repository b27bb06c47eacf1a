/* SPDX-License-Identifier: Apache-2.0
 *
 * GetServerVariable of our host, and the control block, as IIS has them.
 */
#include "harness/served.h"
#include "platform/platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct served served;

static BOOL get(EXTENSION_CONTROL_BLOCK *ecb, const char *name, void *buffer, DWORD *size) {
  return ecb->GetServerVariable(ecb->ConnID, (LPSTR)(uintptr_t)name, buffer, size);
}

static void add_wide(struct pie_buf *out, const uint16_t *units, size_t n) {
  for (size_t i = 0; i < n; i++)
    pie_buf_addf(out, units[i] >= 0x20 && units[i] < 0x7f ? "%c" : "<%04x>", units[i]);
}

/* The query is a list of names; the answer has a line for each: NAME=value, or NAME!error. */
static DWORD tell(EXTENSION_CONTROL_BLOCK *ecb) {
  struct pie_buf out;
  struct pie_str rest = pie_str_from(ecb->lpszQueryString);
  pie_buf_init(&out, 1 << 20);
  pie_buf_adds(&out, "");
  while (rest.n) {
    union {
      char text[8192];
      uint16_t wide[4096];
    } value;
    char name[100];
    struct pie_str one = pie_str_cut(&rest, '&');
    snprintf(name, sizeof name, "%.*s", (int)one.n, one.p);
    DWORD size = sizeof value;
    BOOL good = get(ecb, name, &value, &size);
    pie_buf_addf(&out, "%s%s", name, good ? "=" : "!");
    if (!good)
      pie_buf_addf(&out, "%d", (int)pie_os_error());
    else if (strncmp(name, "UNICODE_", 8) == 0)
      add_wide(&out, value.wide, size / 2 - 1);
    else
      pie_buf_append(&out, value.text, size - 1);
    pie_buf_adds(&out, ";");
  }
  DWORD outcome = ext_answer(ecb, out.p);
  pie_buf_free(&out);
  return outcome;
}

static void check(const char *request, const char *want) {
  const char *got = served_ask(&served, request);
  const char *body = strstr(got, "\r\n\r\n");
  CHECK_TEXT(body ? body + 4 : got, want);
}

#define CLOSE "Connection: close\r\n\r\n"

static void the_names_of_iis(void) {
  char want[600];
  static const char *const settings[] = {"root", "/srv/site", "app", "a:b", NULL};
  served_start(&served, SERVED_PLAIN, tell, settings);
  check("GET /a%20b/./c?REQUEST_METHOD&PATH_INFO&SCRIPT_NAME&URL&HTTP_URL&UNENCODED_URL"
        " HTTP/1.1\r\nHost: h\r\n" CLOSE,
        "REQUEST_METHOD=GET;PATH_INFO=/a b/c;SCRIPT_NAME=/a b/c;URL=/a b/c;"
        "HTTP_URL=/a%20b/./c?REQUEST_METHOD&PATH_INFO&SCRIPT_NAME&URL&HTTP_URL&UNENCODED_URL;"
        "UNENCODED_URL=/a%20b/./c?REQUEST_METHOD&PATH_INFO&SCRIPT_NAME&URL&HTTP_URL&UNENCODED_URL"
        ";");
  snprintf(want, sizeof want,
           "SERVER_NAME=example.org;SERVER_PORT=%d;SERVER_PROTOCOL=HTTP/1.1;REMOTE_ADDR=127.0.0.1;"
           "LOCAL_ADDR=127.0.0.1;HTTPS=off;SERVER_PORT_SECURE=0;",
           served.port);
  check("GET /?SERVER_NAME&SERVER_PORT&SERVER_PROTOCOL&REMOTE_ADDR&LOCAL_ADDR&HTTPS&"
        "SERVER_PORT_SECURE HTTP/1.1\r\nHost: example.org:99\r\n" CLOSE,
        want);
  check("GET /?SERVER_PROTOCOL&APPL_MD_PATH&APPL_PHYSICAL_PATH&INSTANCE_ID&REMOTE_USER&AUTH_TYPE&"
        "LOGON_USER HTTP/1.0\r\n\r\n",
        "SERVER_PROTOCOL=HTTP/1.0;APPL_MD_PATH=/LM/W3SVC/1/ROOT;APPL_PHYSICAL_PATH=/srv/site;"
        "INSTANCE_ID=1;REMOTE_USER=;AUTH_TYPE=;LOGON_USER=;");
  check("POST /?CONTENT_LENGTH&CONTENT_TYPE&PYISAPIE_APP&PYISAPIE_THREADS HTTP/1.0\r\n"
        "Content-Length: 2\r\nContent-Type: text/x\r\n\r\nhi",
        "CONTENT_LENGTH=2;CONTENT_TYPE=text/x;PYISAPIE_APP=a:b;PYISAPIE_THREADS!22;");
  served_stop(&served);
}

static void header_fields(void) {
  served_start(&served, SERVED_PLAIN, tell, NULL);
  check("GET /?ALL_RAW&ALL_HTTP HTTP/1.1\r\nHost:  h \r\nX-Y: 1\r\nx-y: 2\r\n" CLOSE,
        "ALL_RAW=Host: h\r\nX-Y: 1\r\nx-y: 2\r\nConnection: close\r\n;"
        "ALL_HTTP=HTTP_HOST:h\nHTTP_X_Y:1\nHTTP_X_Y:2\nHTTP_CONNECTION:close\n;");
  check("GET /?HTTP_X_Y&http_x_y&HTTP_X&HTTP_X_YZ&HTTP_ HTTP/1.1\r\nHost: h\r\nX-Y: 1\r\n" CLOSE,
        "HTTP_X_Y=1;http_x_y=1;HTTP_X!22;HTTP_X_YZ!22;HTTP_!22;");
  check("GET /?NO_SUCH&all_raw2&&UNICODE_NO_SUCH&UNICODE_ HTTP/1.1\r\nHost: h\r\n" CLOSE,
        "NO_SUCH!22;all_raw2!22;!22;UNICODE_NO_SUCH!22;UNICODE_!22;");
  served_stop(&served);
}

/* RFC 9112, 3.2.2: what the client's Host says does not count beside an absolute target. */
static void an_absolute_target_replaces_the_host(void) {
  served_start(&served, SERVED_PLAIN, tell, NULL);
  check("GET http://real.example:81/x?SERVER_NAME&HTTP_HOST&ALL_RAW&HTTP_URL HTTP/1.1\r\n"
        "A: 1\r\nHost: forged.example\r\nB: 2\r\n" CLOSE,
        "SERVER_NAME=real.example;HTTP_HOST=real.example:81;"
        "ALL_RAW=A: 1\r\nHost: real.example:81\r\nB: 2\r\nConnection: close\r\n;"
        "HTTP_URL=http://real.example:81/x?SERVER_NAME&HTTP_HOST&ALL_RAW&HTTP_URL;");
  check("GET http://real.example?SERVER_NAME&ALL_RAW&PATH_INFO HTTP/1.0\r\nA: 1\r\n\r\n",
        "SERVER_NAME=real.example;ALL_RAW=A: 1\r\nHost: real.example\r\n;PATH_INFO=/;");
  served_stop(&served);
}

static void check_path(const char *target, const char *want) {
  char request[256], line[256];
  snprintf(request, sizeof request, "GET %s?PATH_INFO HTTP/1.0\r\n\r\n", target);
  snprintf(line, sizeof line, "PATH_INFO=%s;", want);
  check(request, line);
}

static void paths_are_decoded_once_and_without_dots(void) {
  served_start(&served, SERVED_PLAIN, tell, NULL);
  check_path("/a/b", "/a/b");
  check_path("/", "/");
  check_path("/%41%2f%2F", "/A//");
  check_path("/a/../../../etc", "/etc");
  check_path("/a/%2e%2e/%2E%2e/b", "/b");
  check_path("/a%2f..%2fb", "/b");
  check_path("/%252e%252e/b", "/%2e%2e/b");
  check_path("/a/.", "/a/");
  check_path("/a/..", "/");
  check_path("//a", "//a");
  check_path("/%zz%", "/%zz%");
  check_path("/%ff%fe", "/\xff\xfe");
  served_stop(&served);
}

static void wide_variables(void) {
  served_start(&served, SERVED_PLAIN, tell, NULL);
  check("GET /%C3%A9%E2%82%AC%F0%9F%98%80?UNICODE_PATH_INFO&UNICODE_SCRIPT_NAME HTTP/1.0\r\n\r\n",
        "UNICODE_PATH_INFO=/<00e9><20ac><d83d><de00>;"
        "UNICODE_SCRIPT_NAME=/<00e9><20ac><d83d><de00>;");
  check("GET /x?UNICODE_REMOTE_USER HTTP/1.0\r\n\r\n", "UNICODE_REMOTE_USER=;");
  served_stop(&served);
}

/* Bytes that are no UTF-8 are taken as latin-1: an overlong form of "/" or "." must not become
 * one, after the dots have been resolved. */
static void wide_variables_of_what_is_no_utf8(void) {
  static const char *const rows[][2] = {
      {"%ff", "<00ff>"},
      {"%c3", "<00c3>"},
      {"%c0%af", "<00c0><00af>"},
      {"%e0%80%af", "<00e0><0080><00af>"},
      {"%e0%80%ae%e0%80%ae/", "<00e0><0080><00ae><00e0><0080><00ae>/"},
      {"%f0%80%80%af", "<00f0><0080><0080><00af>"},
      {"%ed%a0%80", "<00ed><00a0><0080>"},
      {"%f4%90%80%80", "<00f4><0090><0080><0080>"},
      {"%f5%80%80%80", "<00f5><0080><0080><0080>"},
      {"%e2%82", "<00e2><0082>"},
      {"%e2%82/", "<00e2><0082>/"},
      {"%f4%8f%bf%bf", "<dbff><dfff>"},
  };
  served_start(&served, SERVED_PLAIN, tell, NULL);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char request[256], want[256];
    snprintf(request, sizeof request, "GET /%s?UNICODE_PATH_INFO HTTP/1.0\r\n\r\n", rows[i][0]);
    snprintf(want, sizeof want, "UNICODE_PATH_INFO=/%s;", rows[i][1]);
    check(request, want);
  }
  served_stop(&served);
}

/* ---- sizes and errors ---- */

static DWORD try_sizes(EXTENSION_CONTROL_BLOCK *ecb) {
  char text[64];
  memset(text, '#', sizeof text);
  for (DWORD size = 0; size < 7; size++) {
    DWORD asked = size;
    CHECK(!get(ecb, "PATH_INFO", text, &asked));
    CHECK_INT(pie_os_error(), ERROR_INSUFFICIENT_BUFFER);
    CHECK_INT(asked, 7);
    CHECK_INT(text[0], '#'); /* nothing is written when it is too small */
  }
  DWORD size = 7;
  CHECK(get(ecb, "PATH_INFO", text, &size));
  CHECK_INT(size, 7);
  CHECK_TEXT(text, "/12345");
  CHECK_INT(text[7], '#');
  memset(text, '#', sizeof text);
  size = 13;
  CHECK(!get(ecb, "UNICODE_PATH_INFO", text, &size));
  CHECK_INT(size, 14);
  CHECK_INT(text[0], '#');
  CHECK(get(ecb, "UNICODE_PATH_INFO", text, &size));
  CHECK_INT(size, 14);
  CHECK_INT(text[13], 0);
  CHECK_INT(text[14], '#');
  CHECK(!ecb->GetServerVariable(ecb->ConnID, NULL, text, &size));
  CHECK_INT(pie_os_error(), ERROR_INVALID_PARAMETER);
  CHECK(!get(ecb, "PATH_INFO", text, NULL));
  return ext_answer(ecb, "done");
}

static void sizes_are_exact(void) {
  served_start(&served, SERVED_PLAIN, try_sizes, NULL);
  check("GET /12345 HTTP/1.0\r\n\r\n", "done");
  served_stop(&served);
}

static DWORD look_at_block(EXTENSION_CONTROL_BLOCK *ecb) {
  CHECK_INT(ecb->cbSize, sizeof *ecb);
  CHECK_INT(ecb->dwVersion, MAKELONG(0, 8));
  CHECK_TEXT(ecb->lpszMethod, "PUT");
  CHECK_TEXT(ecb->lpszQueryString, "q=%20");
  CHECK_TEXT(ecb->lpszPathInfo, "/x");
  CHECK_TEXT(ecb->lpszPathTranslated, ""); /* never NULL */
  CHECK_TEXT(ecb->lpszContentType, "");
  CHECK_TEXT(ecb->lpszLogData, "");
  CHECK_INT(ecb->cbTotalBytes, PIE_ISAPI_LENGTH_UNKNOWN);
  return ext_answer(ecb, "done");
}

static void the_block_has_no_null_pointers(void) {
  served_start(&served, SERVED_PLAIN, look_at_block, NULL);
  check("PUT /x?q=%20 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n" CLOSE "0\r\n\r\n",
        "done");
  served_stop(&served);
}

/* Our own extension is told all at once. */
static DWORD look_at_shared(EXTENSION_CONTROL_BLOCK *ecb) {
  const struct pie_isapi_request *shared = NULL;
  REQUIRE(ext_support(ecb, HSE_REQ_PIE_REQUEST, &shared) && shared);
  CHECK_INT(shared->size, sizeof *shared);
  CHECK_STR(shared->target, "/%41?q");
  CHECK_STR(shared->path, "/A");
  CHECK_STR(shared->protocol, "HTTP/1.1");
  CHECK_STR(shared->server_name, "h");
  CHECK_STR(shared->remote_addr, "127.0.0.1");
  CHECK_STR(shared->content_type, "text/x");
  CHECK_INT(shared->content_length, 2);
  CHECK_INT(shared->header_count, 4);
  CHECK_STR(shared->headers[3].name, "Connection");
  CHECK(!shared->secure);
  return ext_answer(ecb, "done");
}

static void our_extension_is_told_all_at_once(void) {
  served_start(&served, SERVED_OURS, look_at_shared, NULL);
  check("POST /%41?q HTTP/1.1\r\nHost: h:1\r\nContent-Type: text/x\r\nContent-Length: 2\r\n" CLOSE
        "hi",
        "done");
  served_stop(&served);
}

static const struct test_case cases[] = {
    CASE(the_names_of_iis),
    CASE(header_fields),
    CASE(an_absolute_target_replaces_the_host),
    CASE(paths_are_decoded_once_and_without_dots),
    CASE(wide_variables),
    CASE(wide_variables_of_what_is_no_utf8),
    CASE(sizes_are_exact),
    CASE(the_block_has_no_null_pointers),
    CASE(our_extension_is_told_all_at_once),
};
TEST_MAIN(cases)
