/* SPDX-License-Identifier: Apache-2.0
 *
 * All that the parser says of bytes that arrive in pieces, as a text.
 */
#ifndef PIE_TEST_HTTP_RUN_H
#define PIE_TEST_HTTP_RUN_H

#include "http/parser.h"

/* One request is
 *   GET /path?query 1.1 keep length=3
 *   Name: value
 *   |body|
 *   end
 * with the words "keep", "chunked", "length=N", "expect", "authority=A" where they hold, and
 *   bad 400
 * where the parser refuses. cuts are the places before which a new piece begins, in order; the
 * bytes of a piece are fed as the host feeds them. reason may be NULL. */
void http_run(struct pie_buf *out, const struct pie_http_limits *limits, struct pie_str bytes,
              const size_t *cuts, size_t cut_count, const char **reason);

#endif
