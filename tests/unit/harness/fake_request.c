/* SPDX-License-Identifier: Apache-2.0
 *
 * A fake host out of the text of a request, and the text of a response as a client reads it.
 */
#include "harness/fake_ecb.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { WIRE_MAX = 1 << 28 };

/* The next word or line of the request's own copy, NUL-terminated. */
static char *cut_text(char **rest, const char *end) {
  char *text = *rest;
  char *at = strstr(text, end);
  if (at) {
    *at = '\0';
    *rest = at + strlen(end);
  } else {
    *rest = text + strlen(text);
  }
  return text;
}

static void set_headers(struct fake_host *host, const char *block) {
  struct pie_str rest = pie_str_from(block);
  fake_set(host, "ALL_RAW", block);
  while (rest.n) {
    struct pie_str value = pie_str_cut(&rest, '\n');
    struct pie_str name = pie_str_cut(&value, ':');
    value = pie_str_trim(value);
    if (value.n && value.p[value.n - 1] == '\r')
      value.n--;
    int64_t length;
    if (pie_str_equal_nocase(name, PIE_STR("Content-Length"))) {
      fake_set_bytes(host, "CONTENT_LENGTH", value);
      if (pie_str_to_int64(value, &length) == 0) /* mod_isapi: the low 32 bits (section 9, 11) */
        host->ecb.cbTotalBytes = host->kind == FAKE_APACHE || length < INT64_C(0xffffffff)
                                     ? (DWORD)length
                                     : PIE_ISAPI_LENGTH_UNKNOWN;
    } else if (pie_str_equal_nocase(name, PIE_STR("Transfer-Encoding"))) {
      host->ecb.cbTotalBytes = PIE_ISAPI_LENGTH_UNKNOWN;
    }
  }
}

static void set_variables(struct fake_host *host, char *target, char *path, const char *protocol) {
  static const char *const software[] = {"Microsoft-IIS/10.0", "pyisapie/2.0.0", "Something/1.0",
                                         "Apache/2.4.62 (Debian)"};
  bool apache = host->kind == FAKE_APACHE;
  fake_set(host, "SERVER_SOFTWARE", software[host->kind]);
  fake_set(host, "SERVER_PROTOCOL", protocol);
  fake_set(host, "SERVER_NAME", "example.org");
  fake_set(host, "SERVER_PORT", "8080");
  fake_set(host, "REMOTE_ADDR", "192.0.2.7");
  fake_set(host, "REMOTE_PORT", "50000");
  fake_set(host, "SERVER_PORT_SECURE", "0");
  fake_set(host, apache ? "REQUEST_URI" : "HTTP_URL", target);
  fake_set(host, "SCRIPT_NAME", apache ? "" : path);
  if (!apache)
    fake_set(host, "APPL_MD_PATH", "/LM/W3SVC/1/ROOT");
}

static void set_block(struct fake_host *host, char *method, char *path, char *query) {
  bool apache = host->kind == FAKE_APACHE;
  host->ecb.cbSize = sizeof host->ecb;
  host->ecb.dwVersion = apache ? 0x500 : MAKELONG(0, 8);
  host->ecb.ConnID = host;
  host->ecb.dwHttpStatusCode = apache ? 0 : 200;
  host->ecb.lpszMethod = method;
  host->ecb.lpszQueryString = query;
  host->ecb.lpszPathInfo = apache && !*path ? NULL : path;
  host->ecb.lpszPathTranslated = apache ? NULL : (LPSTR)(uintptr_t) "";
  host->ecb.lpszContentType = apache ? NULL : (LPSTR)(uintptr_t) "";
  fake_set_calls(&host->ecb);
}

void fake_open(struct fake_host *host, enum fake_kind kind, const char *request) {
  *host = (struct fake_host){.kind = kind, .fail_error = ERROR_NETNAME_DELETED};
  host->has_vector = host->has_completion = kind == FAKE_IIS || kind == FAKE_OURS;
  host->has_transmit = true;
  host->vector_error = ERROR_INVALID_PARAMETER;
  pthread_mutex_init(&host->lock, NULL);
  pthread_cond_init(&host->ended, NULL);
  struct pie_buf *bufs[] = {&host->calls, &host->wire, &host->held_status, &host->held_headers};
  for (size_t i = 0; i < 4; i++)
    pie_buf_init(bufs[i], WIRE_MAX);
  host->text = strdup(request);
  host->raw = malloc(strlen(request) + 1);
  if (!host->text || !host->raw)
    abort();
  char *rest = host->text;
  char *line = cut_text(&rest, "\r\n");
  char *method = cut_text(&line, " "), *target = cut_text(&line, " "), *path = strdup(target);
  char *query = path;
  cut_text(&query, "?");
  /* path and query live in the block that raw begins */
  const char *end = strstr(rest, "\r\n\r\n");
  size_t n = rest[0] == '\r' ? 0 : end ? (size_t)(end - rest) + 2 : strlen(rest);
  memcpy(host->raw, rest, n);
  host->raw[n] = '\0';
  host->body = pie_str_from(rest + n + (rest[n] ? 2 : 0));
  size_t path_n = strlen(path) + 1, query_n = strlen(query) + 1;
  host->raw = realloc(host->raw, n + 1 + path_n + query_n);
  if (!host->raw)
    abort();
  char *kept_path = host->raw + n + 1, *kept_query = kept_path + path_n;
  memcpy(kept_path, path, path_n);
  memcpy(kept_query, query, query_n);
  free(path);
  set_block(host, method, kept_path, kept_query);
  set_variables(host, target, kept_path, line);
  set_headers(host, host->raw);
  fake_ahead(host, host->body.n);
}

/* ---- the wire ---- */

static enum fake_end read_chunks(struct pie_str rest, struct pie_buf *body) {
  while (rest.n) {
    struct pie_str line = pie_str_cut(&rest, '\n');
    char *end;
    char digits[24] = {0};
    if (line.n < 2 || line.n > sizeof digits || line.p[line.n - 1] != '\r')
      return FAKE_CUT;
    memcpy(digits, line.p, line.n - 1);
    size_t size = strtoull(digits, &end, 16);
    if (*end || size + 2 > rest.n)
      return FAKE_CUT;
    if (memcmp(rest.p + size, "\r\n", 2) != 0)
      return FAKE_CUT;
    pie_buf_append(body, rest.p, size);
    rest.p += size + 2;
    rest.n -= size + 2;
    if (!size)
      return rest.n ? FAKE_CUT : FAKE_WHOLE; /* bytes after the end belong to nobody */
  }
  return FAKE_CUT;
}

enum fake_end fake_read_wire(const struct fake_host *host, struct pie_buf *body) {
  struct pie_str wire = pie_buf_str(&host->wire);
  const char *end = wire.n ? memmem(wire.p, wire.n, "\r\n\r\n", 4) : NULL;
  if (!end)
    return FAKE_CUT;
  struct pie_str head = {wire.p, (size_t)(end - wire.p) + 2};
  struct pie_str rest = {end + 4, wire.n - head.n - 2};
  int64_t length = -1;
  bool chunked = false;
  while (head.n) {
    struct pie_str value = pie_str_cut(&head, '\n');
    value.n--;
    struct pie_str name = pie_str_cut(&value, ':');
    value = pie_str_trim(value);
    if (pie_str_equal_nocase(name, PIE_STR("Content-Length")))
      pie_str_to_int64(value, &length);
    if (pie_str_equal_nocase(name, PIE_STR("Transfer-Encoding")))
      chunked = true;
  }
  if (chunked)
    return read_chunks(rest, body);
  pie_buf_add(body, rest);
  if (length >= 0)
    return (uint64_t)length == rest.n ? FAKE_WHOLE : FAKE_CUT;
  /* httpd frames by itself, and sees to it that an error closes the connection. */
  if (host->kind == FAKE_APACHE)
    return host->outcome == HSE_STATUS_ERROR ? FAKE_CUT : FAKE_WHOLE;
  return FAKE_BY_CLOSE;
}
