/* SPDX-License-Identifier: Apache-2.0
 *
 * GetServerVariable: the names of IIS, and those of httpd with quirks.
 */
#include "base/error.h"
#include "base/utf16.h"
#include "host/host.h"

#include <stdio.h>
#include <string.h>

enum { INSTANCE_ID = 1 };

struct answer {
  bool known;
  struct pie_str value;
  bool is_void; /* a request has set it to nothing */
};

typedef struct pie_str (*variable_fn)(struct pie_exchange *x);

static struct pie_str header(struct pie_exchange *x, const char *name) {
  struct pie_str value = PIE_STR("");
  pie_http_find(&x->conn->parser, pie_str_from(name), &value);
  return value;
}

static struct pie_str all_raw(struct pie_exchange *x) { return pie_buf_str(&x->conn->parser.raw); }

/* "HTTP_ACCEPT:text/html\n", separated by LF as on IIS. */
static struct pie_str all_http(struct pie_exchange *x) {
  struct pie_http_parser *p = &x->conn->parser;
  char *out = pie_arena_alloc(&x->arena, p->raw.n + p->field_count * 8 + 1), *at = out;
  if (!out)
    return PIE_STR("");
  for (size_t i = 0; i < p->field_count; i++) {
    struct pie_str name = pie_http_name(p, i), value = pie_http_value(p, i);
    memcpy(at, "HTTP_", 5);
    at += 5;
    for (size_t n = 0; n < name.n; n++) {
      char c = name.p[n];
      *at++ = c == '-' ? '_' : c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
    }
    *at++ = ':';
    memcpy(at, value.p, value.n);
    at += value.n;
    *at++ = '\n';
  }
  return (struct pie_str){out, (size_t)(at - out)};
}

static struct pie_str appl_md_path(struct pie_exchange *x) {
  static const struct pie_str root = PIE_STR_INIT("/LM/W3SVC/1/ROOT");
  struct pie_str mount = x->conn->worker->iis ? pie_iis_app_of(x).mount : PIE_STR("");
  char *out = pie_arena_alloc(&x->arena, root.n + mount.n + 1);
  if (!mount.n || !out)
    return root;
  memcpy(out, root.p, root.n);
  memcpy(out + root.n, mount.p, mount.n);
  return (struct pie_str){out, root.n + mount.n};
}

static struct pie_str physical_path(struct pie_exchange *x) {
  if (x->conn->worker->iis)
    return pie_iis_app_of(x).folder;
  return pie_str_from(pie_settings_text(x->conn->worker->settings, PIE_SET_ROOT));
}

static struct pie_str translated(struct pie_exchange *x) {
  return x->conn->worker->iis ? pie_iis_translated(x) : PIE_STR("");
}

static struct pie_str instance_id(struct pie_exchange *x) {
  (void)x;
  return PIE_STR("1");
}

static struct pie_str content_length(struct pie_exchange *x) { return header(x, "Content-Length"); }
static struct pie_str content_type(struct pie_exchange *x) { return header(x, "Content-Type"); }
static struct pie_str url(struct pie_exchange *x) { return pie_buf_str(&x->conn->parser.target); }
static struct pie_str path(struct pie_exchange *x) { return x->path; }
static struct pie_str query(struct pie_exchange *x) { return x->conn->parser.query; }
static struct pie_str method(struct pie_exchange *x) {
  return pie_buf_str(&x->conn->parser.method);
}
static struct pie_str remote_addr(struct pie_exchange *x) {
  return pie_str_from(x->conn->remote_addr);
}
static struct pie_str remote_port(struct pie_exchange *x) {
  return pie_str_from(x->conn->remote_port);
}
static struct pie_str local_addr(struct pie_exchange *x) {
  return pie_str_from(x->conn->local_addr);
}
static struct pie_str empty(struct pie_exchange *x) {
  (void)x;
  return PIE_STR("");
}
static struct pie_str off(struct pie_exchange *x) {
  (void)x;
  return PIE_STR("off");
}
static struct pie_str zero(struct pie_exchange *x) {
  (void)x;
  return PIE_STR("0");
}

static struct pie_str protocol(struct pie_exchange *x) {
  return x->conn->parser.minor ? PIE_STR("HTTP/1.1") : PIE_STR("HTTP/1.0");
}

static struct pie_str script(struct pie_exchange *x) {
  return x->conn->worker->apache ? PIE_STR("") : x->path;
}

static struct pie_str software(struct pie_exchange *x) {
  const struct pie_worker *worker = x->conn->worker;
  return worker->apache ? PIE_STR("Apache/2.4 (quirks)")
         : worker->iis  ? PIE_STR("Microsoft-IIS/10.0")
                        : pie_str_from(worker->software);
}

/* The name that the client used, without its port; else the address it reached. */
static struct pie_str server_name(struct pie_exchange *x) {
  struct pie_str host = x->host;
  size_t n = host.n;
  while (n && host.p[n - 1] >= '0' && host.p[n - 1] <= '9')
    n--;
  if (n && host.p[n - 1] == ':')
    host.n = n - 1;
  if (host.n)
    return host;
  return x->conn->local_addr[0] ? local_addr(x) : PIE_STR("localhost");
}

static struct pie_str server_port(struct pie_exchange *x) {
  if (x->conn->local_port[0])
    return pie_str_from(x->conn->local_port);
  struct pie_str host = x->host;
  size_t n = host.n;
  while (n && host.p[n - 1] >= '0' && host.p[n - 1] <= '9')
    n--;
  if (n && n < host.n && host.p[n - 1] == ':')
    return (struct pie_str){host.p + n, host.n - n};
  return PIE_STR("80");
}

struct row {
  const char *name;
  variable_fn get;
  enum { BOTH, IIS_ONLY, APACHE_ONLY } where;
  bool narrowed; /* on IIS it goes through the system's code page, but for its UNICODE_ form */
};

static const struct row rows[] = {
    {"ALL_RAW", all_raw, BOTH},
    {"SCRIPT_NAME", script, BOTH, true},
    {"HTTP_URL", url, IIS_ONLY},
    {"SERVER_NAME", server_name, BOTH},
    {"SERVER_PORT", server_port, BOTH},
    {"SERVER_SOFTWARE", software, BOTH},
    {"SERVER_PROTOCOL", protocol, BOTH},
    {"REMOTE_ADDR", remote_addr, BOTH},
    {"REMOTE_PORT", remote_port, BOTH},
    {"REMOTE_USER", empty, BOTH},
    {"AUTH_TYPE", empty, BOTH},
    {"HTTPS", off, IIS_ONLY},
    {"SERVER_PORT_SECURE", zero, BOTH},
    {"APPL_MD_PATH", appl_md_path, IIS_ONLY, true},
    {"APPL_PHYSICAL_PATH", physical_path, IIS_ONLY, true},
    {"CONTENT_LENGTH", content_length, BOTH},
    {"CONTENT_TYPE", content_type, BOTH},
    {"REQUEST_METHOD", method, BOTH},
    {"PATH_INFO", path, BOTH, true},
    {"PATH_TRANSLATED", translated, IIS_ONLY, true},
    {"QUERY_STRING", query, BOTH},
    {"URL", path, IIS_ONLY, true},
    {"UNENCODED_URL", url, IIS_ONLY},
    {"REQUEST_URI", url, APACHE_ONLY},
    {"ALL_HTTP", all_http, BOTH},
    {"INSTANCE_ID", instance_id, IIS_ONLY},
    {"LOCAL_ADDR", local_addr, IIS_ONLY},
    {"REMOTE_HOST", remote_addr, IIS_ONLY},
    {"LOGON_USER", empty, IIS_ONLY},
    {"AUTH_USER", empty, IIS_ONLY},
};

static struct answer from_setting(struct pie_exchange *x, struct pie_str name) {
  int id = pie_setting_find((struct pie_str){name.p + 9, name.n - 9});
  if (id < 0)
    return (struct answer){.known = false};
  const char *value = x->conn->worker->settings->text[id];
  return (struct answer){.known = value != NULL, .value = pie_str_from(value)};
}

/* HTTP_USER_AGENT: the field User-Agent. */
static struct answer from_header(struct pie_exchange *x, struct pie_str name) {
  const struct pie_http_parser *p = &x->conn->parser;
  for (size_t i = 0; i < p->field_count; i++) {
    struct pie_str field = pie_http_name(p, i);
    size_t n = 0;
    while (field.n == name.n - 5 && n < field.n &&
           pie_ascii_lower(field.p[n] == '-' ? '_' : field.p[n]) == pie_ascii_lower(name.p[n + 5]))
      n++;
    if (field.n == name.n - 5 && n == field.n)
      return (struct answer){.known = true, .value = pie_http_value(p, i)};
  }
  return (struct answer){.known = false};
}

static struct answer find(struct pie_exchange *x, struct pie_str name, bool wide) {
  bool apache = x->conn->worker->apache, iis = x->conn->worker->iis;
  struct pie_str set;
  if (iis && pie_iis_variable(x, name, &set))
    return (struct answer){
        .known = true, .value = wide ? set : pie_iis_narrow(x, set), .is_void = !set.n};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct pie_str have = pie_str_from(rows[i].name);
    bool here = rows[i].where == BOTH || (rows[i].where == APACHE_ONLY) == apache;
    if (here && pie_str_equal_nocase(have, name)) {
      struct pie_str value = rows[i].get(x);
      bool narrows = iis && rows[i].narrowed && !wide;
      return (struct answer){.known = true, .value = narrows ? pie_iis_narrow(x, value) : value};
    }
  }
  if (pie_str_starts_nocase(name, PIE_STR("PYISAPIE_")) && !x->conn->worker->iis)
    return from_setting(x, name);
  if (pie_str_starts_nocase(name, PIE_STR("HTTP_")))
    return from_header(x, name);
  return (struct answer){.known = false};
}

const struct pie_isapi_request *pie_ecb_share(struct pie_exchange *x) {
  const struct pie_http_parser *p = &x->conn->parser;
  struct pie_isapi_request *shared = pie_arena_alloc(&x->arena, sizeof *shared);
  struct pie_isapi_header *headers =
      pie_arena_alloc(&x->arena, (p->field_count + 1) * sizeof *headers);
  if (!shared || !headers)
    return NULL;
  for (size_t i = 0; i < p->field_count; i++)
    headers[i] = (struct pie_isapi_header){pie_http_name(p, i), pie_http_value(p, i)};
  *shared = (struct pie_isapi_request){
      .size = sizeof *shared,
      .method = pie_buf_str(&p->method),
      .query = p->query,
      .target = url(x),
      .path = x->path,
      .protocol = protocol(x),
      .server_name = server_name(x),
      .server_port = server_port(x),
      .server_software = software(x),
      .remote_addr = remote_addr(x),
      .remote_port = remote_port(x),
      .remote_user = PIE_STR(""),
      .auth_type = PIE_STR(""),
      .content_type = pie_str_from(x->ecb.lpszContentType),
      .content_length = p->chunked ? -2 : p->content_length,
      .headers = headers,
      .header_count = p->field_count,
  };
  return shared;
}

static BOOL refuse(uint32_t code) {
  pie_os_error_set(code);
  return FALSE;
}

static BOOL give(struct pie_str value, void *buffer, DWORD *size) {
  if (*size < value.n + 1) {
    *size = (DWORD)value.n + 1;
    return refuse(ERROR_INSUFFICIENT_BUFFER);
  }
  if (value.n)
    memcpy(buffer, value.p, value.n);
  ((char *)buffer)[value.n] = '\0';
  *size = (DWORD)value.n + 1;
  return TRUE;
}

/* UNICODE_ variables. */
static BOOL give_wide(struct pie_str value, uint16_t *buffer, DWORD *size) {
  size_t bytes = (pie_utf16_from(value, NULL) + 1) * sizeof *buffer;
  bool fits = *size >= bytes;
  *size = (DWORD)bytes;
  if (!fits)
    return refuse(ERROR_INSUFFICIENT_BUFFER);
  buffer[pie_utf16_from(value, buffer)] = 0;
  return TRUE;
}

BOOL WINAPI pie_ecb_get_variable(HCONN id, LPSTR text, LPVOID buffer, LPDWORD size) {
  struct pie_exchange *x = id;
  if (!text || !size)
    return refuse(ERROR_INVALID_PARAMETER);
  int state = atomic_load(&x->state);
  if (state != PIE_X_RUNNING && x->conn->worker->strict)
    pie_strict_breach(x->conn->worker, "GetServerVariable after the session was done");
  struct pie_str name = pie_str_from(text);
  bool wide = pie_str_starts_nocase(name, PIE_STR("UNICODE_"));
  if (wide && x->conn->worker->apache)
    return refuse(ERROR_INVALID_INDEX);
  if (wide)
    name = (struct pie_str){name.p + 8, name.n - 8};
  struct answer answer = find(x, name, wide);
  if (!answer.known)
    return refuse(ERROR_INVALID_INDEX);
  if (answer.is_void)
    return refuse(ERROR_NO_DATA);
  return wide ? give_wide(answer.value, buffer, size) : give(answer.value, buffer, size);
}
