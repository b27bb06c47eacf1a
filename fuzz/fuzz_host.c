/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_host.h"

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

static void drop_line(void *context, const char *line, size_t n) {
  (void)context;
  fuzz_touch((struct pie_str){line, n});
}

struct pie_worker *fuzz_worker(void) {
  static struct pie_settings settings;
  static struct pie_log log = {PIE_LOG_DEBUG, drop_line, NULL, NULL};
  static struct pie_worker worker;
  if (worker.settings)
    return &worker;
  pie_settings_init(&settings);
  worker.settings = &settings;
  worker.log = &log;
  worker.limits =
      (struct pie_http_limits){.line = 8192, .fields = 65536, .count = 100, .body = 1 << 30};
  worker.first = &worker;
  worker.ready_last = &worker.ready;
  strcpy(worker.software, "pyisapie/fuzz");
  pie_mutex_init(&worker.mail_lock);
  return &worker;
}

/* The host refuses what decodes to a NUL; that way needs a loop. */
static bool has_nul(struct pie_str path) {
  char *out = malloc(path.n + 1);
  if (!out)
    abort();
  size_t n = pie_str_percent_decode(path, out);
  bool found = memchr(out, '\0', n) != NULL;
  free(out);
  return found;
}

struct pie_conn *fuzz_conn(struct pie_str bytes) {
  struct pie_worker *worker = fuzz_worker();
  struct pie_conn *conn = pie_conn_new(worker);
  size_t used = 0;
  if (!conn)
    abort();
  enum pie_http_event event = pie_http_feed(&conn->parser, bytes.p, bytes.n, &used);
  bool good = event == PIE_HTTP_HEADERS && !has_nul(conn->parser.path);
  if (good) {
    event = pie_http_feed(&conn->parser, bytes.p + used, bytes.n - used, &used);
    good = event != PIE_HTTP_BAD;
  }
  if (!good) {
    pie_conn_free(conn);
    return NULL;
  }
  conn->exchange.body_complete = event == PIE_HTTP_END;
  pie_exchange_begin(&conn->exchange);
  FUZZ_CHECK(worker->ready == conn);
  worker->ready = NULL;
  worker->ready_last = &worker->ready;
  return conn;
}

void fuzz_conn_end(struct pie_conn *conn) { pie_conn_free(conn); }
