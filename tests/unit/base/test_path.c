/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path.h"
#include "harness/test.h"

#include <string.h>

struct row {
  struct pie_str path;
  bool is_plain, is_plain_on_windows;
};

#define ROW(path, plain, windows)                                                                  \
  { PIE_STR_INIT(path), plain, windows }

static const struct row rows[] = {
    ROW("a", true, true),
    ROW("a/b.css", true, true),
    ROW(".well-known/x", true, true),
    ROW("..a/a..b", true, true),
    ROW("a b/ c", true, true),
    ROW("\xc3\xa4/\xf0\x9f\x99\x82", true, true),
    ROW("\xff\xfe", true, true), /* it is for the system to say that this is no UTF-8 */
    ROW("%2e%2e/a", true, true), /* it has been decoded once already */
    ROW("", false, false),
    ROW("/a", false, false),
    ROW("a/", false, false),
    ROW("a//b", false, false),
    ROW(".", false, false),
    ROW("..", false, false),
    ROW("a/../b", false, false),
    ROW("a/./b", false, false),
    ROW("a/...", false, false),
    ROW("a\\b", false, false),
    ROW("..\\a", false, false),
    ROW("a\0b", false, false),
    ROW("a\nb", false, false),
    ROW("a\x7f", false, false),
    ROW("a.", false, false),
    ROW("a ", false, false),
    ROW("a /b", false, false),
    ROW("a./b", false, false),
    ROW("a:b", true, false),
    ROW("a::$DATA", true, false),
    ROW("C:/a", true, false),
    ROW("a?", true, false),
    ROW("a*", true, false),
    ROW("a|b", true, false),
    ROW("a<b", true, false),
    ROW("a>b", true, false),
    ROW("a\"b", true, false),
    ROW("con", true, false),
    ROW("CON.txt", true, false),
    ROW("a/nul.tar.gz", true, false),
    ROW("aux/a", true, false),
    ROW("PRN .txt", true, false),
    ROW("com1", true, false),
    ROW("lpt9.css", true, false),
    ROW("COM\xc2\xb2.css", true, false),
    ROW("conin$", true, false),
    ROW("CONOUT$.x", true, false),
    ROW("console", true, true),
    ROW("com10", true, true),
    ROW("com", true, true),
    ROW("co", true, true),
    ROW("lpta", true, true),
    ROW("PROGRA~1", true, true), /* only the system knows */
};

static void paths_are_plain_or_not(void) {
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    test_context("\"%s\"", rows[i].path.p);
    CHECK_INT(pie_path_is_plain(rows[i].path, false), rows[i].is_plain);
    CHECK_INT(pie_path_is_plain(rows[i].path, true), rows[i].is_plain_on_windows);
  }
  test_context(NULL);
}

static void names_have_a_longest(void) {
  char name[PIE_PATH_NAME_MAX + 1];
  memset(name, 'a', sizeof name);
  CHECK(pie_path_is_plain((struct pie_str){name, PIE_PATH_NAME_MAX}, true));
  CHECK(!pie_path_is_plain((struct pie_str){name, PIE_PATH_NAME_MAX + 1}, true));
}

static void extensions_follow_the_last_dot(void) {
  CHECK_STR(pie_path_extension(PIE_STR("a/b.tar.gz")), "gz");
  CHECK_STR(pie_path_extension(PIE_STR("a.b/c")), "");
  CHECK_STR(pie_path_extension(PIE_STR("a.")), "");
  CHECK_STR(pie_path_extension(PIE_STR(".x")), "x");
  CHECK_STR(pie_path_extension(PIE_STR("")), "");
}

static const struct test_case cases[] = {
    CASE(paths_are_plain_or_not),
    CASE(names_have_a_longest),
    CASE(extensions_follow_the_last_dot),
};
TEST_MAIN(cases)
