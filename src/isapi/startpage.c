/* SPDX-License-Identifier: Apache-2.0 */
#include "isapi/startpage.h"

#include "base/str.h"

static const char style[] =
    "body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#f4f5f7;color:#1d2430}"
    "main{max-width:60rem;margin:4rem auto;padding:2rem 2.5rem;background:#fff;"
    "border-top:4px solid #b3261e;border-radius:6px;box-shadow:0 1px 4px #0002}"
    "h1{font-size:1.4rem;margin:0 0 1rem}h2{font-size:1rem;margin:1.5rem 0 .5rem}"
    "pre{background:#f4f5f7;padding:1rem;overflow:auto;border-radius:4px;font-size:.85rem}"
    "p.ref{color:#667;font-size:.85rem}";

static void add_escaped(struct pie_buf *page, const char *text) {
  for (; *text; text++) {
    switch (*text) {
    case '<':
      pie_buf_adds(page, "&lt;");
      break;
    case '>':
      pie_buf_adds(page, "&gt;");
      break;
    case '&':
      pie_buf_adds(page, "&amp;");
      break;
    case '"':
      pie_buf_adds(page, "&quot;");
      break;
    default:
      pie_buf_append(page, text, 1);
    }
  }
}

static void add_part(struct pie_buf *page, const char *title, const char *text, const char *tag) {
  if (!text || !*text)
    return;
  pie_buf_addf(page, "<h2>%s</h2>\n<%s>", title, tag);
  add_escaped(page, text);
  pie_buf_addf(page, "</%s>\n", tag);
}

int pie_startpage_render(struct pie_buf *page, const struct pie_failure *failure,
                         struct pie_str reference, bool full) {
  bool passing = failure->status == 503;
  const char *title = passing                  ? "Service unavailable"
                      : failure->status == 504 ? "Gateway timeout"
                                               : "Internal server error";
  pie_buf_addf(page,
               "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
               "<title>%s</title><style>%s</style></head>\n<body><main>\n<h1>",
               title, style);
  if (full) {
    add_escaped(page, failure->summary);
    pie_buf_adds(page, "</h1>\n");
    add_part(page, "What to do", failure->advice, "p");
    add_part(page, "Details", failure->detail, "pre");
  } else {
    pie_buf_addf(page, "%s</h1>\n<p>%s</p>\n", title,
                 passing ? "The site is busy or starting. Please try again in a moment."
                         : "The site cannot answer. Its administrator finds the reason in the "
                           "error log, under the reference below.");
  }
  return pie_buf_addf(page, "<p class=\"ref\">Reference %.*s</p>\n</main></body></html>\n",
                      (int)reference.n, reference.p);
}
