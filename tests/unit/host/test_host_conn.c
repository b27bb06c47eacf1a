/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections of our host: one request after the other, in order, and when they end.
 */
#include "harness/served.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define HELLO_CLOSE "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
#define GET "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
#define GET_CLOSE "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

static struct served served;

/* Answers "hello", or the path when it is longer than "/"; "/later..." from another thread, after
 * a while. */
static DWORD answer(EXTENSION_CONTROL_BLOCK *ecb) {
  return ext_answer(ecb, ecb->lpszPathInfo[1] ? ecb->lpszPathInfo : "hello");
}

static DWORD answer_late(EXTENSION_CONTROL_BLOCK *ecb) {
  sleep_ms(20);
  return answer(ecb);
}

static DWORD script(EXTENSION_CONTROL_BLOCK *ecb) {
  if (strncmp(ecb->lpszPathInfo, "/later", 6) == 0)
    return ext_pend(ecb, answer_late);
  if (strncmp(ecb->lpszPathInfo, "/slow", 5) == 0)
    sleep_ms(20);
  return answer(ecb);
}

static void start(enum served_as as) { served_start(&served, as, script, NULL); }

/* ---- what persists ---- */

static void check_keep_alive(enum served_as as) {
  start(as);
  int fd = served_connect(&served);
  for (int i = 0; i < 3; i++) {
    client_send(fd, GET);
    client_expect(fd, "GET", HELLO);
  }
  client_send(fd, GET_CLOSE);
  client_expect(fd, "GET", HELLO_CLOSE);
  CHECK(client_is_closed(fd, 5000));
  close(fd);
  served_stop(&served);
}

static void requests_share_a_connection(void) {
  check_keep_alive(SERVED_OURS);
  check_keep_alive(SERVED_PLAIN);
}

static void http_1_0_closes_unless_asked(void) {
  start(SERVED_OURS);
  CHECK_TEXT(served_ask(&served, "GET / HTTP/1.0\r\n\r\n"), HELLO_CLOSE);
  int fd = served_connect(&served);
  client_send(fd, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  client_expect(fd, "GET",
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello");
  client_send(fd, "GET / HTTP/1.0\r\n\r\n");
  client_expect(fd, "GET", HELLO_CLOSE);
  CHECK(client_is_closed(fd, 5000));
  close(fd);
  served_stop(&served);
}

static void empty_lines_before_a_request_are_skipped(void) {
  start(SERVED_OURS);
  int fd = served_connect(&served);
  client_send(fd, "\r\n\r\n" GET "\r\n" GET_CLOSE);
  client_expect(fd, "GET", HELLO);
  client_expect(fd, "GET", HELLO_CLOSE);
  close(fd);
  served_stop(&served);
}

static void a_request_may_come_byte_by_byte(void) {
  start(SERVED_OURS);
  int fd = served_connect(&served);
  for (const char *at = GET GET_CLOSE; *at; at++) {
    client_send_bytes(fd, (struct pie_str){at, 1});
    usleep(300);
  }
  client_expect(fd, "GET", HELLO);
  client_expect(fd, "GET", HELLO_CLOSE);
  close(fd);
  served_stop(&served);
}

/* ---- pipelines ---- */

static void check_pipeline(enum served_as as, const char *first, const char *second, int count) {
  struct pie_buf all;
  pie_buf_init(&all, 1 << 24);
  start(as);
  for (int i = 0; i < count; i++)
    pie_buf_addf(&all, "GET /%s-%d HTTP/1.1\r\nHost: h\r\n\r\n", i % 2 ? second : first, i);
  int fd = served_connect(&served);
  client_send_bytes(fd, pie_buf_str(&all));
  for (int i = 0; i < count && !test_has_failed(); i++) {
    char path[64], want[200];
    snprintf(path, sizeof path, "/%s-%d", i % 2 ? second : first, i);
    snprintf(want, sizeof want, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(path),
             path);
    test_context("%s, %s, number %d", first, second, i);
    client_expect(fd, "GET", want);
  }
  test_context(NULL);
  close(fd);
  served_stop(&served);
  pie_buf_free(&all);
}

static void pipelined_requests_are_answered_in_order(void) {
  check_pipeline(SERVED_OURS, "a", "b", 50);
  check_pipeline(SERVED_PLAIN, "a", "b", 50);
  check_pipeline(SERVED_OURS, "later", "later", 10);
  check_pipeline(SERVED_OURS, "later", "a", 20);
  check_pipeline(SERVED_OURS, "slow", "a", 20);
  check_pipeline(SERVED_OURS, "slow", "later", 20);
  check_pipeline(SERVED_PLAIN, "later", "slow", 20);
}

/* More than the host keeps while a request runs: it must stop reading, and go on. */
static void a_long_pipeline_loses_nothing(void) {
  check_pipeline(SERVED_OURS, "a", "b", 20000);
  check_pipeline(SERVED_OURS, "later", "b", 400);
}

static char big[100001];

static DWORD answer_big(EXTENSION_CONTROL_BLOCK *ecb) { return ext_answer(ecb, big); }

/* A client that sends on and reads nothing yet. */
static void a_pipeline_of_large_answers_is_held_back(void) {
  enum { COUNT = 60 };
  struct pie_buf all;
  pie_buf_init(&all, 1 << 20);
  memset(big, 'b', sizeof big - 1);
  served_start(&served, SERVED_PLAIN, answer_big, NULL);
  for (int i = 0; i < COUNT; i++)
    pie_buf_adds(&all, GET);
  int fd = served_connect(&served);
  client_send_bytes(fd, pie_buf_str(&all));
  sleep_ms(200);
  for (int i = 0; i < COUNT && !test_has_failed(); i++) {
    const char *got = client_read(fd, "GET");
    CHECK_INT(strlen(got), 100000 + strlen("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"));
  }
  close(fd);
  served_stop(&served);
  pie_buf_free(&all);
}

/* The same on the thread that has the loop: it must not be lost there, either. */
static void a_client_that_reads_late_loses_nothing(void) {
  enum { COUNT = 60 };
  struct pie_buf all;
  pie_buf_init(&all, 1 << 20);
  memset(big, 'b', sizeof big - 1);
  served_start(&served, SERVED_OURS, answer_big, NULL);
  for (int i = 0; i < COUNT; i++)
    pie_buf_adds(&all, GET);
  int fd = served_connect(&served);
  client_send_bytes(fd, pie_buf_str(&all));
  sleep_ms(200);
  CHECK_HAS(served_ask(&served, GET_CLOSE), "Connection: close"); /* others are served meanwhile */
  for (int i = 0; i < COUNT && !test_has_failed(); i++) {
    test_context("answer %d", i);
    const char *got = client_read(fd, "GET");
    CHECK_INT(strlen(got), 100000 + strlen("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"));
  }
  close(fd);
  served_stop(&served);
  pie_buf_free(&all);
}

/* A client may say that it sends no more before it has read its answers (RFC 9112, 9.6). */
static void a_half_closed_connection_gets_its_answers(void) {
  start(SERVED_OURS);
  int fd = served_connect(&served);
  client_send(fd, "GET /later-1 HTTP/1.1\r\nHost: h\r\n\r\n"
                  "GET /later-2 HTTP/1.1\r\nHost: h\r\n\r\n" GET);
  shutdown(fd, SHUT_WR);
  const char *got = client_read_all(fd);
  CHECK_HAS(got, "/later-1");
  CHECK_HAS(got, "/later-2");
  CHECK_HAS(got, "hello");
  close(fd);
  served_stop(&served);
}

/* ---- refusals ---- */

static void check_refused(const char *request, const char *want) {
  test_context("%.60s", request);
  const char *got = served_ask(&served, request);
  CHECK_HAS(got, want);
  CHECK_HAS(got, "\r\nConnection: close\r\n");
  CHECK_HAS(got, "\r\nContent-Type: text/plain; charset=utf-8\r\n");
  CHECK_HAS_NOT(got, "200 OK");
  CHECK_HAS_NOT(got, "(reset)");
  test_context(NULL);
}

static void bad_requests_are_refused_and_the_connection_ends(void) {
  static const char *const settings[] = {"request-line-limit",
                                         "100",
                                         "header-limit",
                                         "300",
                                         "body-limit",
                                         "10",
                                         "header-count-limit",
                                         "5",
                                         NULL};
  char long_target[300] = "GET /", long_field[500] = "GET / HTTP/1.1\r\nHost: h\r\nX: ";
  memset(long_target + 5, 'a', 150);
  strcat(long_target, " HTTP/1.1\r\nHost: h\r\n\r\n");
  memset(long_field + strlen(long_field), 'a', 350);
  strcat(long_field, "\r\n\r\n");
  served_start(&served, SERVED_OURS, script, settings);
  check_refused("GET / HTTP/1.1\r\nHost: h\r\nX : y\r\n\r\n" GET, "HTTP/1.1 400 Bad Request\r\n");
  check_refused("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n");
  check_refused("GET / HTTP/2.0\r\n\r\n", "HTTP/1.1 505 HTTP Version Not Supported\r\n");
  check_refused("BREW / HTTP/1.1\r\n\r\n", "HTTP/1.1 501 Not Implemented\r\n");
  check_refused(long_target, "HTTP/1.1 414 URI Too Long\r\n");
  check_refused(long_field, "HTTP/1.1 431 Request Header Fields Too Large\r\n");
  check_refused("GET / HTTP/1.1\r\nHost: h\r\nA:\r\nB:\r\nC:\r\nD:\r\nE:\r\n\r\n",
                "HTTP/1.1 431 Request Header Fields Too Large\r\n");
  check_refused("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\nhello world",
                "HTTP/1.1 413 Content Too Large\r\n");
  check_refused("GET /%00 HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n");
  check_refused("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked"
                "\r\n\r\n0\r\n\r\n" GET,
                "HTTP/1.1 400 Bad Request\r\n");
  served_stop(&served);
}

/* What was answered before a bad request in the same bytes is not lost. */
static void answers_before_a_bad_request_leave_first(void) {
  start(SERVED_OURS);
  const char *got = served_ask(&served, GET GET "BAD\r\n\r\n" GET);
  CHECK(strncmp(got, HELLO, 17) == 0);
  CHECK_HAS(got, "hello");
  CHECK_HAS(got, "HTTP/1.1 501 Not Implemented\r\n");
  served_stop(&served);
}

static const struct test_case cases[] = {
    CASE(requests_share_a_connection),
    CASE(http_1_0_closes_unless_asked),
    CASE(empty_lines_before_a_request_are_skipped),
    CASE(a_request_may_come_byte_by_byte),
    CASE(pipelined_requests_are_answered_in_order),
    CASE(a_long_pipeline_loses_nothing),
    CASE(a_pipeline_of_large_answers_is_held_back),
    CASE(a_client_that_reads_late_loses_nothing),
    CASE(a_half_closed_connection_gets_its_answers),
    CASE(bad_requests_are_refused_and_the_connection_ends),
    CASE(answers_before_a_bad_request_leave_first),
};
TEST_MAIN(cases)
