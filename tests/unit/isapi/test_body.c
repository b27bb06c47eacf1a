/* SPDX-License-Identifier: Apache-2.0
 *
 * The request's body as the engine reads it: how long it is, and how it ends.
 */
#include "base/error.h"
#include "harness/rig.h"
#include "harness/test.h"

#include <stdlib.h>
#include <string.h>

static struct rig rig;

static void open_body(enum fake_kind kind, const char *text, size_t ahead) {
  rig_open(&rig, kind, text);
  fake_ahead(&rig.host, ahead);
}

static void close_body(void) {
  CHECK(rig.host.breach == NULL);
  rig_close(&rig);
}

/* All of it, read by pieces; then what the end was. */
static int64_t read_all(struct pie_buf *out, size_t piece) {
  char *buffer = malloc(piece);
  REQUIRE(buffer != NULL);
  int64_t got;
  while ((got = pie_request_read(rig.request, buffer, piece)) > 0) {
    CHECK(got <= (int64_t)piece);
    pie_buf_append(out, buffer, (size_t)got);
  }
  free(buffer);
  return got;
}

static void check_body(size_t piece, const char *want, int64_t end) {
  struct pie_buf out;
  pie_buf_init(&out, 1 << 20);
  CHECK_INT(read_all(&out, piece), end);
  CHECK_STR(pie_buf_str(&out), want);
  CHECK_INT(pie_request_read(rig.request, (char[8]){0}, 8), end); /* and so it stays */
  pie_buf_free(&out);
}

#define POST(length) "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " length "\r\n\r\n"
#define BOTH "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
#define CHUNKED "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

/* ---- lengths ---- */

static void check_length(enum fake_kind kind, const char *text, DWORD total, int64_t want) {
  rig_open(&rig, kind, text);
  rig.host.ecb.cbTotalBytes = total;
  rig_parse(&rig);
  test_context("%s, cbTotalBytes %u", text, (unsigned)total);
  CHECK_INT(rig.request->info.content_length, want);
  test_context(NULL);
  rig_close(&rig);
}

static void lengths_are_taken_from_the_text(void) {
  check_length(FAKE_IIS, "GET / HTTP/1.1\r\n\r\n", 0, PIE_LENGTH_NONE);
  check_length(FAKE_IIS, POST("0"), 0, 0);
  check_length(FAKE_IIS, POST("5"), 5, 5);
  check_length(FAKE_IIS, POST("5 "), 5, 5);
  /* 4 GiB + 3: 32 bits are not enough (section 9, 11) */
  check_length(FAKE_APACHE, POST("4294967299"), 3, INT64_C(4294967299));
  check_length(FAKE_IIS, POST("4294967299"), PIE_ISAPI_LENGTH_UNKNOWN, INT64_C(4294967299));
  check_length(FAKE_IIS, POST("9223372036854775807"), PIE_ISAPI_LENGTH_UNKNOWN, INT64_MAX);
  /* ISAPIReadAheadBuffer 0 (section 9, 9) */
  check_length(FAKE_APACHE, POST("5"), 0, 5);
}

static void unknown_lengths_are_told(void) {
  check_length(FAKE_IIS, CHUNKED, PIE_ISAPI_LENGTH_UNKNOWN, PIE_LENGTH_UNKNOWN);
  check_length(FAKE_IIS, POST("x"), PIE_ISAPI_LENGTH_UNKNOWN, PIE_LENGTH_UNKNOWN);
  check_length(FAKE_IIS, BOTH, PIE_ISAPI_LENGTH_UNKNOWN, PIE_LENGTH_UNKNOWN);
  check_length(FAKE_IIS, "GET / HTTP/1.1\r\n\r\n", 7, 7); /* the block alone says it */
}

static void the_variable_stands_in_for_the_field(void) {
  rig_open(&rig, FAKE_APACHE, POST("4294967299"));
  fake_set(&rig.host, "ALL_RAW", "Host: a\r\n");
  rig_parse(&rig);
  CHECK_INT(rig.request->info.content_length, INT64_C(4294967299));
  rig_close(&rig);
}

/* ---- reading ---- */

static void bodies_are_read_ahead_and_after(void) {
  static const size_t pieces[] = {1, 2, 5, 7, 100};
  for (size_t ahead = 0; ahead <= 11; ahead++) {
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
      test_context("%zu ahead, read by %zu", ahead, pieces[i]);
      open_body(FAKE_IIS, POST("11") "hello world", ahead);
      rig.host.read_most = 4;
      check_body(pieces[i], "hello world", 0);
      close_body();
    }
  }
}

/* The host is not asked for more than the body: mod_isapi would wait for it. */
static void nothing_is_read_past_the_end(void) {
  open_body(FAKE_IIS, POST("5") "helloGET /next HTTP/1.1", 3);
  check_body(100, "hello", 0);
  CHECK_INT(rig.host.reads, 1);
  CHECK_INT(rig.host.body_at, 5);
  close_body();
  open_body(FAKE_IIS, POST("5") "hello and more", 14); /* even when the host had more ahead */
  check_body(100, "hello", 0);
  CHECK_INT(rig.host.reads, 0);
  close_body();
}

static void a_request_without_a_body_reads_nothing(void) {
  open_body(FAKE_IIS, "GET / HTTP/1.1\r\n\r\n", 0);
  check_body(100, "", 0);
  CHECK_INT(rig.host.reads, 0);
  close_body();
  open_body(FAKE_IIS, POST("0"), 0);
  check_body(100, "", 0);
  CHECK_INT(rig.host.reads, 0);
  close_body();
}

static void a_body_of_unknown_length_ends_with_zero_bytes(void) {
  open_body(FAKE_IIS, CHUNKED "hello world", 3);
  rig.host.read_most = 3;
  check_body(4, "hello world", 0);
  int reads = rig.host.reads;
  check_body(4, "", 0);
  CHECK_INT(rig.host.reads, reads); /* the end was seen once */
  close_body();
}

static void a_body_without_lpbData_is_read(void) {
  open_body(FAKE_APACHE, POST("5") "hello", 0);
  rig.host.ecb.cbTotalBytes = 0;
  rig.host.ecb.cbAvailable = 5; /* and no pointer */
  check_body(100, "hello", 0);
  close_body();
}

static void a_body_cut_short_is_no_quiet_end(void) {
  for (int fails = 0; fails < 2; fails++) {
    for (size_t ahead = 0; ahead <= 3; ahead += 3) {
      test_context("%zu ahead, ReadClient %s", ahead, fails ? "fails" : "gives 0 bytes");
      open_body(FAKE_IIS, POST("11") "hello world", ahead);
      rig.host.body_cut = 4;
      rig.host.read_fails_at_cut = fails;
      check_body(100, "hello w", -PIE_EGONE);
      close_body();
    }
  }
}

static void a_chunked_body_cut_short_fails(void) {
  open_body(FAKE_IIS, CHUNKED "hello world", 0);
  rig.host.body_cut = 4;
  rig.host.read_fails_at_cut = true;
  check_body(100, "hello w", -PIE_EGONE);
  close_body();
}

static void a_body_that_fails_once_is_not_asked_for_again(void) {
  open_body(FAKE_IIS, POST("5") "hello", 0);
  rig.host.body_cut = 5;
  rig.host.read_fails_at_cut = true;
  char byte;
  CHECK_INT(pie_request_read(rig.request, &byte, 1), -PIE_EGONE);
  CHECK_INT(pie_request_read(rig.request, &byte, 1), -PIE_EGONE);
  CHECK_INT(rig.host.reads, 1);
  close_body();
}

/* A length beyond 32 bits: reading goes on past what cbTotalBytes says. */
static void a_body_beyond_4_gib_is_read_by_its_text(void) {
  open_body(FAKE_APACHE, POST("4294967299") "hello world", 0);
  CHECK_INT(rig.host.ecb.cbTotalBytes, 3);
  check_body(100, "hello world", -PIE_EGONE); /* the rest never comes */
  CHECK_INT(rig.request->body_read, 11);
  close_body();
}

static void no_room_is_no_end(void) {
  open_body(FAKE_IIS, POST("5") "hello", 0);
  CHECK_INT(pie_request_read(rig.request, NULL, 0), 0);
  check_body(100, "hello", 0);
  close_body();
}

static const struct test_case cases[] = {
    CASE(lengths_are_taken_from_the_text),
    CASE(unknown_lengths_are_told),
    CASE(the_variable_stands_in_for_the_field),
    CASE(bodies_are_read_ahead_and_after),
    CASE(nothing_is_read_past_the_end),
    CASE(a_request_without_a_body_reads_nothing),
    CASE(a_body_of_unknown_length_ends_with_zero_bytes),
    CASE(a_body_without_lpbData_is_read),
    CASE(a_body_cut_short_is_no_quiet_end),
    CASE(a_chunked_body_cut_short_fails),
    CASE(a_body_that_fails_once_is_not_asked_for_again),
    CASE(a_body_beyond_4_gib_is_read_by_its_text),
    CASE(no_room_is_no_end),
};
TEST_MAIN(cases)
