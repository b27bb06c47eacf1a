/* SPDX-License-Identifier: Apache-2.0 */
#include "http/parser_rows.h"

#include <stdlib.h>
#include <string.h>

const struct pie_http_limits usual_limits = {
    .line = 8192, .fields = 65536, .count = 100, .body = 1 << 30};

static bool check_cuts(const struct pie_http_limits *limits, struct pie_str bytes,
                       const size_t *cuts, size_t count, const char *want) {
  struct pie_buf out;
  pie_buf_init(&out, 1 << 24);
  http_run(&out, limits, bytes, cuts, count, NULL);
  bool good = CHECK_STR(pie_buf_str(&out), want);
  pie_buf_free(&out);
  return good;
}

void check_bytes(const struct pie_http_limits *limits, struct pie_str bytes, const char *want) {
  char *copy = malloc(bytes.n + 1); /* a sanitizer sees what is read beyond it */
  size_t *cuts = calloc(bytes.n + 1, sizeof *cuts);
  REQUIRE(copy && cuts);
  if (bytes.n)
    memcpy(copy + 1, bytes.p, bytes.n);
  struct pie_str whole = {copy + 1, bytes.n};
  test_context("%.80s", bytes.p);
  bool good = check_cuts(limits, whole, NULL, 0, want);
  for (size_t i = 0; i < bytes.n; i++)
    cuts[i] = i;
  test_context("%.80s, byte by byte", bytes.p);
  good = good && check_cuts(limits, whole, cuts, bytes.n, want);
  for (size_t at = 1; at < bytes.n && at < 2000 && good; at++) {
    test_context("%.80s, cut at %zu", bytes.p, at);
    good = check_cuts(limits, whole, &at, 1, want);
  }
  test_context(NULL);
  free(copy);
  free(cuts);
}

void check_rows(const struct pie_http_limits *limits, const struct parser_row *rows, size_t n) {
  for (size_t i = 0; i < n; i++)
    check_bytes(limits, rows[i].bytes, rows[i].want);
}
