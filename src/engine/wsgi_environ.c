/* SPDX-License-Identifier: Apache-2.0
 *
 * The environ: a copy of a template and what this request adds. Strings are bytes read as
 * latin-1, as PEP 3333 has it.
 */
#include "base/str.h"
#include "engine/wsgi.h"

#include <string.h>

enum { KEY_MAX = 256 };

/* Fields that requests commonly have: their keys are made once. */
static const char *const common_headers[] = {
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "access-control-request-headers",
    "access-control-request-method",
    "authorization",
    "cache-control",
    "connection",
    "cookie",
    "date",
    "depth",
    "destination",
    "dnt",
    "expect",
    "forwarded",
    "from",
    "host",
    "if",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "lock-token",
    "max-forwards",
    "origin",
    "overwrite",
    "pragma",
    "priority",
    "range",
    "referer",
    "sec-ch-ua",
    "sec-ch-ua-mobile",
    "sec-ch-ua-platform",
    "sec-fetch-dest",
    "sec-fetch-mode",
    "sec-fetch-site",
    "sec-fetch-user",
    "sec-gpc",
    "te",
    "timeout",
    "traceparent",
    "tracestate",
    "transfer-encoding",
    "upgrade",
    "upgrade-insecure-requests",
    "user-agent",
    "via",
    "x-csrftoken",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
    "x-requested-with",
};

static uint32_t hash_name(const char *name, size_t n) {
  uint32_t hash = 2166136261u; /* FNV-1a */
  for (size_t i = 0; i < n; i++)
    hash = (hash ^ (unsigned char)pie_ascii_lower(name[i])) * 16777619u;
  return hash;
}

static PyObject *make_key(const char *name, size_t n) {
  char key[KEY_MAX + 5] = "HTTP_";
  if (n > KEY_MAX) {
    PyErr_SetString(PyExc_ValueError, "a header's name is too long");
    return NULL;
  }
  for (size_t i = 0; i < n; i++) {
    char c = name[i];
    key[5 + i] = c == '-' ? '_' : c >= 'a' && c <= 'z' ? (char)(c - ('a' - 'A')) : c;
  }
  return PyUnicode_DecodeLatin1(key, (Py_ssize_t)(n + 5), NULL);
}

int pie_wsgi_environ_setup(struct pie_state *state) {
  for (size_t i = 0; i < sizeof common_headers / sizeof common_headers[0]; i++) {
    const char *name = common_headers[i];
    size_t n = strlen(name), slot = hash_name(name, n) % PIE_HEADER_SLOTS;
    while (state->header_keys[slot].key)
      slot = (slot + 1) % PIE_HEADER_SLOTS;
    PyObject *key = make_key(name, n);
    if (!key)
      return -1;
    PyUnicode_InternInPlace(&key);
    state->header_keys[slot] = (struct pie_header_key){.name = name, .length = n, .key = key};
  }
  return 0;
}

/* The row of a common field, or NULL. */
static struct pie_header_key *find_header(struct pie_state *state, struct pie_str name) {
  size_t slot = hash_name(name.p, name.n) % PIE_HEADER_SLOTS;
  for (; state->header_keys[slot].key; slot = (slot + 1) % PIE_HEADER_SLOTS) {
    struct pie_header_key *known = &state->header_keys[slot];
    if (pie_str_equal_nocase(name, (struct pie_str){known->name, known->length}))
      return known;
  }
  return NULL;
}

static PyObject *latin1(struct pie_str text) {
  return PyUnicode_DecodeLatin1(text.p, (Py_ssize_t)text.n, NULL);
}

/* Texts that are the same from request to request are made once: *kept is the one made last. */
static PyObject *kept_latin1(PyObject **kept, struct pie_str text) {
  if (!PIE_PY_HAS_GIL || text.n > PIE_KEPT_MAX)
    return latin1(text);
  if (!*kept || (size_t)PyUnicode_GET_LENGTH(*kept) != text.n ||
      memcmp(PyUnicode_1BYTE_DATA(*kept), text.p, text.n) != 0) {
    PyObject *made = latin1(text);
    if (!made)
      return NULL;
    Py_XSETREF(*kept, made);
  }
  return Py_NewRef(*kept);
}

/* Takes value. */
static int put(PyObject *env, PyObject *key, PyObject *value) {
  if (!value)
    return -1;
  int err = PyDict_SetItem(env, key, value);
  Py_DECREF(value);
  return err;
}

static int put_text(PyObject *env, PyObject *key, struct pie_str text) {
  return put(env, key, latin1(text));
}

static int put_if(PyObject *env, PyObject *key, struct pie_str text) {
  return text.n ? put_text(env, key, text) : 0;
}

/* A key that the template holds: gone when the request has no such text. */
static int put_kept(struct pie_state *state, PyObject *env, PyObject *key, enum pie_kept slot,
                    struct pie_str text) {
  return text.n ? put(env, key, kept_latin1(&state->kept[slot], text)) : PyDict_DelItem(env, key);
}

/* A field that came more than once: RFC 9110, 5.3; cookies are joined as RFC 9113, 8.2.3. */
static int join_header(PyObject *env, PyObject *key, struct pie_str name, PyObject **value) {
  PyObject *before = PyDict_GetItemWithError(env, key);
  if (!before)
    return PyErr_Occurred() ? -1 : 0;
  bool cookie = pie_str_equal_nocase(name, PIE_STR("Cookie"));
  Py_SETREF(*value, PyUnicode_FromFormat(cookie ? "%U; %U" : "%U,%U", before, *value));
  return *value ? 0 : -1;
}

static int put_header(struct pie_state *state, PyObject *env, const struct pie_header *header) {
  struct pie_header_key *known = find_header(state, header->name);
  PyObject *key = known ? Py_NewRef(known->key) : make_key(header->name.p, header->name.n);
  PyObject *value = !key    ? NULL
                    : known ? kept_latin1(&known->last, header->value)
                            : latin1(header->value);
  int err = value ? join_header(env, key, header->name, &value) : -1;
  err = err ? err : PyDict_SetItem(env, key, value);
  Py_XDECREF(key);
  Py_XDECREF(value);
  return err;
}

static bool has_own_key(struct pie_str name) {
  return pie_str_equal_nocase(name, PIE_STR("Content-Type")) ||
         pie_str_equal_nocase(name, PIE_STR("Content-Length"));
}

static int put_headers(struct pie_call *call, PyObject *env) {
  const struct pie_request_info *info = call->info;
  int err = 0;
  for (size_t i = 0; i < info->header_count && !err; i++) {
    if (!has_own_key(info->headers[i].name))
      err = put_header(call->state, env, &info->headers[i]);
  }
  return err;
}

static PyObject *method_of(struct pie_state *state, struct pie_str method) {
  if (pie_str_equal(method, PIE_STR("GET")))
    return Py_NewRef(state->s_get);
  if (pie_str_equal(method, PIE_STR("POST")))
    return Py_NewRef(state->s_post);
  return latin1(method);
}

static PyObject *protocol_of(struct pie_state *state, struct pie_str protocol) {
  if (pie_str_equal(protocol, PIE_STR("HTTP/1.1")))
    return Py_NewRef(state->s_http_1_1);
  return latin1(protocol);
}

static int put_body(struct pie_call *call, PyObject *env, PyObject *input) {
  struct pie_state *s = call->state;
  int64_t length = call->info->content_length;
  int err = PyDict_SetItem(env, s->s_wsgi_input, input);
  err = err ? err : put_if(env, s->s_content_type, call->info->content_type);
  if (!err && length >= 0)
    err = put(env, s->s_content_length, PyUnicode_FromFormat("%lld", (long long)length));
  return err;
}

/* SCRIPT_NAME is the host's mount and ours; it is never "/". */
static int put_path(struct pie_call *call, PyObject *env, size_t script) {
  struct pie_state *s = call->state;
  const struct pie_request_info *info = call->info;
  struct pie_str mount = {info->path_info.p, script};
  struct pie_str rest = {info->path_info.p + script, info->path_info.n - script};
  PyObject *name = latin1(info->script_name);
  if (name && script) {
    PyObject *more = latin1(mount);
    if (more)
      PyUnicode_Append(&name, more);
    else
      Py_CLEAR(name);
    Py_XDECREF(more);
  }
  int err = put(env, s->s_script_name, name);
  err = err ? err : put_text(env, s->s_path_info, rest);
  err = err ? err : put_text(env, s->s_query_string, info->query);
  return err ? err : put_text(env, s->s_request_uri, info->target);
}

static int put_peers(struct pie_call *call, PyObject *env) {
  struct pie_state *s = call->state;
  const struct pie_request_info *info = call->info;
  bool secure = pie_str_equal(info->scheme, PIE_STR("https"));
  int err = put_kept(s, env, s->s_server_name, PIE_KEPT_SERVER_NAME, info->server_name);
  err = err ? err : put_kept(s, env, s->s_server_port, PIE_KEPT_SERVER_PORT, info->server_port);
  err = err ? err : put(env, s->s_server_protocol, protocol_of(s, info->protocol));
  err =
      err ? err
          : put_kept(s, env, s->s_server_software, PIE_KEPT_SERVER_SOFTWARE, info->server_software);
  err = err ? err : put_kept(s, env, s->s_remote_addr, PIE_KEPT_REMOTE_ADDR, info->remote_addr);
  err = err ? err : put_kept(s, env, s->s_remote_port, PIE_KEPT_REMOTE_PORT, info->remote_port);
  err = err ? err : put_if(env, s->s_remote_user, info->remote_user);
  err = err ? err : put_if(env, s->s_auth_type, info->auth_type);
  if (!err && secure)
    err = PyDict_SetItem(env, s->s_https, s->s_on) ||
          PyDict_SetItem(env, s->s_wsgi_url_scheme, s->s_https_scheme);
  return err;
}

PyObject *pie_wsgi_environ(struct pie_call *call, size_t script, PyObject *input) {
  struct pie_state *s = call->state;
  PyObject *env = PyDict_Copy(s->template);
  if (!env)
    return NULL;
  int err = put(env, s->s_request_method, method_of(s, call->info->method));
  err = err ? err : put_path(call, env, script);
  err = err ? err : put_peers(call, env);
  err = err ? err : put_headers(call, env);
  err = err ? err : put_body(call, env, input);
  err = err ? err : put_text(env, s->s_request_id, call->info->id);
  if (err)
    Py_CLEAR(env);
  return env;
}
