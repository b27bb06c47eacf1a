/* SPDX-License-Identifier: Apache-2.0
 *
 * Responses that go well: the exact bytes and calls, over both ways out.
 */
#include "base/error.h"
#include "harness/rig.h"
#include "harness/test.h"
#include "isapi/response.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GET "GET / HTTP/1.1\r\n\r\n"
#define GET_10 "GET / HTTP/1.0\r\n\r\n"
#define HEAD "HEAD / HTTP/1.1\r\n\r\n"

static struct rig rig;
static const char *const typed[] = {"Content-Type", "text/plain", NULL};

static void open_response(enum fake_kind kind, const char *request) {
  rig_open(&rig, kind, request);
}

static void close_response(const char *wire, const char *calls, uint32_t outcome) {
  rig_finish(&rig, true);
  CHECK_STR(pie_buf_str(&rig.host.wire), wire);
  CHECK_STR(pie_buf_str(&rig.host.calls), calls);
  CHECK_INT(rig.request->outcome, outcome);
  CHECK(rig.host.breach == NULL);
  CHECK_INT(rig.host.closes, 0);
  rig_close(&rig);
}

static void expect(const char *const *headers, int flags, const char *text) {
  CHECK_INT(rig_take(&rig, 200, "OK", headers), 0);
  CHECK_INT(rig_write(&rig, text, flags), 0);
}

/* ---- whole bodies ---- */

static void a_whole_body_gets_a_length(void) {
  open_response(FAKE_IIS, GET);
  expect(typed, PIE_WRITE_FINAL, "hello");
  close_response("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello",
                 "vector head final 1\n", HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  open_response(FAKE_APACHE, GET);
  expect(typed, PIE_WRITE_FINAL, "hello");
  close_response("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello",
                 "head 200 OK keep\nwrite 5\n", HSE_STATUS_SUCCESS_AND_KEEP_CONN);
}

static void an_empty_body_has_a_length_too(void) {
  open_response(FAKE_IIS, GET);
  expect(NULL, PIE_WRITE_FINAL, "");
  close_response("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "vector head final 0\n",
                 HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  open_response(FAKE_APACHE, GET);
  CHECK_INT(rig_take(&rig, 200, "OK", NULL), 0);
  close_response("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "head 200 OK keep\n",
                 HSE_STATUS_SUCCESS_AND_KEEP_CONN);
}

static void an_empty_head_is_never_empty(void) {
  open_response(FAKE_APACHE, HEAD);
  CHECK_INT(rig_take(&rig, 200, "", NULL), 0);
  close_response("HTTP/1.1 200 \r\n\r\n", "head 200  keep\n", HSE_STATUS_SUCCESS_AND_KEEP_CONN);
}

static void a_declared_length_is_kept(void) {
  static const char *const headers[] = {"Content-Length", "10", "X-Y", "z", NULL};
  open_response(FAKE_IIS, GET);
  expect(headers, 0, "hello");
  CHECK_INT(rig_write(&rig, "world", 0), 0);
  close_response("HTTP/1.1 200 OK\r\nX-Y: z\r\nContent-Length: 10\r\n\r\nhelloworld",
                 "vector head 1\nvector 1\nvector final 0\n", HSE_STATUS_SUCCESS_AND_KEEP_CONN);
}

static void many_parts_are_one_body(void) {
  struct pie_str parts[150];
  char want[400];
  size_t n = (size_t)snprintf(want, sizeof want, "HTTP/1.1 200 OK\r\nContent-Length: 150\r\n\r\n");
  for (int i = 0; i < 150; i++) {
    parts[i] = (struct pie_str){&"abcdefghijklmnopqrstuvwxyz"[i % 26], 1};
    want[n++] = (char)('a' + i % 26);
  }
  want[n] = '\0';
  for (int kind = FAKE_IIS; kind <= FAKE_APACHE; kind += FAKE_APACHE) {
    open_response((enum fake_kind)kind, GET);
    CHECK_INT(rig_take(&rig, 200, "OK", NULL), 0);
    CHECK_INT(pie_response_write(rig.request, parts, 150, PIE_WRITE_FINAL), 0);
    close_response(want,
                   kind == FAKE_IIS ? "vector head 60\nvector 60\nvector final 30\n"
                                    : "head 200 OK keep\nwrite 60\nwrite 60\nwrite 30\n",
                   HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  }
}

/* ---- bodies in pieces ---- */

static void pieces_become_chunks(void) {
  open_response(FAKE_IIS, GET);
  expect(typed, 0, "hello");
  CHECK_INT(rig_write(&rig, "0123456789abcdef", 0), 0);
  struct pie_str two[] = {PIE_STR("ab"), PIE_STR(""), PIE_STR("c")};
  CHECK_INT(pie_response_write(rig.request, two, 3, 0), 0);
  CHECK_INT(rig.host.flushes, 1); /* a response in pieces is meant to arrive in pieces */
  close_response("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "5\r\nhello\r\n10\r\n0123456789abcdef\r\n3\r\nabc\r\n0\r\n\r\n",
                 "vector head 3\nvector 3\nvector 4\nvector final 1\n",
                 HSE_STATUS_SUCCESS_AND_KEEP_CONN);
}

static void the_last_piece_ends_the_chunks(void) {
  open_response(FAKE_IIS, GET);
  expect(NULL, 0, "hello");
  CHECK_INT(rig_write(&rig, "!", PIE_WRITE_FINAL), 0);
  CHECK_INT(rig_write(&rig, "more", 0), -PIE_ESTATE);
  close_response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n",
                 "vector head 3\nvector final 3\n", HSE_STATUS_SUCCESS_AND_KEEP_CONN);
}

static void nothing_is_sent_for_nothing(void) {
  open_response(FAKE_IIS, GET);
  CHECK_INT(rig_take(&rig, 200, "OK", NULL), 0);
  CHECK_INT(rig_write(&rig, "", 0), 0);
  CHECK_INT(pie_response_write(rig.request, NULL, 0, 0), 0);
  CHECK_INT(rig.host.sends, 0); /* the status can still be changed */
  expect(NULL, 0, "a");
  CHECK_INT(rig_write(&rig, "", 0), 0); /* would end the chunks */
  close_response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
                 "vector head 3\nvector final 1\n", HSE_STATUS_SUCCESS_AND_KEEP_CONN);
}

static void http_1_0_knows_no_chunks(void) {
  open_response(FAKE_IIS, GET_10);
  expect(NULL, 0, "hello");
  close_response("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello",
                 "vector head 1\nvector final disconnect 0\n", HSE_STATUS_SUCCESS);
}

/* The framing of HTTP/2 belongs to HTTP.sys (section 7). */
static void http_2_is_not_framed(void) {
  open_response(FAKE_IIS, "GET / HTTP/2.0\r\n\r\n");
  expect(NULL, 0, "hello");
  close_response("HTTP/1.1 200 OK\r\n\r\nhello", "vector head 1\nvector final 0\n",
                 HSE_STATUS_SUCCESS_AND_KEEP_CONN);
}

static void httpd_frames_by_itself(void) {
  open_response(FAKE_APACHE, GET);
  expect(typed, 0, "hello");
  CHECK_INT(rig_write(&rig, "world", 0), 0);
  close_response("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nhelloworld",
                 "head 200 OK keep\nwrite 5\nwrite 5\n", HSE_STATUS_SUCCESS_AND_KEEP_CONN);
}

static void small_parts_go_together_to_httpd(void) {
  struct pie_str parts[] = {PIE_STR("ab"), PIE_STR(""), PIE_STR("cde")};
  open_response(FAKE_APACHE, GET);
  CHECK_INT(rig_take(&rig, 200, "OK", NULL), 0);
  CHECK_INT(pie_response_write(rig.request, parts, 3, 0), 0);
  close_response("HTTP/1.1 200 OK\r\n\r\nabcde", "head 200 OK keep\nwrite 5\n",
                 HSE_STATUS_SUCCESS_AND_KEEP_CONN);
}

/* ---- bodies that there are not ---- */

static void check_bodiless(enum fake_kind kind, const char *request, int status,
                           const char *const *headers, const char *wire, uint32_t outcome) {
  open_response(kind, request);
  test_context("%s status %d", request, status);
  CHECK_INT(rig_take(&rig, status, "S", headers), 0);
  CHECK_INT(rig_write(&rig, "body", 0), 0);
  CHECK_INT(rig_write(&rig, "more", PIE_WRITE_FINAL), 0);
  rig_finish(&rig, true);
  CHECK_STR(pie_buf_str(&rig.host.wire), wire);
  CHECK_INT(rig.request->outcome, outcome);
  CHECK(rig.host.breach == NULL);
  test_context(NULL);
  rig_close(&rig);
}

static void head_and_some_statuses_have_no_body(void) {
  static const char *const sized[] = {"Content-Length", "8", NULL};
  const uint32_t keep = HSE_STATUS_SUCCESS_AND_KEEP_CONN;
  for (int kind = FAKE_IIS; kind <= FAKE_APACHE; kind++) {
    enum fake_kind k = (enum fake_kind)kind;
    check_bodiless(k, HEAD, 200, NULL, "HTTP/1.1 200 S\r\n\r\n", keep);
    check_bodiless(k, HEAD, 200, sized, "HTTP/1.1 200 S\r\nContent-Length: 8\r\n\r\n", keep);
    check_bodiless(k, GET, 204, NULL, "HTTP/1.1 204 S\r\n\r\n", keep);
    check_bodiless(k, GET, 204, sized, "HTTP/1.1 204 S\r\n\r\n", keep);
    check_bodiless(k, GET, 205, sized, "HTTP/1.1 205 S\r\nContent-Length: 0\r\n\r\n", keep);
    check_bodiless(k, GET, 304, NULL, "HTTP/1.1 304 S\r\n\r\n", keep);
    check_bodiless(k, GET, 304, sized, "HTTP/1.1 304 S\r\nContent-Length: 8\r\n\r\n", keep);
    check_bodiless(k, GET, 103, sized, "HTTP/1.1 103 S\r\nConnection: close\r\n\r\n",
                   HSE_STATUS_SUCCESS);
    check_bodiless(k, GET_10, 204, NULL, "HTTP/1.1 204 S\r\n\r\n", keep);
  }
}

static void any_status_passes(void) {
  static const int statuses[] = {200, 299, 404, 418, 499, 501, 503, 599, 600, 999};
  for (int kind = FAKE_IIS; kind <= FAKE_APACHE; kind++) {
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
      char want[64];
      open_response((enum fake_kind)kind, GET);
      CHECK_INT(rig_take(&rig, statuses[i], "My Reason", NULL), 0);
      CHECK_INT(rig_write(&rig, "x", PIE_WRITE_FINAL), 0);
      rig_finish(&rig, true);
      snprintf(want, sizeof want, "HTTP/1.1 %d My Reason\r\nContent-Length: 1\r\n\r\nx",
               statuses[i]);
      CHECK_STR(pie_buf_str(&rig.host.wire), want);
      CHECK_INT(rig.host.ecb.dwHttpStatusCode, statuses[i]);
      CHECK(rig.host.breach == NULL);
      rig_close(&rig);
    }
  }
}

/* mod_isapi refuses 500 and would send its own page (section 9, 3). */
static void status_500_comes_through_on_mod_isapi(void) {
  open_response(FAKE_APACHE, GET);
  CHECK_INT(rig_take(&rig, 500, "Oh No", typed), 0);
  CHECK_INT(rig_write(&rig, "why", PIE_WRITE_FINAL), 0);
  CHECK(!rig.host.apache_page);
  close_response("HTTP/1.1 500 Oh No\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nwhy",
                 "head 200 OK keep\nhead 500 Oh No keep\nwrite 3\n",
                 HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  open_response(FAKE_OLD, GET); /* only there */
  CHECK_INT(rig_take(&rig, 500, "Oh No", NULL), 0);
  CHECK_INT(rig_write(&rig, "why", PIE_WRITE_FINAL), 0);
  close_response("HTTP/1.1 500 Oh No\r\nContent-Length: 3\r\n\r\nwhy",
                 "vector head final 1\nhead 500 Oh No keep\nwrite 3\n",
                 HSE_STATUS_SUCCESS_AND_KEEP_CONN);
}

/* ---- hosts without VECTOR_SEND ---- */

static void a_refused_vector_falls_back_to_the_plain_way(void) {
  open_response(FAKE_OLD, GET);
  expect(typed, 0, "hello");
  CHECK(!rig.door->quirks.vector);
  CHECK_INT(rig_write(&rig, "world", 0), 0);
  /* It cannot be chunked any more: the connection's end is the body's. */
  close_response("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
                 "helloworld",
                 "vector head 3\nhead 200 OK\nwrite 5\nwrite 5\n", HSE_STATUS_SUCCESS);
}

static void a_refused_vector_keeps_a_length(void) {
  open_response(FAKE_OLD, GET);
  expect(typed, PIE_WRITE_FINAL, "hello");
  close_response("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello",
                 "vector head final 1\nhead 200 OK keep\nwrite 5\n",
                 HSE_STATUS_SUCCESS_AND_KEEP_CONN);
}

/* Whether IIS takes a vector without elements is not documented. */
static void a_refused_vector_of_nothing_tells_nothing_of_others(void) {
  open_response(FAKE_OLD, GET);
  expect(NULL, PIE_WRITE_FINAL, "");
  CHECK(rig.door->quirks.vector);
  close_response("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                 "vector head final 0\nhead 200 OK keep\n", HSE_STATUS_SUCCESS_AND_KEEP_CONN);
}

static void vectors_are_not_tried_again(void) {
  open_response(FAKE_OLD, GET);
  rig.door->quirks.vector = false;
  expect(NULL, 0, "hello");
  close_response("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello", "head 200 OK\nwrite 5\n",
                 HSE_STATUS_SUCCESS);
}

/* ---- connections ---- */

static void an_application_may_close_the_connection(void) {
  static const char *const headers[] = {"Connection", "x, Close", NULL};
  open_response(FAKE_IIS, GET);
  expect(headers, PIE_WRITE_FINAL, "hello");
  close_response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
                 "vector head final disconnect 1\n", HSE_STATUS_SUCCESS);
  open_response(FAKE_APACHE, GET);
  expect(headers, PIE_WRITE_FINAL, "hello");
  close_response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
                 "head 200 OK\nwrite 5\n", HSE_STATUS_SUCCESS);
}

static void a_status_can_be_replaced_until_it_has_left(void) {
  static const char *const first[] = {"X-First", "1", "Content-Length", "99", "Connection",
                                      "close",   NULL};
  open_response(FAKE_IIS, GET);
  CHECK_INT(rig_take(&rig, 404, "Gone", first), 0);
  CHECK_INT(rig_take(&rig, 200, "OK", typed), 0);
  CHECK_INT(rig_write(&rig, "hello", 0), 0);
  CHECK_INT(rig_take(&rig, 500, "Late", NULL), -PIE_ESTATE);
  close_response("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "5\r\nhello\r\n0\r\n\r\n",
                 "vector head 3\nvector final 1\n", HSE_STATUS_SUCCESS_AND_KEEP_CONN);
}

static const struct test_case cases[] = {
    CASE(a_whole_body_gets_a_length),
    CASE(an_empty_body_has_a_length_too),
    CASE(an_empty_head_is_never_empty),
    CASE(a_declared_length_is_kept),
    CASE(many_parts_are_one_body),
    CASE(pieces_become_chunks),
    CASE(the_last_piece_ends_the_chunks),
    CASE(nothing_is_sent_for_nothing),
    CASE(http_1_0_knows_no_chunks),
    CASE(http_2_is_not_framed),
    CASE(httpd_frames_by_itself),
    CASE(small_parts_go_together_to_httpd),
    CASE(head_and_some_statuses_have_no_body),
    CASE(any_status_passes),
    CASE(status_500_comes_through_on_mod_isapi),
    CASE(a_refused_vector_falls_back_to_the_plain_way),
    CASE(a_refused_vector_keeps_a_length),
    CASE(a_refused_vector_of_nothing_tells_nothing_of_others),
    CASE(vectors_are_not_tried_again),
    CASE(an_application_may_close_the_connection),
    CASE(a_status_can_be_replaced_until_it_has_left),
};
TEST_MAIN(cases)
