/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parser must refuse: all that two readers of the same bytes could understand differently
 * (RFC 9112, sections 2.2, 3, 5, 6, 7 and 11.2). */
#include "http/parser_rows.h"

#include <string.h>

/* A refusal before the headers are complete, with status 400. */
#define REFUSED(bytes) ROW(bytes, "bad 400\n")
#define CHECK_ROWS(rows) check_rows(&usual_limits, rows, sizeof(rows) / sizeof(rows)[0])

#define GET "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define CHUNKED_HEAD "POST / 1.1 keep chunked\nHost: a\nTransfer-Encoding: chunked\n"

static void lengths_that_are_ambiguous(void) {
  static const struct parser_row rows[] = {
      REFUSED(POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
      REFUSED(POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
      REFUSED(POST "Content-Length: 5\r\ncontent-length: 0\r\n\r\nhello"),
      REFUSED(POST "Content-Length: 5, 5\r\n\r\nhello"),
      REFUSED(POST "Content-Length: 5,6\r\n\r\nhello"),
      REFUSED(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
      REFUSED(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
      REFUSED(POST "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
      REFUSED(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
      REFUSED(POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
      REFUSED(POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
      REFUSED("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
  };
  CHECK_ROWS(rows);
}

static void lengths_that_are_no_numbers(void) {
  static const struct parser_row rows[] = {
      REFUSED(POST "Content-Length:\r\n\r\nhello"),
      REFUSED(POST "Content-Length: \r\n\r\nhello"),
      REFUSED(POST "Content-Length: -1\r\n\r\nhello"),
      REFUSED(POST "Content-Length: +5\r\n\r\nhello"),
      REFUSED(POST "Content-Length: 0x5\r\n\r\nhello"),
      REFUSED(POST "Content-Length: 5.0\r\n\r\nhello"),
      REFUSED(POST "Content-Length: 5;x\r\n\r\nhello"),
      REFUSED(POST "Content-Length: 5 5\r\n\r\nhello"),
      REFUSED(POST "Content-Length: \"5\"\r\n\r\nhello"),
      REFUSED(POST "Content-Length: five\r\n\r\nhello"),
      REFUSED(POST "Content-Length: 9223372036854775808\r\n\r\nhello"),
      REFUSED(POST "Content-Length: 18446744073709551615\r\n\r\nhello"),
      REFUSED(POST "Content-Length: 18446744073709551616\r\n\r\nhello"),
      REFUSED(POST "Content-Length: 18446744073709551621\r\n\r\nhello"),
      REFUSED(POST "Content-Length: 99999999999999999999999999\r\n\r\nhello"),
      ROW(POST "Content-Length: 9223372036854775807\r\n\r\nhello", "bad 413\n"),
  };
  CHECK_ROWS(rows);
}

static void codings_that_are_not_chunked(void) {
  static const struct parser_row rows[] = {
      ROW(POST "Transfer-Encoding: gzip\r\n\r\n", "bad 501\n"),
      ROW(POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "bad 501\n"),
      ROW(POST "Transfer-Encoding: identity\r\n\r\n", "bad 501\n"),
      ROW(POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "bad 501\n"),
      ROW(POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", "bad 501\n"),
      ROW(POST "Transfer-Encoding: chunke\r\n\r\n0\r\n\r\n", "bad 501\n"),
      ROW(POST "Transfer-Encoding:\r\n\r\n", "bad 501\n"),
      ROW(POST "Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nhi", "bad 400\n"),
      REFUSED(POST "Transfer-Encoding:\x0b"
                   "chunked\r\n\r\n0\r\n\r\n"),
      REFUSED(POST "Transfer-Encoding: chun\0ked\r\n\r\n0\r\n\r\n"),
  };
  CHECK_ROWS(rows);
}

static void folded_lines_and_odd_names(void) {
  static const struct parser_row rows[] = {
      REFUSED(GET "X: a\r\n b\r\n\r\n"),
      REFUSED(GET "X: a\r\n\tb\r\n\r\n"),
      REFUSED(GET " X: a\r\n\r\n"),
      REFUSED("GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
      REFUSED(GET "X : a\r\n\r\n"),
      REFUSED(GET "X\t: a\r\n\r\n"),
      REFUSED(POST "Content-Length : 5\r\n\r\nhello"),
      REFUSED(POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
      REFUSED(GET "X Y: a\r\n\r\n"),
      REFUSED(GET "X\r\n\r\n"),
      REFUSED(GET ": a\r\n\r\n"),
      REFUSED(GET "X(y): a\r\n\r\n"),
      REFUSED(GET "X\x80: a\r\n\r\n"),
      REFUSED(GET "X\0: a\r\n\r\n"),
  };
  CHECK_ROWS(rows);
}

static void line_ends_that_are_none(void) {
  static const struct parser_row rows[] = {
      REFUSED("GET / HTTP/1.1\r\nHost: a\n\r\n"),
      REFUSED("GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"),
      REFUSED("GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n"),
      REFUSED("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"),
      REFUSED("GET / HTTP/1.1\rHost: a\r\n\r\n"),
      REFUSED(GET "\rGET /2 HTTP/1.1\r\n\r\n"),
      REFUSED(GET "\nGET /2 HTTP/1.1\r\n\r\n"),
      REFUSED(GET "X: a\0b\r\n\r\n"),
      REFUSED(GET "X: a\x01\r\n\r\n"),
      REFUSED(GET "X: a\x7f\r\n\r\n"),
      REFUSED(GET "X:\ra\r\n\r\n"),
  };
  CHECK_ROWS(rows);
}

static void a_bare_line_feed_after_the_request_line(void) {
  static const struct parser_row rows[] = {
      REFUSED("GET / HTTP/1.1\nHost: a\r\n\r\n"),
      REFUSED("GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
  };
  CHECK_ROWS(rows);
}

static void chunks_that_are_malformed(void) {
  static const struct parser_row rows[] = {
      ROW(CHUNKED "\r\nhello\r\n0\r\n\r\n", CHUNKED_HEAD "bad 400\n"),
      ROW(CHUNKED "g\r\n", CHUNKED_HEAD "bad 400\n"),
      ROW(CHUNKED "-5\r\nhello\r\n0\r\n\r\n", CHUNKED_HEAD "bad 400\n"),
      ROW(CHUNKED "+5\r\nhello\r\n0\r\n\r\n", CHUNKED_HEAD "bad 400\n"),
      ROW(CHUNKED "0x5\r\nhello\r\n0\r\n\r\n", CHUNKED_HEAD "bad 400\n"),
      ROW(CHUNKED " 5\r\nhello\r\n0\r\n\r\n", CHUNKED_HEAD "bad 400\n"),
      ROW(CHUNKED "5 \r\nhello\r\n0\r\n\r\n", CHUNKED_HEAD "bad 400\n"),
      ROW(CHUNKED "5\nhello\r\n0\r\n\r\n", CHUNKED_HEAD "bad 400\n"),
      ROW(CHUNKED "5\rhello\r\n0\r\n\r\n", CHUNKED_HEAD "bad 400\n"),
      ROW(CHUNKED "5;a\nX: y\r\nhello\r\n0\r\n\r\n", CHUNKED_HEAD "bad 400\n"),
      ROW(CHUNKED "5;a=\"\r\nhello\r\n0\r\n\r\n", CHUNKED_HEAD "bad 400\n"),
      ROW(CHUNKED "10000000000000000\r\n", CHUNKED_HEAD "bad 400\n"),
      ROW(CHUNKED "10000000000000005\r\nhello\r\n0\r\n\r\n", CHUNKED_HEAD "bad 400\n"),
      ROW(CHUNKED "0\r\nX Y: z\r\n\r\n", CHUNKED_HEAD "bad 400\n"),
      ROW(CHUNKED "0\r\nX: a\r\n b\r\n\r\n", CHUNKED_HEAD "bad 400\n"),
      ROW(CHUNKED "0\r\nContent-Length: 5\r\n\r\nhello", CHUNKED_HEAD "bad 400\n"),
      ROW(CHUNKED "0\r\nX: y\n\r\n", CHUNKED_HEAD "bad 400\n"),
  };
  CHECK_ROWS(rows);
}

/* The body's bytes have been handed over when its end turns out to be wrong. */
static void chunks_that_end_wrong(void) {
  static const char *const bodies[] = {
      "5\r\nhelloX\r\n0\r\n\r\n", "5\r\nhello\n0\r\n\r\n",   "5\r\nhello\r0\r\n\r\n",
      "5\r\nhello0\r\n\r\n",      "5\r\nhello\r\nX\r\n\r\n",
  };
  for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
    struct pie_buf bytes, out;
    pie_buf_init(&bytes, 1000);
    pie_buf_init(&out, 1000);
    pie_buf_addf(&bytes, "%s%s", CHUNKED, bodies[i]);
    check_bytes(&usual_limits, pie_buf_str(&bytes), CHUNKED_HEAD "bad 400\n");
    pie_buf_free(&bytes);
    pie_buf_free(&out);
  }
}

static void hosts_that_are_none(void) {
  static const struct parser_row rows[] = {
      REFUSED("GET / HTTP/1.1\r\n\r\n"),
      REFUSED("GET http://a/ HTTP/1.1\r\n\r\n"),
      REFUSED(GET "Host: a\r\n\r\n"),
      REFUSED(GET "host: b\r\n\r\n"),
      REFUSED("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"),
      REFUSED("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
      REFUSED("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n"),
      REFUSED("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
      REFUSED("GET / HTTP/1.1\r\nHost: a\\b\r\n\r\n"),
      REFUSED("GET / HTTP/1.1\r\nHost: a?b\r\n\r\n"),
      REFUSED("GET / HTTP/1.1\r\nHost: a#b\r\n\r\n"),
      REFUSED("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
      REFUSED("GET / HTTP/1.1\r\nHost: <a>\r\n\r\n"),
      REFUSED("GET / HTTP/1.1\r\nHost: \xc3\xa9\r\n\r\n"),
  };
  CHECK_ROWS(rows);
}

static void authorities_that_are_no_hosts(void) {
  static const struct parser_row rows[] = {
      REFUSED("GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n"),
      REFUSED("GET http://?x HTTP/1.1\r\nHost: a\r\n\r\n"),
      REFUSED("GET http://u@b/x HTTP/1.1\r\nHost: a\r\n\r\n"),
      REFUSED("GET http://u:p@b/x HTTP/1.1\r\nHost: a\r\n\r\n"),
      REFUSED("GET http://b#x HTTP/1.1\r\nHost: a\r\n\r\n"),
      REFUSED("GET http://b\x80/x HTTP/1.1\r\nHost: a\r\n\r\n"),
      REFUSED("GET http://b<c>/x HTTP/1.1\r\nHost: a\r\n\r\n"),
  };
  CHECK_ROWS(rows);
}

/* The authority becomes the Host field: what may not stand there may not come in this way. */
static void authorities_obey_the_rules_of_hosts(void) {
  static const struct parser_row rows[] = {
      REFUSED("GET http://b,c/x HTTP/1.1\r\nHost: a\r\n\r\n"),
      REFUSED("GET http://b;c/x HTTP/1.1\r\nHost: a\r\n\r\n"),
  };
  CHECK_ROWS(rows);
}

static void targets_that_are_none(void) {
  static const struct parser_row rows[] = {
      REFUSED("GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
      REFUSED("GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
      REFUSED("OPTIONS *x HTTP/1.1\r\nHost: a\r\n\r\n"),
      REFUSED("OPTIONS *?x HTTP/1.1\r\nHost: a\r\n\r\n"),
      REFUSED("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
      REFUSED("GET javascript:x HTTP/1.1\r\nHost: a\r\n\r\n"),
      REFUSED("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
      REFUSED("GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n"),
      REFUSED("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"),
      REFUSED("GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n"),
      REFUSED("GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n"),
      REFUSED("GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n"),
      REFUSED("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
      ROW("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", "bad 501\n"),
  };
  CHECK_ROWS(rows);
}

static void methods_and_versions_that_are_not_ours(void) {
  static const struct parser_row rows[] = {
      ROW("BREW / HTTP/1.1\r\nHost: a\r\n\r\n", "bad 501\n"),
      ROW("get / HTTP/1.1\r\nHost: a\r\n\r\n", "bad 501\n"),
      ROW("GET / HTTP/2.0\r\nHost: a\r\n\r\n", "bad 505\n"),
      ROW("GET / HTTP/0.9\r\nHost: a\r\n\r\n", "bad 505\n"),
      ROW("GET /\r\n\r\n", "bad 505\n"),
      REFUSED("GET / http/1.1\r\nHost: a\r\n\r\n"),
      REFUSED("GET / XTTP/1.1\r\nHost: a\r\n\r\n"),
      REFUSED("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  };
  CHECK_ROWS(rows);
}

static bool is_refused(const char *text) {
  struct pie_buf out;
  pie_buf_init(&out, 1000);
  http_run(&out, &usual_limits, pie_str_from(text), NULL, 0, NULL);
  bool refused = pie_str_starts(pie_buf_str(&out), PIE_STR("bad "));
  pie_buf_free(&out);
  return refused;
}

static void other_protocols_are_refused(void) {
  CHECK(is_refused("GET / RTSP/1.0\r\nHost: a\r\n\r\n"));
  CHECK(is_refused("DESCRIBE / RTSP/1.0\r\nHost: a\r\n\r\n"));
  CHECK(is_refused("SOURCE / ICE/1.0\r\nHost: a\r\n\r\n"));
  CHECK(is_refused("\x16\x03\x01\x02"));
}

static void every_refusal_has_a_status_and_a_sentence(void) {
  static const char *const texts[] = {
      "BREW / HTTP/1.1\r\n\r\n",
      "GET / HTTP/3.0\r\n\r\n",
      CHUNKED "x\r\n",
      GET "X : y\r\n\r\n",
      POST "Content-Length: x\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",
      "\x80",
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    struct pie_buf out;
    const char *reason = NULL;
    pie_buf_init(&out, 1000);
    http_run(&out, &usual_limits, pie_str_from(texts[i]), NULL, 0, &reason);
    test_context("%.60s", texts[i]);
    REQUIRE(reason != NULL);
    CHECK_INT(reason[strlen(reason) - 1], '.');
    int64_t status = 0;
    CHECK_INT(pie_str_to_int64((struct pie_str){out.p + out.n - 4, 3}, &status), 0);
    CHECK(strcmp(pie_http_reason((int)status), "Error") != 0);
    pie_buf_free(&out);
  }
}

static const struct test_case cases[] = {
    CASE(lengths_that_are_ambiguous),
    CASE(lengths_that_are_no_numbers),
    CASE(codings_that_are_not_chunked),
    CASE(folded_lines_and_odd_names),
    CASE(line_ends_that_are_none),
    CASE(a_bare_line_feed_after_the_request_line),
    CASE(chunks_that_are_malformed),
    CASE(chunks_that_end_wrong),
    CASE(hosts_that_are_none),
    CASE(authorities_that_are_no_hosts),
    CASE(authorities_obey_the_rules_of_hosts),
    CASE(targets_that_are_none),
    CASE(methods_and_versions_that_are_not_ours),
    CASE(other_protocols_are_refused),
    CASE(every_refusal_has_a_status_and_a_sentence),
};
TEST_MAIN(cases)
