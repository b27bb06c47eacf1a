/* SPDX-License-Identifier: Apache-2.0
 *
 * The response's head: what the extension gives, and what is the host's to add.
 */
#include "base/error.h"
#include "host/host.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* "Date: ...\r\n", made once a second on each thread. */
struct pie_str pie_host_date(void) {
  static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  static PIE_THREAD_LOCAL struct {
    int64_t second;
    size_t length;
    char text[48];
  } date;
  int64_t second = pie_clock_unix_s();
  if (date.second != second) {
    struct tm tm;
    pie_clock_utc(second, &tm);
    date.length = (size_t)snprintf(date.text, sizeof date.text,
                                   "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n",
                                   days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
                                   tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    date.second = second;
  }
  return (struct pie_str){date.text, date.length};
}

void pie_output_refusal(struct pie_exchange *x, int status, const char *text) {
  struct pie_buf out;
  pie_buf_init(&out, 4096);
  struct pie_str now = pie_host_date();
  pie_buf_addf(&out,
               "HTTP/1.1 %d %s\r\n%.*sContent-Type: text/plain; charset=utf-8\r\n"
               "Content-Length: %llu\r\nConnection: close\r\n%s\r\n%s\n",
               status, pie_http_reason(status), (int)now.n, now.p,
               (unsigned long long)strlen(text) + 1, status == 503 ? "Retry-After: 1\r\n" : "",
               text);
  struct pie_span span = {out.p, out.n};
  pie_output_spans(x, &span, out.p ? 1 : 0);
  pie_buf_free(&out);
  x->status = status;
  x->sent = (int64_t)strlen(text) + 1;
  x->head_sent = x->refused = true;
  atomic_store(&x->broken, true);
}

enum { HEAD_EXTRA = 256 /* what is ours in a head, mostly */ };

struct head_facts {
  bool date, server, connection;
};

/* What the extension's header block says about framing and the connection. */
static void scan_headers(struct pie_exchange *x, struct pie_str block, struct head_facts *facts) {
  while (block.n) {
    struct pie_str value = pie_str_cut(&block, '\n');
    if (value.n && value.p[value.n - 1] == '\r')
      value.n--;
    struct pie_str name = pie_str_cut(&value, ':');
    value = pie_str_trim(value);
    if (pie_str_equal_nocase(name, PIE_STR("Content-Length")))
      pie_str_to_int64(value, &x->declared);
    else if (pie_str_equal_nocase(name, PIE_STR("Transfer-Encoding")))
      x->chunked = true;
    else if (pie_str_equal_nocase(name, PIE_STR("Date")))
      facts->date = true;
    else if (pie_str_equal_nocase(name, PIE_STR("Server")))
      facts->server = true;
    else if (pie_str_equal_nocase(name, PIE_STR("Connection"))) {
      facts->connection = true;
      x->wants_close = x->wants_close || pie_str_has_token(value, PIE_STR("close"));
    }
  }
}

bool pie_output_is_bodiless(const struct pie_exchange *x) {
  return x->status < 200 || x->status == 204 || x->status == 205 || x->status == 304 ||
         pie_str_equal(pie_buf_str(&x->conn->parser.method), PIE_STR("HEAD"));
}

/* How the client will know the end, where the extension has not said. */
static int add_framing(struct pie_exchange *x, const struct head_facts *facts,
                       struct pie_buf *out) {
  struct pie_http_parser *parser = &x->conn->parser;
  bool delimited = pie_output_is_bodiless(x) || x->declared >= 0 || x->chunked;
  int err = 0;
  if (!delimited && x->conn->worker->apache && parser->minor == 1) {
    x->self_chunked = delimited = true;
    err = pie_buf_adds(out, "Transfer-Encoding: chunked\r\n");
  }
  if (!delimited || !parser->keep_alive || x->conn->worker->stopping)
    x->wants_close = true;
  if (err || facts->connection)
    return err;
  if (x->wants_close)
    return pie_buf_adds(out, "Connection: close\r\n");
  return parser->minor == 0 ? pie_buf_adds(out, "Connection: keep-alive\r\n") : 0;
}

int pie_output_head(struct pie_exchange *x, struct pie_str status, struct pie_str headers,
                    struct pie_buf *out) {
  struct pie_worker *worker = x->conn->worker;
  struct head_facts facts = {0};
  int64_t code = 0;
  pie_str_to_int64((struct pie_str){status.p, status.n < 3 ? status.n : 3}, &code);
  x->status = (int)code;
  x->declared = -1;
  while (headers.n && (headers.p[headers.n - 1] == '\n' || headers.p[headers.n - 1] == '\r'))
    headers.n--;
  scan_headers(x, headers, &facts);
  int err = pie_buf_reserve(out, status.n + headers.n + HEAD_EXTRA);
  err = err ? err : pie_buf_add(out, PIE_STR("HTTP/1.1 "));
  err = err ? err : pie_buf_add(out, status);
  err = err ? err : pie_buf_add(out, PIE_STR("\r\n"));
  if (!err && !facts.date)
    err = pie_buf_add(out, pie_host_date());
  if (!err && !facts.server)
    err = pie_buf_add(out, worker->server_header);
  if (!err && headers.n) {
    err = pie_buf_add(out, headers);
    err = err ? err : pie_buf_add(out, PIE_STR("\r\n"));
  }
  err = err ? err : add_framing(x, &facts, out);
  err = err ? err : pie_buf_add(out, PIE_STR("\r\n"));
  x->head_sent = true;
  return err;
}
