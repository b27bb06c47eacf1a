/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/log.h"
#include "harness/test.h"

#include <string.h>

static struct pie_buf written;
static int writes;

static void keep(void *context, const char *line, size_t n) {
  CHECK(context == &written);
  pie_buf_append(&written, line, n);
  writes++;
}

static size_t stamp(char *out, size_t n) {
  REQUIRE(n >= 6);
  memcpy(out, "NOW 42", 6);
  return 6;
}

static struct pie_log make(enum pie_log_level level) {
  pie_buf_free(&written);
  pie_buf_init(&written, 1 << 20);
  writes = 0;
  return (struct pie_log){level, keep, stamp, &written};
}

static void check_line(struct pie_str text, const char *want) {
  struct pie_log log = make(PIE_LOG_INFO);
  pie_log_text(&log, PIE_LOG_INFO, PIE_STR("id"), text);
  CHECK_STR(pie_buf_str(&written), want);
  CHECK_INT(writes, 1); /* one write a line: lines of two threads do not mix */
  pie_buf_free(&written);
}

static void a_line_has_time_level_id_and_text(void) {
  check_line(PIE_STR("hello"), "NOW 42 INFO [id] hello\n");
  struct pie_log log = make(PIE_LOG_DEBUG);
  pie_log_text(&log, PIE_LOG_ERROR, PIE_STR(""), PIE_STR("x"));
  pie_log(&log, PIE_LOG_WARNING, "%d %s", 7, "y");
  pie_log(&log, PIE_LOG_APP, "z");
  log.stamp = NULL;
  pie_log_text(&log, PIE_LOG_DEBUG, PIE_STR(""), PIE_STR(""));
  CHECK_STR(pie_buf_str(&written), "NOW 42 ERROR x\nNOW 42 WARNING 7 y\nNOW 42 APP z\nDEBUG \n");
  pie_buf_free(&written);
}

static void quieter_levels_leave_lines_out(void) {
  for (int level = PIE_LOG_ERROR; level <= PIE_LOG_DEBUG; level++) {
    struct pie_log log = make((enum pie_log_level)level);
    for (int of = PIE_LOG_ERROR; of <= PIE_LOG_DEBUG; of++) {
      pie_log_text(&log, (enum pie_log_level)of, PIE_STR(""), PIE_STR("a"));
      pie_log(&log, (enum pie_log_level)of, "b");
    }
    CHECK_INT(writes, (level + 1) * 2);
    pie_log_text(&log, PIE_LOG_APP, PIE_STR(""), PIE_STR("a"));
    CHECK_INT(writes, (level + 1) * 2 + 1); /* an application's text is never left out */
  }
  pie_log_text(NULL, PIE_LOG_ERROR, PIE_STR(""), PIE_STR("a"));
  pie_log(NULL, PIE_LOG_ERROR, "b");
  pie_buf_free(&written);
}

static void levels_have_names(void) {
  enum pie_log_level level = PIE_LOG_DEBUG;
  CHECK(pie_log_level_parse(PIE_STR("error"), &level));
  CHECK_INT(level, PIE_LOG_ERROR);
  CHECK(pie_log_level_parse(PIE_STR("Warning"), &level));
  CHECK_INT(level, PIE_LOG_WARNING);
  CHECK(!pie_log_level_parse(PIE_STR("warn"), &level));
  CHECK(!pie_log_level_parse(PIE_STR(""), &level));
  CHECK_INT(level, PIE_LOG_WARNING);
}

static void further_lines_are_indented(void) {
  check_line(PIE_STR("a\nb"), "NOW 42 INFO [id] a\n    b\n");
  check_line(PIE_STR("a\r\nb\r\n"), "NOW 42 INFO [id] a\n    b\n");
  check_line(PIE_STR("a\n"), "NOW 42 INFO [id] a\n");
  check_line(PIE_STR("\nNOW 42 INFO [id] forged"),
             "NOW 42 INFO [id] \n    NOW 42 INFO [id] forged\n");
  check_line(PIE_STR("a\n\nb"), "NOW 42 INFO [id] a\n    \n    b\n");
}

static void control_bytes_are_escaped(void) {
  check_line(PIE_STR("a\rNOW"), "NOW 42 INFO [id] a\\x0dNOW\n");
  check_line(PIE_STR("a\r"), "NOW 42 INFO [id] a\\x0d\n");
  check_line(PIE_STR("\0\x1b[31m\x7f\t\b"), "NOW 42 INFO [id] \\x00\\x1b[31m\\x7f\t\\x08\n");
  check_line(PIE_STR("\v\f"), "NOW 42 INFO [id] \\x0b\\x0c\n");
  check_line(PIE_STR("\xc3\xa9"), "NOW 42 INFO [id] \xc3\xa9\n"); /* UTF-8 stays */
}

/* Whatever the text, and however it is cut: no line of the output but the first begins at the
 * left, and nothing but line ends and tabs is below a space. */
static void check_shape(struct pie_str text) {
  struct pie_log log = make(PIE_LOG_INFO);
  pie_log_text(&log, PIE_LOG_INFO, PIE_STR("id"), text);
  struct pie_str line = pie_buf_str(&written);
  REQUIRE(line.n > 0);
  CHECK_INT(line.p[line.n - 1], '\n');
  CHECK(line.n <= PIE_LOG_LINE_MAX + 64);
  for (size_t i = 0; i < line.n; i++) {
    unsigned char c = (unsigned char)line.p[i];
    CHECK(c >= 0x20 || c == '\n' || c == '\t');
    if (c == '\n' && i + 1 < line.n)
      CHECK(line.n - i > 5 && memcmp(line.p + i + 1, "    ", 4) == 0);
  }
  pie_buf_free(&written);
}

static void no_text_passes_for_a_line_of_its_own(void) {
  static char text[PIE_LOG_LINE_MAX * 2];
  const struct pie_str pieces[] = {PIE_STR("\n"),    PIE_STR("\r\n"),   PIE_STR("\r"),
                                   PIE_STR("a\0\n"), PIE_STR("\x1f\n"), PIE_STR("\nNOW ERROR x")};
  for (size_t p = 0; p < sizeof pieces / sizeof pieces[0]; p++) {
    for (size_t i = 0; i < sizeof text; i++)
      text[i] = pieces[p].p[i % pieces[p].n];
    for (size_t parts = 1; parts <= 6; parts++) {
      for (size_t i = 0; i < 80; i++) {
        test_context("piece %zu, part %zu, %zu", p, parts, i);
        check_shape((struct pie_str){text, PIE_LOG_LINE_MAX / parts - 60 + i});
      }
    }
    check_shape((struct pie_str){text, sizeof text});
  }
}

static bool is_told_cut(struct pie_str text) {
  struct pie_log log = make(PIE_LOG_INFO);
  pie_log_text(&log, PIE_LOG_INFO, PIE_STR(""), text);
  return written.n > 7 && memcmp(written.p + written.n - 7, " [cut]\n", 7) == 0;
}

static void what_is_cut_says_so(void) {
  static char text[PIE_LOG_LINE_MAX * 2];
  memset(text, 'a', sizeof text);
  CHECK(!is_told_cut((struct pie_str){text, PIE_LOG_LINE_MAX / 2}));
  CHECK(!is_told_cut((struct pie_str){text, PIE_LOG_LINE_MAX - 100}));
  CHECK(is_told_cut((struct pie_str){text, PIE_LOG_LINE_MAX + 1}));
  CHECK(is_told_cut((struct pie_str){text, sizeof text}));
  memset(text, '\1', sizeof text); /* each byte becomes four */
  CHECK(!is_told_cut((struct pie_str){text, PIE_LOG_LINE_MAX / 4 - 100}));
  CHECK(is_told_cut((struct pie_str){text, PIE_LOG_LINE_MAX / 2}));
  pie_buf_free(&written);
}

static void a_long_formatted_text_is_whole_or_says_so(void) {
  static char text[8000];
  memset(text, 'a', sizeof text - 1);
  struct pie_log log = make(PIE_LOG_INFO);
  pie_log(&log, PIE_LOG_ERROR, "%s the end", text);
  struct pie_str line = pie_buf_str(&written);
  bool whole = memmem(line.p, line.n, "the end", 7) != NULL;
  bool told = memmem(line.p, line.n, "[cut]", 5) != NULL;
  CHECK(whole || told);
  pie_buf_free(&written);
}

static const struct test_case cases[] = {
    CASE(a_line_has_time_level_id_and_text),
    CASE(quieter_levels_leave_lines_out),
    CASE(levels_have_names),
    CASE(further_lines_are_indented),
    CASE(control_bytes_are_escaped),
    CASE(no_text_passes_for_a_line_of_its_own),
    CASE(what_is_cut_says_so),
    CASE(a_long_formatted_text_is_whole_or_says_so),
};
TEST_MAIN(cases)
