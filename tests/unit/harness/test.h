/* SPDX-License-Identifier: Apache-2.0
 *
 * A small test harness. A failed CHECK is told with its place and values, and the case goes on; a
 * failed REQUIRE ends the program. Both stay in builds without asserts, and work on any thread.
 */
#ifndef PIE_TEST_H
#define PIE_TEST_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct test_case {
  const char *name;
  void (*run)(void);
};

#define CASE(function)                                                                             \
  { #function, function }

#define TEST_MAIN(cases)                                                                           \
  int main(int count, char **args) {                                                               \
    return test_main(count, args, cases, sizeof(cases) / sizeof(cases)[0]);                        \
  }

/* Runs the cases, or those whose names are given as arguments; ends with "N passed, N failed". */
int test_main(int count, char **args, const struct test_case *cases, size_t n);

/* Where a failure inside a table or a helper belongs: printed with it. NULL ends it. */
void test_context(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool test_has_failed(void);      /* the running case */
void test_forget_failures(void); /* in a process of its own, which tells by its exit code */

/* A folder of this program's own, removed at its end. */
const char *test_folder(void);
/* The folder in which this program lies: so do the modules that the build makes for it. */
const char *test_program_folder(void);

#define CHECK(fact) test_check((fact), #fact, __FILE__, __LINE__)
#define REQUIRE(fact) test_require((fact), #fact, __FILE__, __LINE__)
#define CHECK_INT(got, want)                                                                       \
  test_check_int((int64_t)(got), (int64_t)(want), #got, __FILE__, __LINE__)
/* A slice against a literal or NUL-terminated text. */
#define CHECK_STR(got, want) test_check_str((got), pie_str_from(want), #got, __FILE__, __LINE__)
#define CHECK_SLICE(got, want) test_check_str((got), (want), #got, __FILE__, __LINE__)
#define CHECK_TEXT(got, want)                                                                      \
  test_check_str(pie_str_from(got), pie_str_from(want), #got, __FILE__, __LINE__)
#define CHECK_HAS(text, part)                                                                      \
  test_check_has(pie_str_from(text), (part), true, #text, __FILE__, __LINE__)
#define CHECK_HAS_NOT(text, part)                                                                  \
  test_check_has(pie_str_from(text), (part), false, #text, __FILE__, __LINE__)

bool test_check(bool good, const char *fact, const char *file, int line);
void test_require(bool good, const char *fact, const char *file, int line);
bool test_check_int(int64_t got, int64_t want, const char *fact, const char *file, int line);
bool test_check_str(struct pie_str got, struct pie_str want, const char *fact, const char *file,
                    int line);
bool test_check_has(struct pie_str text, const char *part, bool wanted, const char *fact,
                    const char *file, int line);

#endif
