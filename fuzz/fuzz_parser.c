/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP parser: the same result however the bytes are cut, and its limits hold.
 * Input: a byte that chooses limits, one with the number of cuts, the cuts, the bytes.
 */
#include "fuzz.h"
#include "harness/http_run.h"

#include <string.h>

enum { CUTS_MAX = 7 };

static const struct pie_http_limits limit_choices[] = {
    {.line = 8192, .fields = 65536, .count = 100, .body = 1 << 30},
    {.line = 16, .fields = 64, .count = 4, .body = 8},
    {.line = 64, .fields = 256, .count = 10, .body = 0},
};

/* ---- what must be true of every request that is taken ---- */

static int take_body(void *context, const char *bytes, size_t n) {
  *(uint64_t *)context += n;
  fuzz_touch((struct pie_str){bytes, n});
  return 0;
}

static void check_fields(const struct pie_http_parser *p) {
  size_t bytes = 0, hosts = 0;
  FUZZ_CHECK(p->field_count <= p->limits.count);
  for (size_t i = 0; i < p->field_count; i++) {
    struct pie_str name = pie_http_name(p, i), value = pie_http_value(p, i);
    FUZZ_CHECK(pie_str_is_token(name));
    FUZZ_CHECK(fuzz_is_one_line(value));
    FUZZ_CHECK(pie_str_equal(pie_str_trim(value), value));
    bytes += name.n + value.n;
    hosts += pie_str_equal_nocase(name, PIE_STR("Host"));
  }
  FUZZ_CHECK(bytes <= p->limits.fields);
  FUZZ_CHECK(p->raw.n == bytes + p->field_count * 4);
  FUZZ_CHECK(hosts == 1 || (hosts == 0 && p->minor == 0));
}

static void check_head(const struct pie_http_parser *p) {
  FUZZ_CHECK(p->minor == 0 || p->minor == 1);
  FUZZ_CHECK(p->target.n <= p->limits.line);
  FUZZ_CHECK(fuzz_is_one_line(pie_buf_str(&p->target)));
  FUZZ_CHECK(pie_str_is_token(pie_buf_str(&p->method)));
  FUZZ_CHECK(p->path.n > 0);
  FUZZ_CHECK(!(p->chunked && p->content_length >= 0));
  FUZZ_CHECK(p->content_length >= -1);
  FUZZ_CHECK(!p->limits.body || p->content_length <= p->limits.body);
  FUZZ_CHECK(!p->expects_continue || p->chunked || p->content_length > 0);
  fuzz_touch(p->path);
  fuzz_touch(p->query);
  fuzz_touch(p->authority);
  check_fields(p);
}

static void check_request(const struct pie_http_limits *limits, struct pie_str bytes) {
  struct pie_http_parser p;
  uint64_t body = 0;
  enum pie_http_event event;
  pie_http_init(&p, limits, take_body, &body);
  do {
    size_t used = 0;
    event = pie_http_feed(&p, bytes.p, bytes.n, &used);
    FUZZ_CHECK(used <= bytes.n);
    bytes.p += used;
    bytes.n -= used;
    if (event == PIE_HTTP_HEADERS)
      check_head(&p);
    if (event == PIE_HTTP_BAD)
      FUZZ_CHECK(p.status >= 400 && p.status < 600 && p.reason);
    if (event == PIE_HTTP_END) {
      FUZZ_CHECK(p.content_length < 0 || body == (uint64_t)p.content_length);
      FUZZ_CHECK(!limits->body || body <= (uint64_t)limits->body);
      pie_http_next(&p);
      body = 0;
    }
  } while (event == PIE_HTTP_HEADERS || (event == PIE_HTTP_END && bytes.n));
  FUZZ_CHECK(event != PIE_HTTP_MORE || !bytes.n);
  pie_http_free(&p);
}

/* ---- the same however it is cut ---- */

/* Drops "bad NNN\n" at the end: which limit is seen first may depend on the pieces. */
static bool drop_bad(struct pie_str *text) {
  if (text->n < 8 || memcmp(text->p + text->n - 8, "bad ", 4) != 0)
    return false;
  text->n -= 8;
  return true;
}

static void check_cuts(const struct pie_http_limits *limits, struct pie_str bytes,
                       const size_t *cuts, size_t count) {
  struct pie_buf whole, cut;
  pie_buf_init(&whole, 1 << 24);
  pie_buf_init(&cut, 1 << 24);
  http_run(&whole, limits, bytes, NULL, 0, NULL);
  http_run(&cut, limits, bytes, cuts, count, NULL);
  struct pie_str a = pie_buf_str(&whole), b = pie_buf_str(&cut);
  FUZZ_CHECK(drop_bad(&a) == drop_bad(&b));
  FUZZ_CHECK(pie_str_equal(a, b));
  pie_buf_free(&whole);
  pie_buf_free(&cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  struct fuzz_input input;
  size_t cuts[CUTS_MAX], count, at = 0;
  fuzz_begin(&input, bytes, n);
  const struct pie_http_limits *limits = &limit_choices[fuzz_byte(&input) % 3];
  count = fuzz_byte(&input) % (CUTS_MAX + 1);
  for (size_t i = 0; i < count; i++)
    cuts[i] = fuzz_byte(&input);
  struct pie_str text = fuzz_rest(&input);
  for (size_t i = 0; i < count; i++) {
    at += cuts[i];
    cuts[i] = at = at < text.n ? at : text.n;
  }
  check_request(limits, text);
  check_cuts(limits, text, cuts, count);
  fuzz_end();
  return 0;
}
