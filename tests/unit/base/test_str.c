/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "base/str.h"
#include "harness/test.h"

#include <stdlib.h>
#include <string.h>

static void slices_compare(void) {
  CHECK_STR(pie_str_from(NULL), "");
  CHECK(pie_str_equal(PIE_STR(""), (struct pie_str){NULL, 0}));
  CHECK(pie_str_equal(PIE_STR("abc"), PIE_STR("abc")));
  CHECK(!pie_str_equal(PIE_STR("abc"), PIE_STR("abd")));
  CHECK(!pie_str_equal(PIE_STR("abc"), PIE_STR("ab")));
  CHECK(!pie_str_equal(PIE_STR("abc"), PIE_STR("ABC")));
  CHECK(pie_str_equal_nocase(PIE_STR("Content-Length"), PIE_STR("cONTENT-lENGTH")));
  CHECK(!pie_str_equal_nocase(PIE_STR("a-b"), PIE_STR("a_b")));
  CHECK(!pie_str_equal_nocase(PIE_STR("[`"), PIE_STR("{@"))); /* letters only */
  CHECK(!pie_str_equal_nocase(PIE_STR("\xc4"), PIE_STR("\xe4")));
  CHECK(pie_str_equal(PIE_STR("a\0b"), PIE_STR("a\0b")));
  CHECK(!pie_str_equal(PIE_STR("a\0b"), PIE_STR("a\0c")));
}

static void slices_start_with(void) {
  CHECK(pie_str_starts(PIE_STR("abc"), PIE_STR("ab")));
  CHECK(pie_str_starts(PIE_STR("abc"), PIE_STR("")));
  CHECK(pie_str_starts(PIE_STR(""), PIE_STR("")));
  CHECK(!pie_str_starts(PIE_STR("a"), PIE_STR("ab")));
  CHECK(!pie_str_starts(PIE_STR("Abc"), PIE_STR("ab")));
  CHECK(pie_str_starts_nocase(PIE_STR("ABC"), PIE_STR("ab")));
  CHECK(!pie_str_starts_nocase(PIE_STR("a"), PIE_STR("ab")));
}

static void blanks_are_trimmed(void) {
  CHECK_STR(pie_str_trim(PIE_STR(" \t a b \t ")), "a b");
  CHECK_STR(pie_str_trim(PIE_STR("\r\n a\n")), "\r\n a\n"); /* line ends are no blanks */
  CHECK_INT(pie_str_trim(PIE_STR("  \t")).n, 0);
  CHECK_INT(pie_str_trim((struct pie_str){NULL, 0}).n, 0);
}

static void cut_takes_what_is_before(void) {
  struct pie_str rest = PIE_STR("a,,b");
  CHECK_STR(pie_str_cut(&rest, ','), "a");
  CHECK_STR(pie_str_cut(&rest, ','), "");
  CHECK_STR(pie_str_cut(&rest, ','), "b");
  CHECK_INT(rest.n, 0);
  CHECK_STR(pie_str_cut(&rest, ','), "");
  rest = PIE_STR("a,");
  pie_str_cut(&rest, ',');
  CHECK_INT(rest.n, 0);
}

static void lists_hold_tokens(void) {
  CHECK(pie_str_has_token(PIE_STR("close"), PIE_STR("close")));
  CHECK(pie_str_has_token(PIE_STR("keep-alive, Close"), PIE_STR("close")));
  CHECK(pie_str_has_token(PIE_STR(" ,\t close ,x"), PIE_STR("close")));
  CHECK(!pie_str_has_token(PIE_STR("closed"), PIE_STR("close")));
  CHECK(!pie_str_has_token(PIE_STR("not close"), PIE_STR("close")));
  CHECK(!pie_str_has_token(PIE_STR("close;q=1"), PIE_STR("close")));
  CHECK(!pie_str_has_token(PIE_STR(""), PIE_STR("close")));
}

static void numbers_are_digits_and_nothing_else(void) {
  static const struct {
    const char *text;
    int code;
    int64_t value;
  } rows[] = {
      {"0", 0, 0},
      {"7", 0, 7},
      {"0007", 0, 7},
      {"4294967296", 0, 4294967296},
      {"9223372036854775807", 0, INT64_MAX},
      {"0000000000000000000000000009223372036854775807", 0, INT64_MAX},
      {"9223372036854775808", -PIE_ETOOBIG, 0},
      {"18446744073709551616", -PIE_ETOOBIG, 0},
      {"18446744073709551617", -PIE_ETOOBIG, 0},
      {"99999999999999999999999", -PIE_ETOOBIG, 0},
      {"", -PIE_EPROTO, 0},
      {" 1", -PIE_EPROTO, 0},
      {"1 ", -PIE_EPROTO, 0},
      {"+1", -PIE_EPROTO, 0},
      {"-1", -PIE_EPROTO, 0},
      {"1,1", -PIE_EPROTO, 0},
      {"0x10", -PIE_EPROTO, 0},
      {"1e3", -PIE_EPROTO, 0},
      {"1.0", -PIE_EPROTO, 0},
      {"\xb2", -PIE_EPROTO, 0},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    int64_t value = -77;
    test_context("\"%s\"", rows[i].text);
    int code = pie_str_to_int64(pie_str_from(rows[i].text), &value);
    CHECK_INT(code, rows[i].code);
    CHECK_INT(value, code ? -77 : rows[i].value); /* untouched on failure */
  }
  int64_t value;
  test_context(NULL);
  CHECK_INT(pie_str_to_int64(PIE_STR("1\0"), &value), -PIE_EPROTO);
}

/* From and into memory of exactly the size that is promised to be enough. */
static void check_decode(const char *text, struct pie_str want) {
  size_t n = strlen(text);
  char *in = malloc(n ? n : 1), *out = malloc(n ? n : 1);
  REQUIRE(in && out);
  memcpy(in, text, n);
  test_context("\"%s\"", text);
  size_t length = pie_str_percent_decode((struct pie_str){in, n}, out);
  CHECK_SLICE(((struct pie_str){out, length}), want);
  test_context(NULL);
  free(in);
  free(out);
}

static void percent_escapes_are_decoded_once(void) {
  check_decode("", PIE_STR(""));
  check_decode("/a%20b", PIE_STR("/a b"));
  check_decode("%41%6a%4A%6A", PIE_STR("AjJj"));
  check_decode("%2F%2f%2e", PIE_STR("//."));
  check_decode("%252e", PIE_STR("%2e"));
  check_decode("%00", PIE_STR("\0"));
  check_decode("%ff%C3%A9", PIE_STR("\xff\xc3\xa9"));
  check_decode("a+b", PIE_STR("a+b")); /* "+" is a space in forms only */
}

static void bad_percent_escapes_stay(void) {
  check_decode("%", PIE_STR("%"));
  check_decode("%4", PIE_STR("%4"));
  check_decode("a%", PIE_STR("a%"));
  check_decode("%zz", PIE_STR("%zz"));
  check_decode("%4g", PIE_STR("%4g"));
  check_decode("%%41", PIE_STR("%A"));
  check_decode("%u0041", PIE_STR("%u0041"));
  check_decode("% 41", PIE_STR("% 41"));
  check_decode("%-1", PIE_STR("%-1"));
  check_decode("%@A%G0%`a", PIE_STR("%@A%G0%`a")); /* beside the letters */
}

static void dot_segments_are_resolved(void) {
  static const char *const rows[][2] = {
      {"/", "/"},
      {"/a/b", "/a/b"},
      {"/.", "/"},
      {"/..", "/"},
      {"/a/.", "/a/"},
      {"/a/..", "/"},
      {"/a/b/..", "/a/"},
      {"/a/./b/../c", "/a/c"},
      {"/../../../etc/passwd", "/etc/passwd"},
      {"/a/../../b", "/b"},
      {"/a/b/c/./../../g", "/a/g"}, /* RFC 3986, 5.2.4 */
      {"/a//b", "/a//b"},
      {"/a//../b", "/a/b"},
      {"//../x", "/x"},
      {"/...", "/..."},
      {"/.a/..b/c../.", "/.a/..b/c../"},
      {"/a/..;x/b", "/a/..;x/b"},
      {"/./././", "/"},
      {"/../", "/"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char path[64];
    test_context("\"%s\"", rows[i][0]);
    strcpy(path, rows[i][0]);
    size_t n = pie_str_remove_dots(path, strlen(path));
    CHECK_STR(((struct pie_str){path, n}), rows[i][1]);
    CHECK_INT(pie_str_remove_dots(path, n), n); /* once is enough */
  }
  CHECK_INT(pie_str_remove_dots((char[]){'x'}, 0), 0);
}

static void tokens_have_their_characters(void) {
  static const char good[] = "!#$%&'*+-.^_`|~0123456789"
                             "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  for (int c = 0; c < 256; c++) {
    char byte = (char)c;
    test_context("byte %d", c);
    CHECK_INT(pie_str_is_token((struct pie_str){&byte, 1}), c && strchr(good, c) != NULL);
    CHECK_INT(pie_str_is_token((struct pie_str){(char[]){'a', byte, 'b'}, 3}),
              c && strchr(good, c) != NULL);
  }
  CHECK(!pie_str_is_token(PIE_STR("")));
}

static const struct test_case cases[] = {
    CASE(slices_compare),
    CASE(slices_start_with),
    CASE(blanks_are_trimmed),
    CASE(cut_takes_what_is_before),
    CASE(lists_hold_tokens),
    CASE(numbers_are_digits_and_nothing_else),
    CASE(percent_escapes_are_decoded_once),
    CASE(bad_percent_escapes_stay),
    CASE(dot_segments_are_resolved),
    CASE(tokens_have_their_characters),
};
TEST_MAIN(cases)
