/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"
#include "isapi/conditions.h"

#include <stdio.h>
#include <string.h>

enum { FIELDS_MAX = 8 };

static struct pie_header fields[FIELDS_MAX];
static struct pie_request_info info;

/* A GET with such fields: pairs of name and value, and NULL. */
static void request(const char *const *pairs) {
  info = (struct pie_request_info){.method = PIE_STR("GET"), .headers = fields};
  for (; *pairs; pairs += 2) {
    REQUIRE(info.header_count < FIELDS_MAX);
    fields[info.header_count++] =
        (struct pie_header){pie_str_from(pairs[0]), pie_str_from(pairs[1])};
  }
}

#define REQUEST(...) request((const char *const[]){__VA_ARGS__, NULL})

/* ---- dates ---- */

static void dates_are_read_in_three_forms(void) {
  static const struct {
    const char *text;
    int64_t unix_s;
  } rows[] = {
      {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
      {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
      {"Sun Nov  6 08:49:37 1994", 784111777},
      {" Sun, 06 Nov 1994 08:49:37 GMT ", 784111777},
      {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
      {"Thu, 29 Feb 2024 23:59:59 GMT", 1709251199},
      {"Fri, 31 Dec 9999 23:59:59 GMT", 253402300799},
      {"Tue Jan 16 12:00:00 2024", 1705406400},
      {"Wednesday, 01-Jan-69 00:00:00 GMT", 3124224000},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    int64_t got = -1;
    test_context("%s", rows[i].text);
    CHECK(pie_http_date_parse(pie_str_from(rows[i].text), &got));
    CHECK_INT(got, rows[i].unix_s);
  }
  test_context(NULL);
}

static void what_is_no_date_is_refused(void) {
  static const char *const texts[] = {"",
                                      "yesterday",
                                      "784111777",
                                      "Sun, 06 Nov 1994 08:49:37",
                                      "Sun, 06 Nov 1994 08:49:37 CET",
                                      "Sun, 6 Nov 1994 08:49:37 GMT",
                                      "Sun, 32 Jan 1994 08:49:37 GMT",
                                      "Wed, 30 Feb 1994 08:49:37 GMT",
                                      "Sun, 00 Jan 1994 08:49:37 GMT",
                                      "Sun, 06 Nov 1994 24:00:00 GMT",
                                      "Sun, 06 Nov 1994 08:60:00 GMT",
                                      "Sun, 06 nov 1994 08:49:37 GMT",
                                      "Sun, -6 Nov 1994 08:49:37 GMT",
                                      "Sun, 06 Nov 1994 08:49:37 GMT; length=7"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    int64_t got;
    test_context("%s", texts[i]);
    CHECK(!pie_http_date_parse(pie_str_from(texts[i]), &got));
  }
  test_context(NULL);
}

static void dates_are_written(void) {
  static const int64_t step = 86399 * INT64_C(37);
  char text[PIE_HTTP_DATE_SIZE];
  pie_http_date_format(784111777, text);
  CHECK_TEXT(text, "Sun, 06 Nov 1994 08:49:37 GMT");
  pie_http_date_format(-5, text);
  CHECK_TEXT(text, "Thu, 01 Jan 1970 00:00:00 GMT");
  pie_http_date_format(INT64_MAX, text);
  CHECK_TEXT(text, "Fri, 31 Dec 9999 23:59:59 GMT");
  for (int64_t at = 0; at < INT64_C(253402300799); at += step) {
    int64_t back = -1;
    pie_http_date_format(at, text);
    if (!pie_http_date_parse(pie_str_from(text), &back) || back != at)
      CHECK_TEXT(text, "a date that can be read");
  }
}

/* ---- conditions ---- */

#define T0 "Sun, 06 Nov 1994 08:49:36 GMT"
#define T1 "Sun, 06 Nov 1994 08:49:37 GMT"
#define T2 "Sun, 06 Nov 1994 08:49:38 GMT"

static struct pie_validators now = {PIE_STR_INIT("\"abc\""), false, 784111777};

static void check(enum pie_condition want) { CHECK_INT(pie_conditions_check(&info, &now), want); }

static void tags_are_compared(void) {
  REQUEST("X", "y");
  check(PIE_CONDITION_TRUE);
  static const struct {
    const char *list;
    bool weakly, strongly;
  } rows[] = {
      {"\"abc\"", true, true},
      {"\"abd\"", false, false},
      {"W/\"abc\"", true, false},
      {"w/\"abc\"", false, false},
      {"*", true, true},
      {" * ", true, true},
      {"\"x\", \"abc\"", true, true},
      {"\"x\" ,,W/\"y\",\"abc\"", true, true},
      {"\"x,\", \"abc\"", true, true},
      {"\"x, \"abc\"", false, false},
      {"abc", false, false},
      {"\"abc", false, false},
      {"", false, false},
      {"*, \"x\"", false, false},
      {"\"ABC\"", false, false},
      {"\"\"", false, false},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    test_context("%s", rows[i].list);
    REQUEST("If-None-Match", rows[i].list);
    check(rows[i].weakly ? PIE_CONDITION_NOT_MODIFIED : PIE_CONDITION_TRUE);
    REQUEST("If-Match", rows[i].list);
    check(rows[i].strongly ? PIE_CONDITION_TRUE : PIE_CONDITION_FAILED);
  }
  test_context(NULL);
  REQUEST("if-none-match", "\"x\"", "IF-NONE-MATCH", "\"abc\"");
  check(PIE_CONDITION_NOT_MODIFIED);
}

static void a_weak_tag_is_never_strongly_the_same(void) {
  now.is_weak = true;
  REQUEST("If-None-Match", "\"abc\"");
  check(PIE_CONDITION_NOT_MODIFIED);
  REQUEST("If-Match", "\"abc\"");
  check(PIE_CONDITION_FAILED);
  REQUEST("If-Match", "W/\"abc\"");
  check(PIE_CONDITION_FAILED);
  REQUEST("If-Match", "*");
  check(PIE_CONDITION_TRUE);
  now.is_weak = false;
}

static void dates_are_compared(void) {
  REQUEST("If-Modified-Since", T0);
  check(PIE_CONDITION_TRUE);
  REQUEST("If-Modified-Since", T1);
  check(PIE_CONDITION_NOT_MODIFIED);
  REQUEST("If-Modified-Since", T2);
  check(PIE_CONDITION_NOT_MODIFIED);
  REQUEST("If-Unmodified-Since", T0);
  check(PIE_CONDITION_FAILED);
  REQUEST("If-Unmodified-Since", T1);
  check(PIE_CONDITION_TRUE);
  REQUEST("If-Modified-Since", "soon", "If-Unmodified-Since", "late");
  check(PIE_CONDITION_TRUE);
  REQUEST("If-Modified-Since", T2, "If-Modified-Since", T2);
  check(PIE_CONDITION_TRUE); /* which of them? */
}

static void tags_go_before_dates(void) {
  REQUEST("If-None-Match", "\"x\"", "If-Modified-Since", T2);
  check(PIE_CONDITION_TRUE);
  REQUEST("If-Match", "\"abc\"", "If-Unmodified-Since", T0);
  check(PIE_CONDITION_TRUE);
  REQUEST("If-Match", "\"x\"", "If-None-Match", "\"abc\"");
  check(PIE_CONDITION_FAILED);
  REQUEST("If-Match", "\"abc\"", "If-None-Match", "\"abc\"");
  check(PIE_CONDITION_NOT_MODIFIED);
}

/* ---- ranges ---- */

static void ranges_are_read(void) {
  static const struct {
    const char *value;
    uint64_t size;
    enum pie_range_kind kind;
    uint64_t first, length;
  } rows[] = {
      {"bytes=0-0", 10, PIE_RANGE_PART, 0, 1},
      {"bytes=0-", 10, PIE_RANGE_PART, 0, 10},
      {"bytes=3-5", 10, PIE_RANGE_PART, 3, 3},
      {"bytes=9-9", 10, PIE_RANGE_PART, 9, 1},
      {"bytes=5-99", 10, PIE_RANGE_PART, 5, 5},
      {"bytes=-3", 10, PIE_RANGE_PART, 7, 3},
      {"bytes=-99", 10, PIE_RANGE_PART, 0, 10},
      {"BYTES = 1-2 ", 10, PIE_RANGE_PART, 1, 2},
      {"bytes=, ,1-2,", 10, PIE_RANGE_PART, 1, 2},
      {"bytes=5-99999999999999999999999", 10, PIE_RANGE_PART, 5, 5},
      {"bytes=-99999999999999999999999", 10, PIE_RANGE_PART, 0, 10},
      {"bytes=0-18446744073709551615", 10, PIE_RANGE_PART, 0, 10},
      {"bytes=4294967296-4294967297", 5000000000, PIE_RANGE_PART, 4294967296, 2},
      {"bytes=10-", 10, PIE_RANGE_BEYOND, 0, 0},
      {"bytes=10-20", 10, PIE_RANGE_BEYOND, 0, 0},
      {"bytes=99999999999999999999999-", 10, PIE_RANGE_BEYOND, 0, 0},
      {"bytes=18446744073709551616-18446744073709551617", 10, PIE_RANGE_BEYOND, 0, 0},
      {"bytes=-0", 10, PIE_RANGE_BEYOND, 0, 0},
      {"bytes=0-", 0, PIE_RANGE_BEYOND, 0, 0},
      {"bytes=-5", 0, PIE_RANGE_WHOLE, 0, 0},
      {"bytes=5-4", 10, PIE_RANGE_WHOLE, 0, 0},
      {"bytes=99999999999999999999999-1", 10, PIE_RANGE_WHOLE, 0, 0},
      {"bytes=0-1,3-4", 10, PIE_RANGE_WHOLE, 0, 0},
      {"bytes=-", 10, PIE_RANGE_WHOLE, 0, 0},
      {"bytes=", 10, PIE_RANGE_WHOLE, 0, 0},
      {"bytes", 10, PIE_RANGE_WHOLE, 0, 0},
      {"", 10, PIE_RANGE_WHOLE, 0, 0},
      {"lines=0-1", 10, PIE_RANGE_WHOLE, 0, 0},
      {"bytes=1", 10, PIE_RANGE_WHOLE, 0, 0},
      {"bytes=--1", 10, PIE_RANGE_WHOLE, 0, 0},
      {"bytes=1-2-3", 10, PIE_RANGE_WHOLE, 0, 0},
      {"bytes=+1-2", 10, PIE_RANGE_WHOLE, 0, 0},
      {"bytes=1 - 2", 10, PIE_RANGE_WHOLE, 0, 0},
      {"bytes=0x1-2", 10, PIE_RANGE_WHOLE, 0, 0},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct pie_range range = {0, 0};
    test_context("%s of %d", rows[i].value, (int)rows[i].size);
    CHECK_INT(pie_range_parse(pie_str_from(rows[i].value), rows[i].size, &range), rows[i].kind);
    CHECK_INT(range.first, rows[i].first);
    CHECK_INT(range.length, rows[i].length);
  }
  test_context(NULL);
}

static void check_range(enum pie_range_kind want) {
  struct pie_range range;
  CHECK_INT(pie_range_find(&info, &now, 10, &range), want);
}

static void ranges_can_depend_on_the_file(void) {
  static const struct {
    const char *value;
    bool good;
  } rows[] = {{"\"abc\"", true}, {"\"abd\"", false}, {"W/\"abc\"", false},
              {T1, true},        {T0, false},        {T2, false},
              {"*", false},      {"", false},        {"\"abc\", \"x\"", false}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    test_context("%s", rows[i].value);
    REQUEST("Range", "bytes=1-2", "If-Range", rows[i].value);
    check_range(rows[i].good ? PIE_RANGE_PART : PIE_RANGE_WHOLE);
    now.is_weak = true; /* then the date is, too */
    check_range(PIE_RANGE_WHOLE);
    now.is_weak = false;
  }
  test_context(NULL);
}

static void only_get_has_ranges(void) {
  REQUEST("Range", "bytes=1-2");
  check_range(PIE_RANGE_PART);
  info.method = PIE_STR("HEAD");
  check_range(PIE_RANGE_WHOLE);
  REQUEST("Range", "bytes=1-2", "Range", "bytes=3-4");
  check_range(PIE_RANGE_WHOLE);
  REQUEST("If-Range", "\"abc\"");
  check_range(PIE_RANGE_WHOLE);
}

/* ---- codings ---- */

static void codings_are_weighed(void) {
  static const struct {
    const char *value;
    int br, gzip, identity;
  } rows[] = {
      {"gzip, deflate, br", 1000, 1000, 1},
      {"gzip", 0, 1000, 1},
      {"x-gzip", 0, 1000, 1},
      {"GZIP;Q=0.5", 0, 500, 1},
      {"br;q=0.001", 1, 0, 1},
      {"br;q=0", 0, 0, 1},
      {"br;q=0.0, *", 0, 1000, 1},
      {"*;q=0", 0, 0, 0},
      {"*;q=0.3, identity;q=0.7", 300, 300, 700},
      {"identity;q=0, gzip ; q=1.000", 0, 1000, 0},
      {"gzip;q=2", 0, 0, 1},
      {"gzip;q=0.1234", 0, 0, 1},
      {"gzip;q=a", 0, 0, 1},
      {"gzip;q=", 0, 0, 1},
      {"gzip;x=1;q=0.2", 0, 200, 1},
      {"", 0, 0, 1},
      {",,;q=1,", 0, 0, 1},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    test_context("%s", rows[i].value);
    REQUEST("Accept-Encoding", rows[i].value);
    struct pie_codings got = pie_codings_find(&info);
    CHECK_INT(got.br, rows[i].br);
    CHECK_INT(got.gzip, rows[i].gzip);
    CHECK_INT(got.identity, rows[i].identity);
  }
  test_context(NULL);
  REQUEST("Accept-Encoding", "br", "Accept-Encoding", "gzip;q=0.5");
  struct pie_codings got = pie_codings_find(&info);
  CHECK(got.br == 1000 && got.gzip == 500);
}

static const struct test_case cases[] = {
    CASE(dates_are_read_in_three_forms),
    CASE(what_is_no_date_is_refused),
    CASE(dates_are_written),
    CASE(tags_are_compared),
    CASE(a_weak_tag_is_never_strongly_the_same),
    CASE(dates_are_compared),
    CASE(tags_go_before_dates),
    CASE(ranges_are_read),
    CASE(ranges_can_depend_on_the_file),
    CASE(only_get_has_ranges),
    CASE(codings_are_weighed),
};
TEST_MAIN(cases)
