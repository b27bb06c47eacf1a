/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole inputs and what must come of them, however the bytes are cut into pieces.
 */
#ifndef PIE_TEST_PARSER_ROWS_H
#define PIE_TEST_PARSER_ROWS_H

#include "harness/http_run.h"
#include "harness/test.h"

struct parser_row {
  struct pie_str bytes;
  const char *want; /* as http_run writes it */
};

/* C string literals of whole requests. */
#define ROW(bytes, want)                                                                           \
  { {(bytes), sizeof(bytes) - 1}, want }

extern const struct pie_http_limits usual_limits;

/* In one piece, byte by byte, and cut in two at each place; from memory of exactly that size. */
void check_rows(const struct pie_http_limits *limits, const struct parser_row *rows, size_t n);
void check_bytes(const struct pie_http_limits *limits, struct pie_str bytes, const char *want);

#endif
