/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/error.h"
#include "harness/test.h"

#include <string.h>

static void an_empty_one_is_a_text(void) {
  struct pie_buf buf;
  pie_buf_init(&buf, 10);
  CHECK_STR(pie_buf_str(&buf), "");
  pie_buf_clear(&buf);
  pie_buf_consume(&buf, 0);
  CHECK_INT(pie_buf_append(&buf, NULL, 0), 0);
  CHECK_TEXT(buf.p, "");
  pie_buf_free(&buf);
  CHECK(buf.p == NULL);
}

static void it_grows_and_stays_terminated(void) {
  struct pie_buf buf;
  pie_buf_init(&buf, 10000);
  for (int i = 0; i < 10000; i++) {
    char c = (char)('a' + i % 26);
    REQUIRE(pie_buf_append(&buf, &c, 1) == 0);
    REQUIRE(buf.p[buf.n] == '\0');
  }
  CHECK_INT(buf.n, 10000);
  CHECK_INT(buf.p[9999], 'a' + 9999 % 26);
  CHECK(buf.capacity <= buf.max);
  pie_buf_free(&buf);
}

static void the_maximum_is_exact(void) {
  struct pie_buf buf;
  volatile size_t endless = SIZE_MAX; /* unseen by the compiler, which would warn */
  pie_buf_init(&buf, 5);
  CHECK_INT(pie_buf_adds(&buf, "abc"), 0);
  CHECK_INT(pie_buf_adds(&buf, "def"), -PIE_ETOOBIG);
  CHECK_STR(pie_buf_str(&buf), "abc"); /* unchanged */
  CHECK_INT(pie_buf_adds(&buf, "de"), 0);
  CHECK_INT(pie_buf_adds(&buf, ""), 0);
  CHECK_INT(pie_buf_addf(&buf, "%s", "f"), -PIE_ETOOBIG);
  CHECK_TEXT(buf.p, "abcde");
  CHECK_INT(pie_buf_reserve(&buf, 1), -PIE_ETOOBIG);
  CHECK_INT(pie_buf_reserve(&buf, SIZE_MAX), -PIE_ETOOBIG);
  CHECK_INT(pie_buf_append(&buf, "x", endless), -PIE_ETOOBIG);
  pie_buf_free(&buf);
  CHECK_INT(buf.max, 5); /* free keeps what init was told */
}

static void a_maximum_of_nothing_holds_nothing(void) {
  struct pie_buf buf;
  pie_buf_init(&buf, 0);
  CHECK_INT(pie_buf_adds(&buf, ""), 0);
  CHECK_INT(pie_buf_adds(&buf, "x"), -PIE_ETOOBIG);
  CHECK_STR(pie_buf_str(&buf), "");
  pie_buf_free(&buf);
}

static void formatted_text_is_added(void) {
  struct pie_buf buf;
  pie_buf_init(&buf, 2000);
  CHECK_INT(pie_buf_addf(&buf, "%d-%s-%llx", 7, "x", 255ull), 0);
  CHECK_TEXT(buf.p, "7-x-ff");
  CHECK_INT(pie_buf_addf(&buf, "%*s", 1000, "y"), 0); /* grows within one call */
  CHECK_INT(buf.n, 1006);
  CHECK_INT(buf.p[1005], 'y');
  CHECK_INT(pie_buf_addf(&buf, "%*s", 995, "z"), -PIE_ETOOBIG);
  CHECK_INT(buf.n, 1006);
  CHECK_INT(buf.p[1006], 0);
  pie_buf_free(&buf);
}

static void the_front_can_be_consumed(void) {
  struct pie_buf buf;
  pie_buf_init(&buf, 100);
  pie_buf_adds(&buf, "hello world");
  pie_buf_consume(&buf, 6);
  CHECK_TEXT(buf.p, "world");
  pie_buf_consume(&buf, 0);
  CHECK_TEXT(buf.p, "world");
  pie_buf_consume(&buf, 5);
  CHECK_INT(buf.n, 0);
  CHECK_TEXT(buf.p, "");
  CHECK_INT(pie_buf_reserve(&buf, 100), 0); /* what was consumed counts no more */
  pie_buf_free(&buf);
}

static void clear_keeps_the_memory(void) {
  struct pie_buf buf;
  pie_buf_init(&buf, 1000);
  pie_buf_addf(&buf, "%*s", 900, "");
  char *before = buf.p;
  pie_buf_clear(&buf);
  CHECK_TEXT(buf.p, "");
  pie_buf_addf(&buf, "%*s", 900, "");
  CHECK(buf.p == before);
  pie_buf_free(&buf);
}

static void bytes_of_any_value_are_kept(void) {
  struct pie_buf buf;
  pie_buf_init(&buf, 1000);
  CHECK_INT(pie_buf_append(&buf, "a\0b\xff", 4), 0);
  CHECK_INT(pie_buf_add(&buf, (struct pie_str){"\0", 1}), 0);
  CHECK_SLICE(pie_buf_str(&buf), ((struct pie_str){"a\0b\xff\0", 5}));
  pie_buf_free(&buf);
}

static void every_error_has_a_text_of_its_own(void) {
  for (int i = 1; i <= 13; i++) {
    CHECK(strcmp(pie_error_text(i), "unknown error") != 0);
    CHECK_TEXT(pie_error_text(-i), pie_error_text(i));
    for (int n = 0; n < i; n++)
      CHECK(strcmp(pie_error_text(i), pie_error_text(n)) != 0);
  }
  CHECK_TEXT(pie_error_text(0), "no error");
  CHECK_TEXT(pie_error_text(99), "unknown error");
}

static const struct test_case cases[] = {
    CASE(an_empty_one_is_a_text),
    CASE(it_grows_and_stays_terminated),
    CASE(the_maximum_is_exact),
    CASE(a_maximum_of_nothing_holds_nothing),
    CASE(formatted_text_is_added),
    CASE(the_front_can_be_consumed),
    CASE(clear_keeps_the_memory),
    CASE(bytes_of_any_value_are_kept),
    CASE(every_error_has_a_text_of_its_own),
};
TEST_MAIN(cases)
