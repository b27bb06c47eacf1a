/* SPDX-License-Identifier: Apache-2.0 */
#include "isapi/request.h"

#include "base/error.h"
#include "base/settings.h"
#include "isapi/door.h"

#include <stdio.h>
#include <string.h>

enum { EARLY_SIZE = 4096 };

static struct pie_str variable(struct pie_request *request, const char *name) {
  return pie_ecb_variable_copy(request->ecb, name, &request->arena);
}

/* The UNICODE_ form of a variable, which is not cut down to the system's code page. */
static struct pie_str wide_variable(struct pie_request *request, const char *name) {
  char unicode[64];
  snprintf(unicode, sizeof unicode, "UNICODE_%s", name);
  struct pie_str wide = pie_ecb_variable_wide(request->ecb, unicode, &request->arena);
  return wide.n ? wide : variable(request, name);
}

/* A field that must not reach the application: one that CGI's mapping makes indistinguishable from
 * another ("X_Foo" and "X-Foo"), or Proxy, which would become HTTP_PROXY (httpoxy). */
static bool is_unsafe(struct pie_str name) {
  return !pie_str_is_token(name) || memchr(name.p, '_', name.n) ||
         pie_str_equal_nocase(name, PIE_STR("Proxy"));
}

static size_t count_lines(struct pie_str text) {
  size_t lines = 1;
  for (size_t i = 0; i < text.n; i++)
    lines += text.p[i] == '\n';
  return lines < PIE_REQUEST_HEADERS_MAX ? lines : PIE_REQUEST_HEADERS_MAX;
}

/* ALL_RAW: "Name: value" lines; CRLF or LF between them (ISAPI.md, section 6). */
static int parse_headers(struct pie_request *request) {
  struct pie_str raw = PIE_STR("");
  int err = pie_ecb_variable_get(request->ecb, "ALL_RAW", &request->arena, &raw);
  if (err == -PIE_ETOOBIG)
    return err; /* without its fields it would be another request */
  size_t room = count_lines(raw), count = 0;
  struct pie_header *headers = pie_arena_alloc(&request->arena, room * sizeof *headers);
  if (!headers)
    return -PIE_ENOMEM;
  while (raw.n && count < room) {
    struct pie_str value = pie_str_cut(&raw, '\n');
    if (value.n && value.p[value.n - 1] == '\r')
      value.n--;
    struct pie_str name = pie_str_cut(&value, ':');
    if (!is_unsafe(name))
      headers[count++] = (struct pie_header){name, pie_str_trim(value)};
  }
  request->info.headers = headers;
  request->info.header_count = count;
  return raw.n ? -PIE_ETOOBIG : 0; /* the last ones may be those that a proxy has added */
}

struct pie_str pie_request_header(const struct pie_request *request, struct pie_str name) {
  for (size_t i = 0; i < request->info.header_count; i++) {
    if (pie_str_equal_nocase(request->info.headers[i].name, name))
      return request->info.headers[i].value;
  }
  return PIE_STR("");
}

/* The text is trusted over cbTotalBytes, which has 32 bits (ISAPI.md, section 9: 9 and 11). */
static int64_t find_length(struct pie_request *request) {
  struct pie_str text = pie_request_header(request, PIE_STR("Content-Length"));
  int64_t length;
  bool unknown = request->ecb->cbTotalBytes == PIE_ISAPI_LENGTH_UNKNOWN;
  if (!text.n && !unknown && request->ecb->cbTotalBytes)
    text = variable(request, "CONTENT_LENGTH");
  /* Beside Transfer-Encoding it counts for nothing (RFC 9112, 6.3). */
  bool is_chunked = unknown && pie_request_header(request, PIE_STR("Transfer-Encoding")).n > 0;
  if (!is_chunked && text.n && pie_str_to_int64(text, &length) == 0)
    return length;
  if (unknown)
    return PIE_LENGTH_UNKNOWN;
  return request->ecb->cbTotalBytes ? (int64_t)request->ecb->cbTotalBytes : PIE_LENGTH_NONE;
}

static struct pie_str without_query(struct pie_str url) { return pie_str_cut(&url, '?'); }

/* The mount: APPL_MD_PATH "/LM/W3SVC/1/ROOT/app" gives "/app". */
static struct pie_str find_mount(struct pie_request *request, const struct pie_quirks *quirks) {
  const char *name = "APPL_MD_PATH"; /* our own host knows of no code page */
  struct pie_str path = quirks->ours ? variable(request, name) : wide_variable(request, name);
  for (; path.n >= 5; path.p++, path.n--) {
    if (pie_str_starts_nocase(path, PIE_STR("/ROOT"))) {
      struct pie_str mount = {path.p + 5, path.n - 5};
      return mount.n > 1 ? mount : PIE_STR("");
    }
  }
  return PIE_STR("");
}

/* True when path is mount or lies below it; "/shop" does not take "/shopping". IIS compares
 * without regard to case, and so must we: it has chosen us already. */
static bool is_below(struct pie_str path, struct pie_str mount) {
  if (path.n < mount.n || (path.n > mount.n && path.p[mount.n] != '/'))
    return false;
  for (size_t i = 0; i < mount.n; i++) {
    struct pie_str a = {path.p + i, 1}, b = {mount.p + i, 1};
    bool both_foreign = (*a.p & 0x80) && (*b.p & 0x80); /* an "É" for an "é" */
    if (!both_foreign && !pie_str_equal_nocase(a, b))
      return false;
  }
  return true;
}

static struct pie_str after(struct pie_str text, size_t n) {
  return (struct pie_str){text.p + n, text.n - n};
}

/* IIS and our host: PATH_INFO is the whole path, or what follows the script (section 6). */
static void split_path(struct pie_request *request, const struct pie_quirks *quirks,
                       struct pie_str script, struct pie_str path) {
  struct pie_request_info *info = &request->info;
  if (pie_str_equal(script, PIE_STR("/")))
    script = PIE_STR("");                                 /* SCRIPT_NAME is never "/" */
  if (script.n && !pie_str_starts_nocase(path, script)) { /* allowPathInfo="true" */
    info->script_name = script;
    info->path_info = path;
    return;
  }
  struct pie_str mount = find_mount(request, quirks);
  if (script.n && path.n > script.n && path.p[script.n] == '/')
    mount = script; /* a script map such as *.dll */
  if (mount.n == 1 || !is_below(path, mount))
    mount = PIE_STR("");
  info->script_name = (struct pie_str){path.p, mount.n};
  info->path_info = after(path, mount.n);
}

static struct pie_str without_slash(struct pie_str path) {
  return path.n && path.p[path.n - 1] == '/' ? (struct pie_str){path.p, path.n - 1} : path;
}

/* httpd splits the URL where PATH_INFO begins in it. On Windows PATH_INFO has lost dots and spaces
 * at the ends of names, and has "/" for "\": then it is not found there, and what httpd says is too
 * long. Where an Alias leads to the door itself, the site begins at the Alias. */
static struct pie_str script_of_alias(struct pie_request *request, struct pie_str script) {
  struct pie_str place = without_slash(variable(request, "CONTEXT_DOCUMENT_ROOT"));
  struct pie_str alias = without_slash(variable(request, "CONTEXT_PREFIX"));
  bool is_door = place.n && pie_str_equal_nocase(place, variable(request, "SCRIPT_FILENAME"));
  return is_door && pie_str_starts(script, alias) ? alias : script;
}

static void find_path(struct pie_request *request, const struct pie_quirks *quirks) {
  struct pie_request_info *info = &request->info;
  struct pie_str script = variable(request, "SCRIPT_NAME");
  struct pie_str path = pie_str_from(request->ecb->lpszPathInfo);
  if (quirks->mod_isapi) {
    info->target = variable(request, "REQUEST_URI");
    if (script.n && path.n)
      script = script_of_alias(request, script);
    bool is_root = pie_str_equal(script, PIE_STR("/")); /* SCRIPT_NAME is never "/" */
    info->script_name = is_root ? PIE_STR("") : script;
    info->path_info = is_root && !path.n ? script : path;
    return;
  }
  info->target = variable(request, "HTTP_URL");
  if (!info->target.n)
    info->target = variable(request, "UNENCODED_URL");
  if (!quirks->ours) {
    /* The ANSI value went through the system's code page; and it is the normalised path that IIS
     * has authorised, so the raw one is for REQUEST_URI only. */
    struct pie_str wide = pie_ecb_variable_wide(request->ecb, "UNICODE_PATH_INFO", &request->arena);
    struct pie_str wide_script =
        pie_ecb_variable_wide(request->ecb, "UNICODE_SCRIPT_NAME", &request->arena);
    path = wide.n ? wide : path;
    script = wide_script.n ? wide_script : script;
  }
  split_path(request, quirks, script, path);
  if (!info->target.n)
    info->target = without_query(path);
}

/* The setting script-name: the server has split the path elsewhere, or not at all. */
static int split_below(struct pie_request *request, struct pie_str mount) {
  struct pie_request_info *info = &request->info;
  size_t script = info->script_name.n, n = script + info->path_info.n;
  while (mount.n && mount.p[mount.n - 1] == '/')
    mount.n--;
  char *path = pie_arena_alloc(&request->arena, n + 1);
  if (!path)
    return -PIE_ENOMEM;
  memcpy(path, info->script_name.p, script);
  memcpy(path + script, info->path_info.p, info->path_info.n);
  bool below =
      pie_str_starts((struct pie_str){path, n}, mount) && (n == mount.n || path[mount.n] == '/');
  if (!below)
    return 0;
  info->script_name = (struct pie_str){path, mount.n};
  info->path_info = (struct pie_str){path + mount.n, n - mount.n};
  return 0;
}

/* Names, as they are in environ, of what IIS knows more; an empty value is left out. */
static const char *const iis_extras[] = {"LOGON_USER",   "APP_POOL_ID",        "INSTANCE_ID",
                                         "APPL_MD_PATH", "APPL_PHYSICAL_PATH", "LOCAL_ADDR"};
static const char *const tls_extras[] = {
    "CERT_FLAGS",          "CERT_SUBJECT",        "CERT_ISSUER",
    "CERT_SERIALNUMBER",   "CERT_COOKIE",         "HTTPS_KEYSIZE",
    "HTTPS_SECRETKEYSIZE", "HTTPS_SERVER_ISSUER", "HTTPS_SERVER_SUBJECT"};
enum {
  IIS_EXTRAS = sizeof iis_extras / sizeof iis_extras[0],
  TLS_EXTRAS = sizeof tls_extras / sizeof tls_extras[0]
};

static void find_extras(struct pie_request *request) {
  struct pie_request_info *info = &request->info;
  size_t wanted = IIS_EXTRAS + (pie_str_equal(info->scheme, PIE_STR("https")) ? TLS_EXTRAS : 0);
  struct pie_header *extras = pie_arena_alloc(&request->arena, wanted * sizeof *extras);
  size_t count = 0;
  for (size_t i = 0; extras && i < wanted; i++) {
    const char *name = i < IIS_EXTRAS ? iis_extras[i] : tls_extras[i - IIS_EXTRAS];
    struct pie_str value = wide_variable(request, name);
    if (value.n)
      extras[count++] = (struct pie_header){pie_str_from(name), value};
  }
  info->extras = extras;
  info->extra_count = count;
  if (info->remote_user.n)
    info->remote_user = wide_variable(request, "REMOTE_USER");
}

static bool is_on(struct pie_str value) {
  return pie_str_equal_nocase(value, PIE_STR("on")) || pie_str_equal(value, PIE_STR("1"));
}

static void find_peer(struct pie_request *request) {
  struct pie_request_info *info = &request->info;
  info->server_name = variable(request, "SERVER_NAME");
  info->server_port = variable(request, "SERVER_PORT");
  info->server_software = variable(request, "SERVER_SOFTWARE");
  info->protocol = variable(request, "SERVER_PROTOCOL");
  info->remote_addr = variable(request, "REMOTE_ADDR");
  info->remote_port = variable(request, "REMOTE_PORT");
  info->remote_user = variable(request, "REMOTE_USER");
  info->auth_type = variable(request, "AUTH_TYPE");
  bool secure = is_on(variable(request, "HTTPS")) || is_on(variable(request, "SERVER_PORT_SECURE"));
  info->scheme = secure ? PIE_STR("https") : PIE_STR("http");
}

static struct pie_str setting(struct pie_request *request, const struct pie_settings *settings,
                              enum pie_setting_id id) {
  char name[64];
  pie_setting_variable(id, name);
  struct pie_str value = variable(request, name);
  return value.n ? value : pie_str_from(pie_settings_text(settings, id));
}

/* Our own host tells all at once. */
static int parse_shared(struct pie_request *request, const struct pie_isapi_request *shared) {
  struct pie_request_info *info = &request->info;
  struct pie_header *headers =
      pie_arena_alloc(&request->arena, (shared->header_count + 1) * sizeof *headers);
  size_t count = 0;
  if (!headers)
    return -PIE_ENOMEM;
  for (size_t i = 0; i < shared->header_count; i++) {
    if (!is_unsafe(shared->headers[i].name))
      headers[count++] = (struct pie_header){shared->headers[i].name, shared->headers[i].value};
  }
  info->headers = headers;
  info->header_count = count;
  info->content_length = shared->content_length;
  info->content_type = shared->content_type;
  info->method = shared->method;
  info->query = shared->query;
  info->target = shared->target;
  info->path_info = shared->path;
  info->script_name = PIE_STR("");
  info->server_name = shared->server_name;
  info->server_port = shared->server_port;
  info->server_software = shared->server_software;
  info->protocol = shared->protocol;
  info->remote_addr = shared->remote_addr;
  info->remote_port = shared->remote_port;
  info->remote_user = shared->remote_user;
  info->auth_type = shared->auth_type;
  info->scheme = shared->secure ? PIE_STR("https") : PIE_STR("http");
  return 0;
}

static int parse_variables(struct pie_request *request, const struct pie_quirks *quirks) {
  int err = parse_headers(request);
  if (err)
    return err;
  request->info.method = pie_str_from(request->ecb->lpszMethod);
  request->info.query = pie_str_from(request->ecb->lpszQueryString);
  request->info.content_type = pie_str_from(request->ecb->lpszContentType);
  request->info.content_length = find_length(request);
  find_path(request, quirks);
  find_peer(request);
  if (quirks->async)
    find_extras(request);
  return 0;
}

int pie_request_parse(struct pie_request *request, const struct pie_quirks *quirks,
                      const struct pie_settings *settings) {
  struct pie_request_info *info = &request->info;
  const struct pie_isapi_request *shared = quirks->ours ? pie_ecb_shared(request->ecb) : NULL;
  info->id = (struct pie_str){request->id, request->id_length};
  int err = shared ? parse_shared(request, shared) : parse_variables(request, quirks);
  if (err)
    return err;
  if (shared) { /* one process of ours has one set of settings, read at the start */
    const struct pie_door *door = request->door;
    info->app = door->app;
    info->root = door->root;
    info->config = door->config;
    info->site = door;
    request->statics = door->statics;
    return door->script_name.n ? split_below(request, door->script_name) : 0;
  }
  info->app = setting(request, settings, PIE_SET_APP);
  info->root = setting(request, settings, PIE_SET_ROOT);
  info->config = setting(request, settings, PIE_SET_CONFIG);
  request->statics = setting(request, settings, PIE_SET_STATIC);
  if (!info->root.n && !quirks->mod_isapi)
    info->root = wide_variable(request, "APPL_PHYSICAL_PATH");
  struct pie_str mount = setting(request, settings, PIE_SET_SCRIPT_NAME);
  return mount.n ? split_below(request, mount) : 0;
}

/* mod_isapi sets the status to 0 before it reads; httpd takes that for a refusal and sends no
 * "100 Continue": the body is empty for a client that waits for it. A head with status 200, which
 * sends nothing yet, makes httpd ask for the body, if mod_isapi has not read already
 * (ISAPIReadAheadBuffer 0). Whether it has shows only when the body is read. */
bool pie_request_lost_body(struct pie_request *request) {
  EXTENSION_CONTROL_BLOCK *ecb = request->ecb;
  if (!pie_door_quirks(request->door)->mod_isapi || request->info.content_length <= 0 ||
      ecb->cbTotalBytes || !pie_request_header(request, PIE_STR("Expect")).n)
    return false;
  char *early = pie_arena_alloc(&request->arena, EARLY_SIZE);
  int64_t wanted = request->info.content_length;
  if (!early || pie_ecb_send_headers(ecb, PIE_STR("200 OK"), PIE_STR("\r\n"), true))
    return false;
  int64_t got = pie_ecb_read(ecb, early, wanted < EARLY_SIZE ? (size_t)wanted : EARLY_SIZE);
  request->early = (struct pie_str){early, got > 0 ? (size_t)got : 0};
  return got == 0;
}

static int64_t broken(struct pie_request *request) {
  request->body_broken = true;
  return -PIE_EGONE;
}

int64_t pie_request_read(struct pie_request *request, void *buffer, size_t capacity) {
  EXTENSION_CONTROL_BLOCK *ecb = request->ecb;
  int64_t length = request->info.content_length;
  if (request->body_broken)
    return -PIE_EGONE;
  if (length >= 0 && (int64_t)capacity > length - request->body_read)
    capacity = (size_t)(length - request->body_read);
  if (length == PIE_LENGTH_NONE || request->body_ended || !capacity)
    return 0;
  int64_t got;
  if (request->early.n) {
    got = (int64_t)(capacity < request->early.n ? capacity : request->early.n);
    memcpy(buffer, request->early.p, (size_t)got);
    request->early.p += got;
    request->early.n -= (size_t)got;
  } else if (ecb->lpbData && request->ahead_used < ecb->cbAvailable) {
    size_t ahead = ecb->cbAvailable - request->ahead_used;
    got = (int64_t)(capacity < ahead ? capacity : ahead);
    memcpy(buffer, ecb->lpbData + request->ahead_used, (size_t)got);
    request->ahead_used += (uint32_t)got;
  } else {
    got = pie_io_read(request, buffer, capacity);
    if (got == -PIE_ENOTSUP)
      got = pie_ecb_read(ecb, buffer, capacity);
    if (got < 0 || (got == 0 && length >= 0))
      return broken(request); /* less than was announced: never a quiet end */
    request->body_ended = got == 0;
  }
  request->body_read += got;
  return got;
}

static bool is_loopback(struct pie_str addr) {
  return pie_str_starts(addr, PIE_STR("127.")) || pie_str_equal(addr, PIE_STR("::1")) ||
         pie_str_starts(addr, PIE_STR("::ffff:127.")) || !addr.n; /* a Unix socket has none */
}

bool pie_request_is_local(const struct pie_request *request) {
  static const char *const by_proxy[] = {"X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"};
  for (size_t i = 0; i < sizeof by_proxy / sizeof by_proxy[0]; i++) {
    if (pie_request_header(request, pie_str_from(by_proxy[i])).n)
      return false;
  }
  return is_loopback(request->info.remote_addr);
}
