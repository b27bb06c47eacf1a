/* SPDX-License-Identifier: Apache-2.0
 *
 * The door's view of a request, from a control block whose texts can be anything.
 * Input: bytes that choose the host, the length and how the body comes, then parts: method, path,
 * query, SCRIPT_NAME, APPL_MD_PATH, HTTP_URL or REQUEST_URI, ALL_RAW, CONTENT_LENGTH,
 * UNICODE_PATH_INFO as bytes, the body.
 */
#include "fuzz.h"
#include "harness/fake_ecb.h"
#include "harness/rig.h"

#include <stdlib.h>
#include <string.h>

static struct rig rig;

static void set(struct fuzz_input *input, const char *name) {
  struct pie_str value = fuzz_part(input);
  if (value.n)
    fake_set(&rig.host, name, value.p); /* up to a NUL, as from a host */
}

static void set_wide(struct fuzz_input *input) {
  struct pie_str bytes = fuzz_part(input);
  static uint16_t units[4096];
  size_t n = bytes.n / 2 < 4096 ? bytes.n / 2 : 4096;
  memcpy(units, bytes.p, n * 2);
  if (n)
    fake_set_wide(&rig.host, "UNICODE_PATH_INFO", units, n);
}

static LPSTR text(struct fuzz_input *input) { return (LPSTR)(uintptr_t)fuzz_text(input); }

/* ---- what must be true ---- */

static void check_headers(const struct pie_request_info *info) {
  FUZZ_CHECK(info->header_count <= PIE_REQUEST_HEADERS_MAX);
  for (size_t i = 0; i < info->header_count; i++) {
    struct pie_str name = info->headers[i].name, value = info->headers[i].value;
    FUZZ_CHECK(pie_str_is_token(name));
    FUZZ_CHECK(!memchr(name.p, '_', name.n));
    FUZZ_CHECK(!pie_str_equal_nocase(name, PIE_STR("Proxy")));
    FUZZ_CHECK(!value.n || (!memchr(value.p, '\n', value.n) && !memchr(value.p, '\0', value.n)));
    fuzz_touch(value);
  }
}

static void check_info(const struct pie_request_info *info) {
  const struct pie_str parts[] = {
      info->id,          info->method,      info->target,      info->script_name, info->path_info,
      info->query,       info->protocol,    info->scheme,      info->server_name, info->server_port,
      info->remote_addr, info->remote_port, info->remote_user, info->auth_type,   info->app,
      info->root,        info->config,      info->content_type};
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    FUZZ_CHECK(parts[i].p != NULL);
    fuzz_touch(parts[i]);
  }
  FUZZ_CHECK(!pie_str_equal(info->script_name, PIE_STR("/")));
  FUZZ_CHECK(info->content_length >= PIE_LENGTH_UNKNOWN);
  check_headers(info);
}

static void check_body(size_t piece) {
  char buffer[64];
  int64_t got, total = 0, length = rig.request->info.content_length;
  while ((got = pie_request_read(rig.request, buffer, piece)) > 0) {
    FUZZ_CHECK(got <= (int64_t)piece);
    total += got;
    FUZZ_CHECK(length == PIE_LENGTH_UNKNOWN || total <= length);
  }
  /* A quiet end only at the announced length. */
  FUZZ_CHECK(got < 0 || length < 0 || total == length);
  FUZZ_CHECK(length != PIE_LENGTH_NONE || total == 0);
  FUZZ_CHECK(pie_request_read(rig.request, buffer, piece) == got);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  static const DWORD totals[] = {0, 5, 100, PIE_ISAPI_LENGTH_UNKNOWN};
  struct fuzz_input input;
  fuzz_begin(&input, bytes, n);
  enum fake_kind kind = (enum fake_kind)(fuzz_byte(&input) % 4);
  DWORD total = totals[fuzz_byte(&input) % 4];
  uint8_t how = fuzz_byte(&input);
  rig_open(&rig, kind, "GET / HTTP/1.1\r\n\r\n");
  rig.host.ecb.lpszMethod = text(&input);
  rig.host.ecb.lpszPathInfo = text(&input);
  rig.host.ecb.lpszQueryString = text(&input);
  set(&input, "SCRIPT_NAME");
  set(&input, "APPL_MD_PATH");
  set(&input, kind == FAKE_APACHE ? "REQUEST_URI" : "HTTP_URL");
  set(&input, "ALL_RAW");
  set(&input, "CONTENT_LENGTH");
  set_wide(&input);
  rig.host.forgets_nul = how & 1;
  rig.host.read_most = how >> 5;
  rig.host.body = fuzz_part(&input);
  rig.host.body_cut = 0;
  fake_ahead(&rig.host, how & 2 ? rig.host.body.n / 2 : 0);
  rig.host.ecb.cbTotalBytes = total;
  if (rig_parse(&rig) == 0) {
    check_info(&rig.request->info);
    pie_request_is_local(rig.request);
    check_body(1 + (how >> 2) % 60);
  }
  rig_close(&rig);
  fuzz_end();
  return 0;
}
