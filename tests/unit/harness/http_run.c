/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/http_run.h"

struct http_run {
  struct pie_http_parser parser;
  struct pie_buf *out, body;
  bool bad;
};

static int take_body(void *context, const char *bytes, size_t n) {
  struct http_run *run = context;
  return pie_buf_append(&run->body, bytes, n) ? 503 : 0;
}

static void tell_head(struct http_run *run) {
  struct pie_http_parser *p = &run->parser;
  pie_buf_add(run->out, pie_buf_str(&p->method));
  pie_buf_adds(run->out, " ");
  pie_buf_add(run->out, p->path);
  if (p->query.n) {
    pie_buf_adds(run->out, "?");
    pie_buf_add(run->out, p->query);
  }
  pie_buf_addf(run->out, " 1.%d%s%s%s", p->minor, p->keep_alive ? " keep" : "",
               p->chunked ? " chunked" : "", p->expects_continue ? " expect" : "");
  if (p->content_length >= 0)
    pie_buf_addf(run->out, " length=%lld", (long long)p->content_length);
  if (p->authority.n)
    pie_buf_addf(run->out, " authority=%.*s", (int)p->authority.n, p->authority.p);
  pie_buf_adds(run->out, "\n");
  for (size_t i = 0; i < p->field_count; i++) {
    pie_buf_add(run->out, pie_http_name(p, i));
    pie_buf_adds(run->out, ": ");
    pie_buf_add(run->out, pie_http_value(p, i));
    pie_buf_adds(run->out, "\n");
  }
}

static void tell_end(struct http_run *run) {
  if (run->body.n) {
    pie_buf_adds(run->out, "|");
    pie_buf_add(run->out, pie_buf_str(&run->body));
    pie_buf_adds(run->out, "|\n");
  }
  pie_buf_adds(run->out, "end\n");
  pie_buf_clear(&run->body);
}

static void take_piece(struct http_run *run, struct pie_str rest) {
  enum pie_http_event event;
  do {
    size_t used = 0;
    event = pie_http_feed(&run->parser, rest.p, rest.n, &used);
    rest.p += used;
    rest.n -= used;
    if (event == PIE_HTTP_HEADERS) {
      tell_head(run);
    } else if (event == PIE_HTTP_END) {
      tell_end(run);
      pie_http_next(&run->parser);
    } else if (event == PIE_HTTP_BAD) {
      pie_buf_addf(run->out, "bad %d\n", run->parser.status);
      run->bad = true;
    }
  } while (event == PIE_HTTP_HEADERS || (event == PIE_HTTP_END && rest.n));
}

void http_run(struct pie_buf *out, const struct pie_http_limits *limits, struct pie_str bytes,
              const size_t *cuts, size_t cut_count, const char **reason) {
  struct http_run run = {.out = out};
  pie_buf_init(&run.body, 1 << 24);
  pie_http_init(&run.parser, limits, take_body, &run);
  size_t from = 0;
  for (size_t i = 0; i <= cut_count && !run.bad; i++) {
    size_t to = i < cut_count ? cuts[i] : bytes.n;
    if (to > from || bytes.n == 0)
      take_piece(&run, (struct pie_str){bytes.p + from, to - from});
    from = to;
  }
  if (reason)
    *reason = run.parser.reason;
  pie_http_free(&run.parser);
  pie_buf_free(&run.body);
}
