/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf16.h"

#include "harness/test.h"

#include <string.h>

/* NULL: the same as before. */
static void check(const char *text, const uint16_t *want, size_t n, const char *back) {
  uint16_t units[32];
  char bytes[32 * 3 + 1];
  test_context("%s", text);
  CHECK_INT(pie_utf16_from(pie_str_from(text), NULL), n);
  REQUIRE(pie_utf16_from(pie_str_from(text), units) == n);
  CHECK(memcmp(units, want, n * sizeof *units) == 0);
  bytes[pie_utf16_to_utf8(units, n, bytes)] = '\0';
  CHECK_TEXT(bytes, back ? back : text);
  test_context(NULL);
}

static void there_and_back(void) {
  check("", (const uint16_t[]){0}, 0, NULL);
  check("/a", (const uint16_t[]){'/', 'a'}, 2, NULL);
  check("\xc3\xbc\xe2\x82\xac", (const uint16_t[]){0xfc, 0x20ac}, 2, NULL);
  check("\xf0\x9f\x98\x80x", (const uint16_t[]){0xd83d, 0xde00, 'x'}, 3, NULL);
}

static void what_is_not_utf_8_is_latin_1(void) {
  check("\xfc", (const uint16_t[]){0xfc}, 1, "\xc3\xbc");
  check("\xe2\x82", (const uint16_t[]){0xe2, 0x82}, 2, "\xc3\xa2\xc2\x82");
  check("\xc0\x80", (const uint16_t[]){0xc0, 0x80}, 2, "\xc3\x80\xc2\x80"); /* overlong */
  check("\xed\xa0\x80", (const uint16_t[]){0xed, 0xa0, 0x80}, 3,
        "\xc3\xad\xc2\xa0\xc2\x80"); /* half a pair */
  check("\xf4\x90\x80\x80", (const uint16_t[]){0xf4, 0x90, 0x80, 0x80}, 4,
        "\xc3\xb4\xc2\x90\xc2\x80\xc2\x80"); /* beyond the last one */
}

static void half_a_pair(void) {
  static const uint16_t units[] = {0xd83d, 'x', 0xde00};
  char bytes[16];
  bytes[pie_utf16_to_utf8(units, 3, bytes)] = '\0';
  CHECK_TEXT(bytes, "\xed\xa0\xbdx\xed\xb8\x80");
}

static void lengths(void) {
  static const uint16_t text[] = {'a', 0x20ac, 0, 'b'};
  CHECK_INT(pie_utf16_length(text), 2);
  CHECK_INT(pie_utf16_length(text + 2), 0);
}

static const struct test_case cases[] = {
    CASE(there_and_back),
    CASE(what_is_not_utf_8_is_latin_1),
    CASE(half_a_pair),
    CASE(lengths),
};
TEST_MAIN(cases)
