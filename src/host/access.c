/* SPDX-License-Identifier: Apache-2.0
 *
 * The access log: one line a request, in the combined form or as JSON.
 */
#include "host/host.h"

#include <stdio.h>
#include <time.h>

enum {
  LINE_MAX_BYTES = 64 * 1024,
  FIELD_MAX = 2 * 1024 /* bytes of a field; it may grow sixfold */
};

/* No byte that a client sends can end the line or the quoted part it stands in. */
static void add_quoted(struct pie_buf *line, struct pie_str text) {
  bool cut = text.n > FIELD_MAX;
  if (cut)
    text.n = FIELD_MAX;
  for (size_t i = 0; i < text.n; i++) {
    unsigned char c = (unsigned char)text.p[i];
    if (c == '"' || c == '\\')
      pie_buf_addf(line, "\\%c", c);
    else if (c < 0x20 || c >= 0x7f)
      pie_buf_addf(line, "\\u%04x", c);
    else
      pie_buf_append(line, &text.p[i], 1);
  }
  if (cut)
    pie_buf_adds(line, "...");
}

static struct pie_str field(struct pie_exchange *x, struct pie_str name, const char *fallback) {
  struct pie_str value;
  return pie_http_find(&x->conn->parser, name, &value) ? value : pie_str_from(fallback);
}

/* On IIS what the extension wants to be logged follows the query (cs-uri-query). */
static void add_target(struct pie_exchange *x, struct pie_buf *line) {
  struct pie_str logged = x->logged, more = pie_str_from(x->ecb.lpszLogData);
  add_quoted(line, pie_buf_str(&x->conn->parser.target));
  if (!x->conn->worker->iis)
    return;
  add_quoted(line, logged);
  add_quoted(line, more);
}

static const char *who(struct pie_exchange *x) {
  return x->conn->remote_addr[0] ? x->conn->remote_addr : "-";
}

static void combined(struct pie_exchange *x, struct pie_buf *line, const struct tm *tm) {
  struct pie_http_parser *p = &x->conn->parser;
  char date[40];
  strftime(date, sizeof date, "%d/%b/%Y:%H:%M:%S +0000", tm);
  pie_buf_addf(line, "%s - - [%s] \"", who(x), date);
  add_quoted(line, pie_buf_str(&p->method));
  pie_buf_adds(line, " ");
  add_target(x, line);
  pie_buf_addf(line, " HTTP/1.%d\" %d %lld \"", p->minor, x->status, (long long)x->sent);
  add_quoted(line, field(x, PIE_STR("Referer"), "-"));
  pie_buf_adds(line, "\" \"");
  add_quoted(line, field(x, PIE_STR("User-Agent"), "-"));
  pie_buf_adds(line, "\"\n");
}

static void json(struct pie_exchange *x, struct pie_buf *line, const struct tm *tm) {
  struct pie_http_parser *p = &x->conn->parser;
  char date[40];
  strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", tm);
  long long took = x->started_us ? (long long)(pie_clock_unix_us() - (int64_t)x->started_us) : 0;
  pie_buf_addf(line, "{\"time\":\"%s\",\"remote\":\"%s\",\"method\":\"", date, who(x));
  add_quoted(line, pie_buf_str(&p->method));
  pie_buf_adds(line, "\",\"target\":\"");
  add_target(x, line);
  pie_buf_addf(line, "\",\"protocol\":\"HTTP/1.%d\",\"status\":%d,\"bytes\":%lld,\"us\":%lld",
               p->minor, x->status, (long long)x->sent, took);
  pie_buf_adds(line, ",\"referer\":\"");
  add_quoted(line, field(x, PIE_STR("Referer"), ""));
  pie_buf_adds(line, "\",\"agent\":\"");
  add_quoted(line, field(x, PIE_STR("User-Agent"), ""));
  pie_buf_adds(line, "\"}\n");
}

void pie_access_log(struct pie_exchange *x) {
  struct pie_worker *worker = x->conn->worker;
  if (!worker->access)
    return;
  struct tm tm;
  pie_clock_utc(pie_clock_unix_s(), &tm);
  struct pie_buf line;
  pie_buf_init(&line, LINE_MAX_BYTES);
  if (pie_settings_is(worker->settings, PIE_SET_ACCESS_LOG, "json"))
    json(x, &line, &tm);
  else
    combined(x, &line, &tm);
  if (line.p)
    pie_log_file_write(worker->access, line.p, line.n);
  pie_buf_free(&line);
}
