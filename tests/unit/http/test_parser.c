/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parser takes, and its limits. What it must refuse is in test_parser_strict.c.
 */
#include "http/parser_rows.h"

#include <stdlib.h>
#include <string.h>

#define CHECK_ROWS(rows) check_rows(&usual_limits, rows, sizeof(rows) / sizeof(rows)[0])

static void requests_without_a_body(void) {
  static const struct parser_row rows[] = {
      ROW("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / 1.1 keep\nHost: a\nend\n"),
      ROW("GET /a%20b?x=1&y=? HTTP/1.1\r\nHost: a\r\n\r\n",
          "GET /a%20b?x=1&y=? 1.1 keep\nHost: a\nend\n"),
      ROW("HEAD /x HTTP/1.0\r\n\r\n", "HEAD /x 1.0\nend\n"),
      ROW("M-SEARCH / HTTP/1.1\r\nHost: a\r\n\r\n", "M-SEARCH / 1.1 keep\nHost: a\nend\n"),
      ROW("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * 1.1 keep\nHost: a\nend\n"),
      ROW("GET //a/../b HTTP/1.1\r\nHost: a\r\n\r\n", "GET //a/../b 1.1 keep\nHost: a\nend\n"),
      ROW("GET /%zz%4 HTTP/1.1\r\nHost: a\r\n\r\n", "GET /%zz%4 1.1 keep\nHost: a\nend\n"),
      ROW("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / 1.1 keep\nHost: a\nend\n"),
      ROW("", ""),
      ROW("GET / HTTP/1.1\r\nHost: a\r\n\r", ""), /* not yet complete */
  };
  CHECK_ROWS(rows);
}

static void header_fields(void) {
  static const struct parser_row rows[] = {
      ROW("GET / HTTP/1.1\r\nhOST:a\r\nX:   \r\nY:\t a b \t\r\nZ: \x80\xff\tz\r\n\r\n",
          "GET / 1.1 keep\nhOST: a\nX: \nY: a b\nZ: \x80\xff\tz\nend\n"),
      ROW("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nx: 2\r\nX: 1\r\n\r\n",
          "GET / 1.1 keep\nHost: a\nX: 1\nx: 2\nX: 1\nend\n"), /* all, in order */
      ROW("GET / HTTP/1.1\r\n!#$%&'*+-.^_`|~1: x:y:\r\nHost: a\r\n\r\n",
          "GET / 1.1 keep\n!#$%&'*+-.^_`|~1: x:y:\nHost: a\nend\n"),
      ROW("GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET / 1.1 keep\nHost: \nend\n"),
      ROW("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "GET / 1.1 keep\nHost: [::1]:80\nend\n"),
  };
  CHECK_ROWS(rows);
}

static void bodies_with_a_length(void) {
  static const struct parser_row rows[] = {
      ROW("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
          "POST / 1.1 keep length=5\nHost: a\nContent-Length: 5\n|hello|\nend\n"),
      ROW("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
          "POST / 1.1 keep length=0\nHost: a\nContent-Length: 0\nend\n"),
      ROW("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0002 \r\n\r\n\r\n",
          "GET / 1.1 keep length=2\nHost: a\nContent-Length: 0002\n|\r\n|\nend\n"),
      ROW("POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi",
          "POST / 1.0 length=2\nContent-Length: 2\n|hi|\nend\n"),
      ROW("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhell",
          "POST / 1.1 keep length=5\nHost: a\nContent-Length: 5\n"), /* the end is yet to come */
  };
  CHECK_ROWS(rows);
}

#define CHUNKED "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
#define CHUNKED_HEAD "POST / 1.1 keep chunked\nHost: a\nTransfer-Encoding: chunked\n"

static void bodies_in_chunks(void) {
  static const struct parser_row rows[] = {
      ROW(CHUNKED "0\r\n\r\n", CHUNKED_HEAD "end\n"),
      ROW(CHUNKED "5\r\nhello\r\n0\r\n\r\n", CHUNKED_HEAD "|hello|\nend\n"),
      ROW(CHUNKED "1\r\na\r\n2\r\n\r\n\r\n00A\r\n0123456789\r\n0\r\n\r\n",
          CHUNKED_HEAD "|a\r\n0123456789|\nend\n"),
      ROW(CHUNKED "5;a\r\nhello\r\n0;last=\"y;\\\"\"\r\n\r\n", CHUNKED_HEAD "|hello|\nend\n"),
      /* trailers are dropped: they never become header fields */
      ROW(CHUNKED "1\r\na\r\n0\r\nX-Trailer: v\r\nHost: b\r\nCookie: c\r\n\r\n",
          CHUNKED_HEAD "|a|\nend\n"),
      ROW("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n",
          "POST / 1.1 keep chunked\nHost: a\nTransfer-Encoding: Chunked\nend\n"),
  };
  CHECK_ROWS(rows);
}

static void requests_follow_each_other(void) {
  static const struct parser_row rows[] = {
      ROW("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: b\r\nContent-Length: "
          "2\r\n\r\nhiGET /3 HTTP/1.0\r\n\r\n",
          "GET /1 1.1 keep\nHost: a\nend\nPOST /2 1.1 keep length=2\nHost: b\nContent-Length: "
          "2\n|hi|\nend\nGET /3 1.0\nend\n"),
      ROW(CHUNKED "2\r\nhi\r\n0\r\nX: y\r\n\r\n\r\nGET /2 HTTP/1.1\r\nHost: b\r\n\r\n",
          CHUNKED_HEAD "|hi|\nend\nGET /2 1.1 keep\nHost: b\nend\n"),
      ROW("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nGET GET / HTTP/1.1\r\n\r\n",
          "GET / 1.1 keep length=4\nHost: a\nContent-Length: 4\n|GET |\nend\nbad 400\n"),
  };
  CHECK_ROWS(rows);
}

static void connections_persist_or_not(void) {
  static const struct parser_row rows[] = {
      ROW("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
          "GET / 1.1\nHost: a\nConnection: close\nend\n"),
      ROW("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n",
          "GET / 1.1\nHost: a\nConnection: x, Close\nend\n"),
      ROW("GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: close\r\n\r\n",
          "GET / 1.1\nHost: a\nConnection: x\nConnection: close\nend\n"),
      ROW("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
          "GET / 1.0 keep\nConnection: Keep-Alive\nend\n"),
      ROW("GET / HTTP/1.0\r\n\r\n", "GET / 1.0\nend\n"),
      /* offers of other protocols are not taken up */
      ROW("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
          "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
          "GET / 1.1 keep\nHost: a\nConnection: Upgrade\nUpgrade: h2c\nend\n"
          "GET /2 1.1 keep\nHost: a\nend\n"),
  };
  CHECK_ROWS(rows);
}

static void absolute_targets(void) {
  static const struct parser_row rows[] = {
      ROW("GET http://b:81/x?y HTTP/1.1\r\nHost: a\r\n\r\n",
          "GET /x?y 1.1 keep authority=b:81\nHost: a\nend\n"),
      ROW("GET HTTPS://b?y HTTP/1.1\r\nHost: a\r\n\r\n",
          "GET /?y 1.1 keep authority=b\nHost: a\nend\n"),
      ROW("GET http://[::1] HTTP/1.1\r\nHost: a\r\n\r\n",
          "GET / 1.1 keep authority=[::1]\nHost: a\nend\n"),
      ROW("GET http://b/http://c/ HTTP/1.1\r\nHost: a\r\n\r\n",
          "GET /http://c/ 1.1 keep authority=b\nHost: a\nend\n"),
  };
  CHECK_ROWS(rows);
}

static void expectations(void) {
  static const struct parser_row rows[] = {
      ROW("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\nhi",
          "POST / 1.1 keep expect length=2\nHost: a\nExpect: 100-Continue\nContent-Length: "
          "2\n|hi|\nend\n"),
      ROW("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n",
          "POST / 1.1 keep length=0\nHost: a\nExpect: 100-continue\nContent-Length: 0\nend\n"),
      ROW("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
          "POST / 1.0 length=2\nExpect: 100-continue\nContent-Length: 2\n|hi|\nend\n"),
      ROW("GET / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", "bad 417\n"),
  };
  CHECK_ROWS(rows);
}

/* ---- limits ---- */

static void the_target_has_a_limit(void) {
  struct pie_http_limits limits = usual_limits;
  limits.line = 10;
  static const struct parser_row rows[] = {
      ROW("GET /123456789 HTTP/1.1\r\nHost: a\r\n\r\n", "GET /123456789 1.1 keep\nHost: a\nend\n"),
      ROW("GET /1234567890 HTTP/1.1\r\nHost: a\r\n\r\n", "bad 414\n"),
      ROW("GET /1234?67890 HTTP/1.1\r\nHost: a\r\n\r\n", "bad 414\n"),
  };
  check_rows(&limits, rows, 3);
}

static void the_header_fields_have_limits(void) {
  struct pie_http_limits limits = usual_limits;
  limits.fields = 20;
  limits.count = 3;
  static const struct parser_row rows[] = {
      ROW("GET / HTTP/1.1\r\nHost: a\r\nX: 12345678901234\r\n\r\n",
          "GET / 1.1 keep\nHost: a\nX: 12345678901234\nend\n"),
      ROW("GET / HTTP/1.1\r\nHost: a\r\nX: 123456789012345\r\n\r\n", "bad 431\n"),
      ROW("GET / HTTP/1.1\r\nHost: a\r\nX23456789012345:\r\n\r\n",
          "GET / 1.1 keep\nHost: a\nX23456789012345: \nend\n"),
      ROW("GET / HTTP/1.1\r\nHost: a\r\nX234567890123456:\r\n\r\n", "bad 431\n"),
      ROW("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nY: 2\r\n\r\n",
          "GET / 1.1 keep\nHost: a\nX: 1\nY: 2\nend\n"),
      ROW("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nY: 2\r\nZ: 3\r\n\r\n", "bad 431\n"),
  };
  check_rows(&limits, rows, 6);
}

static void trailers_count_too(void) {
  struct pie_http_limits limits = usual_limits;
  limits.fields = 60;
  static const struct parser_row rows[] = {
      ROW(CHUNKED "0\r\nX: 1\r\n\r\n", CHUNKED_HEAD "end\n"),
      ROW(CHUNKED "0\r\nX: 12345678901234567890123456789012345678901\r\n\r\n",
          CHUNKED_HEAD "bad 431\n"),
  };
  check_rows(&limits, rows, 2);
}

static void the_body_has_a_limit(void) {
  struct pie_http_limits limits = usual_limits;
  limits.body = 5;
  static const struct parser_row rows[] = {
      ROW("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
          "POST / 1.1 keep length=5\nHost: a\nContent-Length: 5\n|hello|\nend\n"),
      ROW("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nhello!", "bad 413\n"),
      ROW(CHUNKED "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", CHUNKED_HEAD "|hello|\nend\n"),
      ROW(CHUNKED "2\r\nhe\r\n4\r\nllo!\r\n0\r\n\r\n", CHUNKED_HEAD "bad 413\n"),
  };
  check_rows(&limits, rows, 4);
  limits.body = 0; /* no limit */
  check_rows(&limits, rows, 1);
  check_bytes(&limits, rows[3].bytes, CHUNKED_HEAD "|hello!|\nend\n");
}

/* Bytes without meaning must not be able to come without end. */
static void check_padding(const char *before, char with, const char *after, const char *what) {
  struct pie_buf bytes, out;
  pie_buf_init(&bytes, 1 << 24);
  pie_buf_init(&out, 1 << 24);
  pie_buf_adds(&bytes, before);
  for (int i = 0; i < 1 << 20; i++)
    pie_buf_append(&bytes, &with, 1);
  pie_buf_adds(&bytes, after);
  test_context("a MiB of %s", what);
  http_run(&out, &usual_limits, pie_buf_str(&bytes), NULL, 0, NULL);
  CHECK_HAS(pie_buf_str(&out).p, "bad 4");
  pie_buf_free(&bytes);
  pie_buf_free(&out);
}

static void chunk_extensions_have_a_limit(void) {
  check_padding(CHUNKED "5;", 'x', "\r\nhello\r\n0\r\n\r\n", "a chunk extension");
}

static void chunk_sizes_have_a_limit(void) {
  check_padding(CHUNKED, '0', "5\r\nhello\r\n0\r\n\r\n", "zeros before a chunk size");
}

static void blanks_have_a_limit(void) {
  check_padding("GET / HTTP/1.1\r\nHost: a\r\nX:", ' ', "y\r\n\r\n", "blanks before a value");
  check_padding("GET / HTTP/1.1\r\nHost: a\r\nX: y", ' ', "\r\n\r\n", "blanks after a value");
  check_padding("GET", ' ', "/ HTTP/1.1\r\nHost: a\r\n\r\n", "blanks before the target");
}

static int drop_body(void *context, const char *bytes, size_t n) {
  (void)context, (void)bytes, (void)n;
  return 0;
}

/* They would get past whoever has looked at the head. */
static void trailers_never_become_fields(void) {
  static const char text[] = CHUNKED "1\r\na\r\n0\r\nHost: b\r\nCookie: c\r\nX-Trailer:\r\n\r\n";
  struct pie_http_parser parser;
  struct pie_str value;
  size_t used = 0, more = 0;
  pie_http_init(&parser, &usual_limits, drop_body, NULL);
  CHECK_INT(pie_http_feed(&parser, text, sizeof text - 1, &used), PIE_HTTP_HEADERS);
  CHECK_INT(pie_http_feed(&parser, text + used, sizeof text - 1 - used, &more), PIE_HTTP_END);
  CHECK_INT(parser.field_count, 2);
  CHECK(!pie_http_find(&parser, PIE_STR("Cookie"), &value));
  CHECK_STR(pie_buf_str(&parser.raw), "Host: a\r\nTransfer-Encoding: chunked\r\n");
  pie_http_free(&parser);
}

static int refuse_body(void *context, const char *bytes, size_t n) {
  (void)context, (void)bytes, (void)n;
  return 503;
}

static void a_body_can_be_refused_by_who_takes_it(void) {
  static const char text[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
  struct pie_http_parser parser;
  size_t used = 0, more = 0;
  pie_http_init(&parser, &usual_limits, refuse_body, NULL);
  CHECK_INT(pie_http_feed(&parser, text, sizeof text - 1, &used), PIE_HTTP_HEADERS);
  CHECK_INT(used, sizeof text - 3);
  CHECK_INT(pie_http_feed(&parser, text + used, 2, &more), PIE_HTTP_BAD);
  CHECK_INT(parser.status, 503);
  pie_http_free(&parser);
}

static void fields_are_found_in_any_case(void) {
  static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nx-a: 2\r\n\r\n";
  struct pie_http_parser parser;
  struct pie_str value = PIE_STR("none");
  size_t used = 0;
  pie_http_init(&parser, &usual_limits, refuse_body, NULL);
  pie_http_feed(&parser, text, sizeof text - 1, &used);
  CHECK(pie_http_find(&parser, PIE_STR("X-a"), &value));
  CHECK_STR(value, "1");
  CHECK(!pie_http_find(&parser, PIE_STR("X"), &value));
  CHECK_STR(pie_buf_str(&parser.raw), "Host: a\r\nX-A: 1\r\nx-a: 2\r\n"); /* ALL_RAW */
  pie_http_free(&parser);
}

static const struct test_case cases[] = {
    CASE(requests_without_a_body),
    CASE(header_fields),
    CASE(bodies_with_a_length),
    CASE(bodies_in_chunks),
    CASE(requests_follow_each_other),
    CASE(connections_persist_or_not),
    CASE(absolute_targets),
    CASE(expectations),
    CASE(the_target_has_a_limit),
    CASE(the_header_fields_have_limits),
    CASE(trailers_count_too),
    CASE(trailers_never_become_fields),
    CASE(the_body_has_a_limit),
    CASE(chunk_extensions_have_a_limit),
    CASE(chunk_sizes_have_a_limit),
    CASE(blanks_have_a_limit),
    CASE(a_body_can_be_refused_by_who_takes_it),
    CASE(fields_are_found_in_any_case),
};
TEST_MAIN(cases)
