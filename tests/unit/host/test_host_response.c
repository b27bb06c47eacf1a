/* SPDX-License-Identifier: Apache-2.0
 *
 * What an extension sends through our host, by every call that there is, and what a client gets.
 */
#include "harness/served.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"
#define CLOSE(path) "GET " path " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

static struct served served;
static served_proc scripted;

/* Everything else is for seeing that the connection goes on. */
static DWORD script(EXTENSION_CONTROL_BLOCK *ecb) {
  return ext_path_is(ecb, "/next") ? ext_answer(ecb, "next") : scripted(ecb);
}

static DWORD script_later(EXTENSION_CONTROL_BLOCK *ecb) { return ext_pend(ecb, script); }

/* The answer to one request on a connection, on all kinds of threads; again: the connection must
 * (or must not) serve another request. */
static void check_answer(served_proc proc, const char *method, const char *want, bool again) {
  scripted = proc;
  for (int way = 0; way < 3; way++) {
    char request[128];
    snprintf(request, sizeof request, "%s / HTTP/1.1\r\nHost: h\r\n\r\n", method);
    test_context("way %d, %.60s", way, want);
    served_start(&served, way == 2 ? SERVED_PLAIN : SERVED_OURS, way == 1 ? script_later : script,
                 NULL);
    int fd = served_connect(&served);
    client_send(fd, request);
    client_expect(fd, method, want);
    client_send(fd, GET("/next"));
    client_expect(fd, "GET", again ? "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext" : "");
    close(fd);
    served_stop(&served);
  }
  test_context(NULL);
}

/* ---- heads and bodies ---- */

static DWORD head_and_write(EXTENSION_CONTROL_BLOCK *ecb) {
  CHECK(ext_head(ecb, "201 Made", "Content-Length: 10\r\nX-Y: z\r\n\r\n", true));
  CHECK(ext_write(ecb, "hello"));
  CHECK(ext_write(ecb, "world"));
  return HSE_STATUS_SUCCESS_AND_KEEP_CONN;
}

static DWORD head_without_length(EXTENSION_CONTROL_BLOCK *ecb) {
  CHECK(ext_head(ecb, "200 OK", "\r\n", true));
  CHECK(ext_write(ecb, "hello"));
  return HSE_STATUS_SUCCESS;
}

static DWORD head_that_closes(EXTENSION_CONTROL_BLOCK *ecb) {
  CHECK(ext_head(ecb, "200 OK", "Content-Length: 2\r\n\r\n", false));
  CHECK(ext_write(ecb, "hi"));
  return HSE_STATUS_SUCCESS;
}

/* "Optional headers or data to be appended" (Visual Studio 6's documentation). */
static DWORD old_head_with_body(EXTENSION_CONTROL_BLOCK *ecb) {
  CHECK(ecb->ServerSupportFunction(ecb->ConnID, HSE_REQ_SEND_RESPONSE_HEADER, NULL, NULL,
                                   (LPDWORD)(uintptr_t) "Content-Length: 5\r\n\r\nhel"));
  CHECK(ext_write(ecb, "lo"));
  return HSE_STATUS_SUCCESS;
}

static DWORD old_head(EXTENSION_CONTROL_BLOCK *ecb) {
  CHECK(ecb->ServerSupportFunction(ecb->ConnID, HSE_REQ_SEND_RESPONSE_HEADER,
                                   (LPVOID)(uintptr_t) "202 Yes", NULL,
                                   (LPDWORD)(uintptr_t) "Content-Length: 2\r\n\r\n"));
  CHECK(ext_write(ecb, "hi"));
  return HSE_STATUS_SUCCESS;
}

static void heads_by_call_and_bodies_by_write(void) {
  check_answer(head_and_write, "GET",
               "HTTP/1.1 201 Made\r\nContent-Length: 10\r\nX-Y: z\r\n\r\nhelloworld", true);
  check_answer(head_without_length, "GET", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello",
               false);
  check_answer(head_that_closes, "GET",
               "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi", false);
  check_answer(old_head, "GET",
               "HTTP/1.1 202 Yes\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi", false);
  check_answer(old_head_with_body, "GET",
               "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello", false);
}

static DWORD vector_in_pieces(EXTENSION_CONTROL_BLOCK *ecb) {
  CHECK(ext_vector(ecb, "200 OK", "Transfer-Encoding: chunked\r\n\r\n", NULL, HSE_IO_SEND_HEADERS));
  CHECK(ext_vector(ecb, NULL, NULL, "5\r\nhello\r\n", 0));
  CHECK(ext_vector(ecb, NULL, NULL, "0\r\n\r\n", HSE_IO_FINAL_SEND));
  return HSE_STATUS_SUCCESS;
}

static DWORD vector_of_many(EXTENSION_CONTROL_BLOCK *ecb) {
  static char one_mib[1 << 20];
  HSE_VECTOR_ELEMENT elements[200];
  memset(one_mib, 'm', sizeof one_mib);
  for (int i = 0; i < 200; i++)
    elements[i] = (HSE_VECTOR_ELEMENT){
        .pvContext = (PVOID)(uintptr_t) "abcdef", .cbOffset = (ULONGLONG)(i % 6), .cbSize = 1};
  elements[100] = (HSE_VECTOR_ELEMENT){.pvContext = one_mib, .cbSize = sizeof one_mib};
  char headers[64];
  snprintf(headers, sizeof headers, "Content-Length: %zu\r\n\r\n", 199 + sizeof one_mib);
  HSE_RESPONSE_VECTOR vector = {.dwFlags = HSE_IO_SEND_HEADERS | HSE_IO_FINAL_SEND,
                                .pszStatus = (LPSTR)(uintptr_t) "200 OK",
                                .pszHeaders = headers,
                                .nElementCount = 200,
                                .lpElementArray = elements};
  CHECK(ext_support(ecb, HSE_REQ_VECTOR_SEND, &vector));
  return HSE_STATUS_SUCCESS;
}

static void vectors(void) {
  check_answer(vector_in_pieces, "GET",
               "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
               true);
  struct pie_buf want;
  pie_buf_init(&want, 2 << 20);
  pie_buf_adds(&want, "HTTP/1.1 200 OK\r\nContent-Length: 1048775\r\n\r\n");
  for (int i = 0; i < 200; i++) {
    if (i != 100)
      pie_buf_append(&want, &"abcdef"[i % 6], 1);
    for (int n = 0; i == 100 && n < 1 << 20; n++)
      pie_buf_adds(&want, "m");
  }
  check_answer(vector_of_many, "GET", want.p, true);
  pie_buf_free(&want);
}

/* ---- files ---- */

static int open_file(void) {
  char path[600];
  snprintf(path, sizeof path, "%s/file", test_folder());
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  REQUIRE(fd >= 0 && write(fd, "0123456789", 10) == 10);
  return fd;
}

static DWORD transmit(EXTENSION_CONTROL_BLOCK *ecb) {
  static const char head[] = "Content-Length: 9\r\n\r\n";
  int fd = open_file();
  HSE_TF_INFO info = {.hFile = (HANDLE)(intptr_t)fd,
                      .Offset = 3,
                      .pszStatusCode = "200 OK",
                      .pHead = (PVOID)(uintptr_t)head,
                      .HeadLength = sizeof head - 1,
                      .pTail = (PVOID)(uintptr_t) "xy",
                      .TailLength = 2,
                      .dwFlags = HSE_IO_SEND_HEADERS};
  CHECK(ext_support(ecb, HSE_REQ_TRANSMIT_FILE, &info)); /* BytesToWrite 0: the rest */
  info.Offset = 11;
  CHECK(!ext_support(ecb, HSE_REQ_TRANSMIT_FILE, &info)); /* past the end */
  close(fd);
  return HSE_STATUS_SUCCESS;
}

/* After a head of its own pHead is text. */
static DWORD transmit_between(EXTENSION_CONTROL_BLOCK *ecb) {
  int fd = open_file();
  HSE_TF_INFO info = {.hFile = (HANDLE)(intptr_t)fd,
                      .BytesToWrite = 2,
                      .pHead = (PVOID)(uintptr_t) "<",
                      .HeadLength = 1,
                      .pTail = (PVOID)(uintptr_t) ">",
                      .TailLength = 1};
  CHECK(ext_head(ecb, "200 OK", "Content-Length: 4\r\n\r\n", true));
  CHECK(ext_support(ecb, HSE_REQ_TRANSMIT_FILE, &info));
  close(fd);
  return HSE_STATUS_SUCCESS;
}

static DWORD vector_with_rest_of_file(EXTENSION_CONTROL_BLOCK *ecb) {
  int fd = open_file();
  HSE_VECTOR_ELEMENT element = {.ElementType = HSE_VECTOR_ELEMENT_TYPE_FILE_HANDLE,
                                .pvContext = (PVOID)(intptr_t)fd,
                                .cbOffset = 7};
  HSE_RESPONSE_VECTOR vector = {.dwFlags = HSE_IO_SEND_HEADERS | HSE_IO_FINAL_SEND,
                                .pszStatus = (LPSTR)(uintptr_t) "200 OK",
                                .pszHeaders = (LPSTR)(uintptr_t) "Content-Length: 3\r\n\r\n",
                                .nElementCount = 1,
                                .lpElementArray = &element};
  CHECK(ext_support(ecb, HSE_REQ_VECTOR_SEND, &vector));
  close(fd);
  return HSE_STATUS_SUCCESS;
}

static DWORD vector_with_file(EXTENSION_CONTROL_BLOCK *ecb) {
  int fd = open_file();
  HSE_VECTOR_ELEMENT elements[] = {{.pvContext = (PVOID)(uintptr_t) "<", .cbSize = 1},
                                   {.ElementType = HSE_VECTOR_ELEMENT_TYPE_FILE_HANDLE,
                                    .pvContext = (PVOID)(intptr_t)fd,
                                    .cbOffset = 2,
                                    .cbSize = 4},
                                   {.pvContext = (PVOID)(uintptr_t) ">", .cbSize = 1}};
  HSE_RESPONSE_VECTOR vector = {.dwFlags = HSE_IO_SEND_HEADERS | HSE_IO_FINAL_SEND,
                                .pszStatus = (LPSTR)(uintptr_t) "200 OK",
                                .pszHeaders = (LPSTR)(uintptr_t) "Content-Length: 6\r\n\r\n",
                                .nElementCount = 3,
                                .lpElementArray = elements};
  CHECK(ext_support(ecb, HSE_REQ_VECTOR_SEND, &vector));
  close(fd);
  return HSE_STATUS_SUCCESS;
}

static void files(void) {
  check_answer(transmit, "GET", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n3456789xy", true);
  check_answer(transmit_between, "GET", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<01>", true);
  check_answer(vector_with_rest_of_file, "GET", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n789",
               true);
  check_answer(vector_with_file, "GET", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<2345>", true);
}

/* ---- bodies that must not be ---- */

static const char *bodiless_status;

static DWORD body_nevertheless(EXTENSION_CONTROL_BLOCK *ecb) {
  ext_head(ecb, bodiless_status, "X-Y: z\r\n\r\n", true);
  ext_write(ecb, "HTTP/1.1 666 Forged\r\n\r\n");
  return HSE_STATUS_SUCCESS;
}

static DWORD vector_nevertheless(EXTENSION_CONTROL_BLOCK *ecb) {
  ext_vector(ecb, bodiless_status, "Content-Length: 10\r\n\r\n", "HTTP/1.1 6",
             HSE_IO_SEND_HEADERS | HSE_IO_FINAL_SEND);
  return HSE_STATUS_SUCCESS;
}

/* IIS drops such a body; on a kept connection it would be the next response. */
static void bodies_for_head_204_and_304_do_not_leave(void) {
  bodiless_status = "200 OK";
  check_answer(body_nevertheless, "HEAD", "HTTP/1.1 200 OK\r\nX-Y: z\r\n\r\n", true);
  check_answer(vector_nevertheless, "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", true);
  bodiless_status = "204 None";
  check_answer(body_nevertheless, "GET", "HTTP/1.1 204 None\r\nX-Y: z\r\n\r\n", true);
  bodiless_status = "304 Same";
  check_answer(vector_nevertheless, "GET", "HTTP/1.1 304 Same\r\nContent-Length: 10\r\n\r\n", true);
}

/* ---- responses that are not whole ---- */

static DWORD nothing(EXTENSION_CONTROL_BLOCK *ecb) {
  (void)ecb;
  return HSE_STATUS_SUCCESS;
}

static DWORD error_before(EXTENSION_CONTROL_BLOCK *ecb) {
  (void)ecb;
  return HSE_STATUS_ERROR;
}

static DWORD too_short(EXTENSION_CONTROL_BLOCK *ecb) {
  ext_head(ecb, "200 OK", "Content-Length: 10\r\n\r\n", true);
  ext_write(ecb, "hello");
  return HSE_STATUS_SUCCESS_AND_KEEP_CONN;
}

static DWORD error_after(EXTENSION_CONTROL_BLOCK *ecb) {
  ext_vector(ecb, "200 OK", "Transfer-Encoding: chunked\r\n\r\n", "5\r\nhello\r\n",
             HSE_IO_SEND_HEADERS);
  return HSE_STATUS_ERROR;
}

static DWORD error_by_close(EXTENSION_CONTROL_BLOCK *ecb) {
  ext_head(ecb, "200 OK", "\r\n", true);
  ext_write(ecb, "hello");
  return HSE_STATUS_ERROR;
}

static DWORD close_connection(EXTENSION_CONTROL_BLOCK *ecb) {
  ext_vector(ecb, "200 OK", "Content-Length: 10\r\n\r\n", "hello", HSE_IO_SEND_HEADERS);
  CHECK(ext_support(ecb, HSE_REQ_CLOSE_CONNECTION, NULL));
  CHECK(!ext_vector(ecb, NULL, NULL, "world", HSE_IO_FINAL_SEND));
  BOOL connected = TRUE;
  CHECK(ext_support(ecb, HSE_REQ_IS_CONNECTED, &connected));
  CHECK(!connected);
  return HSE_STATUS_ERROR;
}

static void check_broken(served_proc proc, const char *has) {
  scripted = proc;
  for (int way = 0; way < 3; way++) {
    test_context("way %d, %s", way, has);
    served_start(&served, way == 2 ? SERVED_PLAIN : SERVED_OURS, way == 1 ? script_later : script,
                 NULL);
    int fd = served_connect(&served);
    client_send(fd, GET("/") GET("/next"));
    const char *got = client_read_all(fd);
    CHECK_HAS(got, has);
    CHECK_HAS_NOT(got, "next");
    close(fd);
    CHECK_HAS(served_ask(&served, CLOSE("/next")), "next");
    served_stop(&served);
  }
  test_context(NULL);
}

static void what_is_not_whole_looks_broken(void) {
  check_broken(too_short, "\r\n\r\nhello");
  check_broken(error_after, "5\r\nhello\r\n");
  check_broken(error_by_close, "(reset)"); /* a mere end would look like the body's end */
  check_broken(close_connection, "\r\n\r\nhello");
}

static void no_response_is_answered_by_the_host(void) {
  check_broken(nothing, "HTTP/1.1 500 Internal Server Error\r\n");
  check_broken(error_before, "HTTP/1.1 500 Internal Server Error\r\n");
}

/* DONE_WITH_SESSION may come before HttpExtensionProc is back, with another outcome. */
static DWORD fail_and_return_late(EXTENSION_CONTROL_BLOCK *ecb) {
  DWORD outcome = ext_pend(ecb, error_by_close);
  sleep_ms(100);
  return outcome;
}

static void the_outcome_of_done_with_session_counts(void) {
  scripted = fail_and_return_late;
  for (int as = SERVED_PLAIN; as <= SERVED_OURS; as++) {
    served_start(&served, (enum served_as)as, script, NULL);
    int fd = served_connect(&served);
    client_send(fd, GET("/"));
    CHECK_HAS(client_read_all(fd), "(reset)");
    close(fd);
    served_stop(&served);
  }
}

static DWORD go_elsewhere(EXTENSION_CONTROL_BLOCK *ecb) {
  CHECK(ext_support(ecb, HSE_REQ_SEND_URL_REDIRECT_RESP, (void *)(uintptr_t) "/there"));
  return HSE_STATUS_SUCCESS;
}

static DWORD let_the_host_refuse(EXTENSION_CONTROL_BLOCK *ecb) {
  char status[] = "404 Not Found", wrong[] = "no status";
  HSE_CUSTOM_ERROR_INFO info = {.pszStatus = wrong};
  CHECK(!ext_support(ecb, HSE_REQ_SEND_CUSTOM_ERROR, &info));
  info.pszStatus = status;
  CHECK(ext_support(ecb, HSE_REQ_SEND_CUSTOM_ERROR, &info));
  return HSE_STATUS_SUCCESS;
}

static void answers_of_the_hosts_own_making(void) {
  check_answer(go_elsewhere, "GET",
               "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n", true);
  scripted = let_the_host_refuse;
  served_start(&served, SERVED_PLAIN, script, NULL);
  int fd = served_connect(&served);
  client_send(fd, GET("/"));
  CHECK_HAS(client_read_all(fd), "HTTP/1.1 404 Not Found\r\n");
  close(fd);
  served_stop(&served);
}

static const struct test_case cases[] = {
    CASE(heads_by_call_and_bodies_by_write),
    CASE(vectors),
    CASE(files),
    CASE(bodies_for_head_204_and_304_do_not_leave),
    CASE(what_is_not_whole_looks_broken),
    CASE(no_response_is_answered_by_the_host),
    CASE(the_outcome_of_done_with_session_counts),
    CASE(answers_of_the_hosts_own_making),
};
TEST_MAIN(cases)
