/* SPDX-License-Identifier: Apache-2.0 */
#include "base/folders.h"
#include "harness/test.h"

static void good_values_are_taken(void) {
  static const char *const values[] = {
      "", "/static=a", "/static/=a/b", "/=a", " /a = b , /c=d ,", "/a=b=c", "/a b=c", "/a/b=C:\\x"};
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    test_context("%s", values[i]);
    CHECK(!pie_folders_check(pie_str_from(values[i])));
  }
  test_context(NULL);
}

static void wrong_values_are_told(void) {
  static const char *const values[] = {"static=a", "/static",  "/static=", "=a",
                                       "a",        "/a=b,c",   "//a=b",    "/a//b=c",
                                       "/../a=b",  "/a/./b=c", "/a//=b",   "/a\\b=c"};
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    test_context("%s", values[i]);
    const char *why = pie_folders_check(pie_str_from(values[i]));
    CHECK(why);
    CHECK_HAS(why ? why : "", "such as /static=");
  }
  test_context(NULL);
  CHECK_TEXT(pie_folders_check(PIE_STR("/a=b,/c=d,/a/=e")), "must not name a path twice");
}

static void check_found(const char *path, const char *folder, const char *rest) {
  struct pie_folder found;
  struct pie_str left;
  test_context("%s", path);
  bool good =
      pie_folders_find(PIE_STR("/s=one,/s/deep=two,/t/=three"), pie_str_from(path), &found, &left);
  CHECK_INT(good, folder != NULL);
  if (good && folder) {
    CHECK_STR(found.folder, folder);
    CHECK_STR(left, rest);
  }
  test_context(NULL);
}

static void the_longest_prefix_wins(void) {
  check_found("/s", "one", "");
  check_found("/s/", "one", "/");
  check_found("/s/a.css", "one", "/a.css");
  check_found("/s/deeper", "one", "/deeper");
  check_found("/s/deep", "two", "");
  check_found("/s/deep/x/y", "two", "/x/y");
  check_found("/t", "three", "");
  check_found("/s2/a", NULL, NULL);
  check_found("/S/a", NULL, NULL);
  check_found("/", NULL, NULL);
  check_found("", NULL, NULL);
}

static void a_slash_takes_all(void) {
  struct pie_folder found;
  struct pie_str rest;
  CHECK(pie_folders_find(PIE_STR("/=all"), PIE_STR("/a"), &found, &rest));
  CHECK_STR(rest, "/a");
  CHECK(pie_folders_find(PIE_STR("/=all"), PIE_STR(""), &found, &rest));
  CHECK_STR(rest, "");
}

static const struct test_case cases[] = {
    CASE(good_values_are_taken),
    CASE(wrong_values_are_told),
    CASE(the_longest_prefix_wins),
    CASE(a_slash_takes_all),
};
TEST_MAIN(cases)
