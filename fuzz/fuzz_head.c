/* SPDX-License-Identifier: Apache-2.0
 *
 * The host's reading of the response head that an extension gives.
 * Input: a byte for the request and quirks, then parts: status, header block.
 */
#include "fuzz.h"
#include "fuzz_host.h"

#include <string.h>

static const char *const requests[] = {
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  struct fuzz_input input;
  struct pie_buf out;
  fuzz_begin(&input, bytes, n);
  uint8_t how = fuzz_byte(&input);
  fuzz_worker()->apache = how & 4;
  struct pie_conn *conn = fuzz_conn(pie_str_from(requests[how % 4]));
  FUZZ_CHECK(conn);
  struct pie_exchange *x = &conn->exchange;
  struct pie_str status = fuzz_part(&input), headers = fuzz_rest(&input);
  pie_buf_init(&out, PIE_RESPONSE_HEAD_LIMIT);
  int err = pie_output_head(x, status, headers, &out);
  struct pie_str head = pie_buf_str(&out);
  FUZZ_CHECK(x->head_sent);
  FUZZ_CHECK(x->declared >= -1);
  FUZZ_CHECK(x->status >= 0 && x->status <= 999);
  if (!err) {
    FUZZ_CHECK(pie_str_starts(head, PIE_STR("HTTP/1.1 ")));
    FUZZ_CHECK(memcmp(head.p + head.n - 4, "\r\n\r\n", 4) == 0);
    FUZZ_CHECK(head.n <= status.n + headers.n + 512);
  }
  /* Whoever keeps the connection must know where the body ends. */
  bool delimited = pie_output_is_bodiless(x) || x->declared >= 0 || x->chunked || x->self_chunked;
  FUZZ_CHECK(delimited || x->wants_close);
  FUZZ_CHECK(!x->self_chunked || fuzz_worker()->apache);
  pie_buf_free(&out);
  fuzz_conn_end(conn);
  fuzz_worker()->apache = false;
  fuzz_end();
  return 0;
}
