/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"
#include "isapi/startpage.h"

#include <stdlib.h>
#include <string.h>

static struct pie_buf page;

static void render(int status, const char *summary, const char *detail, const char *advice,
                   bool full) {
  struct pie_failure failure = {status, summary, detail, advice};
  pie_buf_free(&page);
  pie_buf_init(&page, 256 * 1024);
  CHECK_INT(pie_startpage_render(&page, &failure, PIE_STR("ref-1"), full), 0);
}

static void the_full_page_tells_all(void) {
  render(500, "It broke.", "line 1\n  line 2", "Mend it.", true);
  CHECK_HAS(page.p, "<h1>It broke.</h1>");
  CHECK_HAS(page.p, "<h2>What to do</h2>\n<p>Mend it.</p>");
  CHECK_HAS(page.p, "<h2>Details</h2>\n<pre>line 1\n  line 2</pre>");
  CHECK_HAS(page.p, "<p class=\"ref\">Reference ref-1</p>");
  CHECK_HAS(page.p, "</html>\n");
  pie_buf_free(&page);
}

static void the_short_page_tells_nothing(void) {
  render(500, "Secret summary", "Secret detail", "Secret advice", false);
  CHECK_HAS_NOT(page.p, "Secret");
  CHECK_HAS(page.p, "<h1>Internal server error</h1>");
  CHECK_HAS(page.p, "<p class=\"ref\">Reference ref-1</p>");
  render(503, "Secret", NULL, NULL, false);
  CHECK_HAS_NOT(page.p, "Secret");
  CHECK_HAS(page.p, "<h1>Service unavailable</h1>");
  CHECK_HAS(page.p, "try again");
  pie_buf_free(&page);
}

static void what_is_missing_is_left_out(void) {
  render(500, "It broke.", NULL, NULL, true);
  CHECK_HAS_NOT(page.p, "What to do");
  CHECK_HAS_NOT(page.p, "Details");
  render(500, "It broke.", "", "", true);
  CHECK_HAS_NOT(page.p, "What to do");
  CHECK_HAS_NOT(page.p, "Details");
  pie_buf_free(&page);
}

/* A traceback shows the application's texts, and those may come from a client. */
static void no_text_becomes_markup(void) {
  static const char evil[] = "</pre><script>alert('1')</script>\"&amp;\x80<!--";
  render(500, evil, evil, evil, true);
  CHECK_HAS_NOT(page.p, "<script");
  CHECK_HAS_NOT(page.p, "<!--");
  CHECK_HAS_NOT(page.p, "&amp;\x80");
  CHECK_HAS(page.p,
            "&lt;/pre&gt;&lt;script&gt;alert('1')&lt;/script&gt;&quot;&amp;amp;\x80&lt;!--");
  pie_buf_free(&page);
}

static void a_text_too_long_for_the_page_is_still_a_page(void) {
  static char long_text[400 * 1024];
  memset(long_text, '<', sizeof long_text - 1);
  struct pie_failure failure = {500, "It broke.", long_text, "Mend it."};
  pie_buf_init(&page, 256 * 1024);
  pie_startpage_render(&page, &failure, PIE_STR("ref-1"), true);
  CHECK(page.n <= 256 * 1024);
  CHECK_HAS(page.p, "Mend it.");
  CHECK_HAS_NOT(page.p, "<<");
  pie_buf_free(&page);
}

static const struct test_case cases[] = {
    CASE(the_full_page_tells_all),
    CASE(the_short_page_tells_nothing),
    CASE(what_is_missing_is_left_out),
    CASE(no_text_becomes_markup),
    CASE(a_text_too_long_for_the_page_is_still_a_page),
};
TEST_MAIN(cases)
