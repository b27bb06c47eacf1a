/* SPDX-License-Identifier: Apache-2.0
 *
 * Log lines, and the start-up page: no text passes for a line of its own, or for markup.
 * Input: a byte for the level, then parts: summary, detail, advice.
 */
#include "base/log.h"
#include "fuzz.h"
#include "isapi/startpage.h"

#include <string.h>

static void check_line(void *context, const char *line, size_t n) {
  ++*(int *)context;
  FUZZ_CHECK(n > 0 && line[n - 1] == '\n');
  FUZZ_CHECK(n <= PIE_LOG_LINE_MAX + 64);
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)line[i];
    FUZZ_CHECK((c >= 0x20 || c == '\n' || c == '\t') && c != 0x7f);
    if (c == '\n' && i + 1 < n)
      FUZZ_CHECK(n - i > 5 && memcmp(line + i + 1, "    ", 4) == 0);
  }
}

static size_t count_tags(const struct pie_failure *failure, bool full) {
  struct pie_buf page;
  size_t tags = 0;
  pie_buf_init(&page, 1 << 24);
  FUZZ_CHECK(pie_startpage_render(&page, failure, PIE_STR("ref"), full) == 0);
  for (const char *at = page.p; (at = strchr(at, '<')); at++)
    tags++;
  pie_buf_free(&page);
  return tags;
}

/* As many tags as with harmless texts. */
static void check_page(const struct pie_failure *failure, bool full) {
  struct pie_failure harmless = {500, *failure->summary ? "x" : "", *failure->detail ? "x" : "",
                                 *failure->advice ? "x" : ""};
  FUZZ_CHECK(count_tags(failure, full) == count_tags(&harmless, full));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  struct fuzz_input input;
  int lines = 0;
  fuzz_begin(&input, bytes, n);
  enum pie_log_level level = (enum pie_log_level)(fuzz_byte(&input) % 4);
  struct pie_log log = {PIE_LOG_INFO, check_line, NULL, &lines};
  struct pie_str text = input.rest;
  pie_log_text(&log, level, PIE_STR("id"), text);
  struct pie_str summary = fuzz_part(&input), detail = fuzz_part(&input);
  struct pie_failure failure = {500, summary.p, detail.p, fuzz_text(&input)};
  pie_log(&log, level, "%s\n%s", failure.summary, failure.detail);
  FUZZ_CHECK(lines == (level <= PIE_LOG_INFO ? 2 : 0));
  check_page(&failure, true);
  check_page(&failure, false);
  fuzz_end();
  return 0;
}
