/* SPDX-License-Identifier: Apache-2.0
 *
 * From the bytes of a request through our host's server variables to the door's view of it: by
 * variables, by UNICODE_ variables and all at once, and all three must agree.
 * Input: a request.
 */
#include "fuzz.h"
#include "fuzz_host.h"
#include "harness/rig.h"
#include "isapi/door.h"

#include <stdlib.h>
#include <string.h>

/* ---- UNICODE_ variables ---- */

/* The length of a well-formed UTF-8 sequence (Unicode, table 3-7), or 0. */
static size_t utf8_length(const unsigned char *s, size_t n) {
  if (n >= 1 && s[0] < 0x80)
    return 1;
  if (n >= 2 && s[0] >= 0xc2 && s[0] <= 0xdf && (s[1] & 0xc0) == 0x80)
    return 2;
  if (n >= 3 && (s[0] & 0xf0) == 0xe0 && (s[1] & 0xc0) == 0x80 && (s[2] & 0xc0) == 0x80 &&
      (s[0] != 0xe0 || s[1] >= 0xa0) && (s[0] != 0xed || s[1] < 0xa0))
    return 3;
  if (n >= 4 && s[0] >= 0xf0 && s[0] <= 0xf4 && (s[1] & 0xc0) == 0x80 && (s[2] & 0xc0) == 0x80 &&
      (s[3] & 0xc0) == 0x80 && (s[0] != 0xf0 || s[1] >= 0x90) && (s[0] != 0xf4 || s[1] < 0x90))
    return 4;
  return 0;
}

/* What is UTF-8 stays, each other byte is a latin-1 character. */
static void expect_utf8(struct pie_buf *out, struct pie_str text) {
  const unsigned char *s = (const unsigned char *)text.p;
  for (size_t i = 0; i < text.n;) {
    size_t n = utf8_length(s + i, text.n - i);
    if (n) {
      pie_buf_append(out, s + i, n);
    } else {
      unsigned char two[] = {(unsigned char)(0xc0 | s[i] >> 6),
                             (unsigned char)(0x80 | (s[i] & 63))};
      pie_buf_append(out, two, 2);
      n = 1;
    }
    i += n;
  }
}

static void check_wide(struct pie_exchange *x) {
  struct pie_arena arena;
  struct pie_buf want;
  pie_arena_init(&arena, 1 << 24);
  pie_buf_init(&want, 1 << 24);
  expect_utf8(&want, x->path);
  struct pie_str got = pie_ecb_variable_wide(&x->ecb, "UNICODE_PATH_INFO", &arena);
  FUZZ_CHECK(pie_str_equal(got, pie_buf_str(&want)));
  pie_buf_free(&want);
  pie_arena_free(&arena);
}

/* ---- the variables themselves ---- */

static void check_sizes(struct pie_exchange *x, const char *name) {
  static char value[1 << 18];
  DWORD needed = 0, size;
  BOOL good = pie_ecb_get_variable(x, (LPSTR)(uintptr_t)name, value, &needed);
  FUZZ_CHECK(!good); /* nothing fits into nothing */
  if (pie_os_error() == ERROR_INVALID_INDEX)
    return;
  FUZZ_CHECK(pie_os_error() == ERROR_INSUFFICIENT_BUFFER && needed <= sizeof value);
  size = needed - 1;
  FUZZ_CHECK(!pie_ecb_get_variable(x, (LPSTR)(uintptr_t)name, value, &size) && size == needed);
  char *exact = malloc(needed);
  if (!exact)
    abort();
  FUZZ_CHECK(pie_ecb_get_variable(x, (LPSTR)(uintptr_t)name, exact, &size) && size == needed);
  FUZZ_CHECK(exact[needed - 1] == '\0');
  free(exact);
}

static void check_all_sizes(struct pie_exchange *x) {
  static const char *const names[] = {
      "ALL_RAW",     "ALL_HTTP",     "SCRIPT_NAME",     "HTTP_URL",          "SERVER_NAME",
      "SERVER_PORT", "QUERY_STRING", "CONTENT_LENGTH",  "CONTENT_TYPE",      "HTTP_HOST",
      "PATH_INFO",   "URL",          "UNICODE_ALL_RAW", "UNICODE_PATH_INFO", "HTTP_USER_AGENT",
  };
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    check_sizes(x, names[i]);
}

/* ---- the door's view ---- */

static BOOL WINAPI refuse(HCONN id, DWORD code, LPVOID buffer, LPDWORD size, LPDWORD type) {
  (void)id, (void)code, (void)buffer, (void)size, (void)type;
  return FALSE;
}

static struct pie_request *parse(struct pie_exchange *x, EXTENSION_CONTROL_BLOCK *ecb) {
  static struct pie_settings settings;
  static struct pie_door door = {
      .app = PIE_STR_INIT(""), .root = PIE_STR_INIT(""), .config = PIE_STR_INIT("")};
  struct pie_quirks quirks = {.ours = true};
  struct pie_request *request = calloc(1, sizeof *request);
  if (!request)
    abort();
  *ecb = x->ecb;
  pie_arena_init(&request->arena, PIE_REQUEST_MEMORY_MAX);
  request->door = &door;
  request->ecb = ecb;
  return request->ecb && pie_request_parse(request, &quirks, &settings) == 0 ? request : NULL;
}

static void free_request(struct pie_request *request) {
  pie_arena_free(&request->arena);
  free(request);
}

static void check_same(const struct pie_request_info *a, const struct pie_request_info *b) {
  const struct pie_str pairs[][2] = {
      {a->method, b->method},
      {a->target, b->target},
      {a->script_name, b->script_name},
      {a->path_info, b->path_info},
      {a->query, b->query},
      {a->protocol, b->protocol},
      {a->scheme, b->scheme},
      {a->server_name, b->server_name},
      {a->server_port, b->server_port},
      {a->content_type, b->content_type},
      {a->remote_addr, b->remote_addr},
  };
  for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
    FUZZ_CHECK(pie_str_equal(pairs[i][0], pairs[i][1]));
  FUZZ_CHECK(a->content_length == b->content_length);
  FUZZ_CHECK(a->header_count == b->header_count);
  for (size_t i = 0; i < a->header_count; i++) {
    FUZZ_CHECK(pie_str_equal(a->headers[i].name, b->headers[i].name));
    FUZZ_CHECK(pie_str_equal(a->headers[i].value, b->headers[i].value));
  }
}

static void check_views(struct pie_exchange *x) {
  EXTENSION_CONTROL_BLOCK ecbs[2];
  struct pie_request *all_at_once = parse(x, &ecbs[0]);
  x->ecb.ServerSupportFunction = refuse;
  struct pie_request *by_variables = parse(x, &ecbs[1]);
  FUZZ_CHECK(all_at_once && by_variables);
  check_same(&all_at_once->info, &by_variables->info);
  free_request(all_at_once);
  free_request(by_variables);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  struct fuzz_input input;
  fuzz_begin(&input, bytes, n);
  struct pie_conn *conn = fuzz_conn(fuzz_rest(&input));
  if (conn) {
    struct pie_exchange *x = &conn->exchange;
    FUZZ_CHECK(pie_str_equal(x->path, pie_str_from(x->ecb.lpszPathInfo)));
    FUZZ_CHECK(fuzz_is_one_line(x->host));
    check_all_sizes(x);
    check_wide(x);
    check_views(x);
    fuzz_conn_end(conn);
  }
  fuzz_end();
  return 0;
}
