/* SPDX-License-Identifier: Apache-2.0
 *
 * The check of the chunks that an extension writes itself.
 */
#include "harness/test.h"
#include "http/chunks.h"

#include <string.h>

enum verdict { WHOLE, MORE, WRONG };

static enum verdict judge(const char *text, size_t first, size_t piece) {
  struct pie_chunks chunks = {0};
  size_t n = strlen(text), at = 0;
  bool good = true;
  while (at < n && good) {
    size_t size = at ? piece : first;
    size = size < n - at ? size : n - at;
    good = pie_chunks_feed(&chunks, text + at, size);
    at += size;
  }
  CHECK_INT(good, chunks.state != PIE_CHUNKS_BAD);
  return !good ? WRONG : chunks.state == PIE_CHUNKS_DONE ? WHOLE : MORE;
}

/* However it is cut. */
static void check(const char *text, enum verdict want) {
  for (size_t first = 1; first <= strlen(text) + 1; first++) {
    test_context("%s, first %zu", text, first);
    CHECK_INT(judge(text, first, 1), want);
    CHECK_INT(judge(text, first, 1000), want);
  }
  test_context(NULL);
}

static void whole_bodies(void) {
  check("0\r\n\r\n", WHOLE);
  check("000\r\n\r\n", WHOLE);
  check("5\r\nhello\r\n0\r\n\r\n", WHOLE);
  check("5;a=b\r\nhello\r\n0;c\r\n\r\n", WHOLE);
  check("A\r\n0123456789\r\nb\r\nhello world\r\n0\r\n\r\n", WHOLE);
  check("2\r\n\r\n\r\n0\r\nX: y\r\nZ:\r\n\r\n", WHOLE);
}

static void bodies_that_have_not_ended(void) {
  static const char text[] = "5;x\r\nhello\r\n0\r\nX: y\r\n\r\n";
  char part[sizeof text];
  for (size_t n = 1; n < sizeof text - 1; n++) {
    memcpy(part, text, n);
    part[n] = '\0';
    check(part, MORE);
  }
}

static void what_is_no_chunks(void) {
  check("hello", WRONG);
  check("\r\n", WRONG);
  check(" 5\r\nhello\r\n", WRONG);
  check("5 \r\nhello\r\n", WRONG);
  check("-5\r\nhello\r\n", WRONG);
  check("0x5\r\nhello\r\n", WRONG);
  check("5\nhello\r\n", WRONG);
  check("5\rhello", WRONG);
  check("5\r\nhello0\r\n\r\n", WRONG);
  check("5\r\nhelloworld\r\n", WRONG);
  check("5\r\nhello\n0\r\n\r\n", WRONG);
  check("0\r\n\r\nmore", WRONG);
  check("0\r\n\rX", WRONG);
  check("10000000000000000\r\n", WRONG);
}

/* Of files only their length is known. */
static void data_without_bytes(void) {
  struct pie_chunks chunks = {0};
  CHECK(pie_chunks_feed(&chunks, "ffffffffff\r\n", 12));
  CHECK(pie_chunks_feed(&chunks, NULL, 0xfffffffffe));
  CHECK(pie_chunks_feed(&chunks, NULL, 1));
  CHECK(pie_chunks_feed(&chunks, "\r\n0\r\n\r\n", 7));
  CHECK_INT(chunks.state, PIE_CHUNKS_DONE);
  chunks = (struct pie_chunks){0};
  CHECK(pie_chunks_feed(&chunks, "5\r\n", 3));
  CHECK(!pie_chunks_feed(&chunks, NULL, 6)); /* beyond the chunk's end */
  CHECK(!pie_chunks_feed(&chunks, "\r\n", 2));
}

static const struct test_case cases[] = {
    CASE(whole_bodies),
    CASE(bodies_that_have_not_ended),
    CASE(what_is_no_chunks),
    CASE(data_without_bytes),
};
TEST_MAIN(cases)
