/* SPDX-License-Identifier: Apache-2.0
 *
 * The environ: a copy of a template and what this request adds. Strings are bytes read as
 * latin-1, as PEP 3333 has it.
 *
 * The template holds every key that each request has. What mostly stays the same from request to
 * request (PIE_KEPT_*) is set in the template, when it changes, and comes with the copy. Between
 * the two nobody else runs Python; where there is no GIL nothing is kept.
 */
#include "base/str.h"
#include "engine/text.h"
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

/* Texts that are the same from request to request are made once: *kept is the one made last. */
static PyObject *kept_latin1(PyObject **kept, struct pie_str text) {
  if (!PIE_PY_HAS_GIL || text.n > PIE_KEPT_MAX)
    return pie_text_new(text);
  if (!*kept || (size_t)PyUnicode_GET_LENGTH(*kept) != text.n ||
      memcmp(PyUnicode_1BYTE_DATA(*kept), text.p, text.n) != 0) {
    PyObject *made = pie_text_new(text);
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
  return put(env, key, pie_text_new(text));
}

static int put_if(PyObject *env, PyObject *key, struct pie_str text) {
  return text.n ? put_text(env, key, text) : 0;
}

static bool is_kept(struct pie_str text) {
  return PIE_PY_HAS_GIL && text.n && text.n <= PIE_KEPT_MAX;
}

/* Before the copy: has the template hold the text. */
static int keep(struct pie_state *state, enum pie_kept slot, PyObject *key, struct pie_str text) {
  PyObject *before = state->kept[slot];
  if (!is_kept(text))
    return 0;
  if (before && (size_t)PyUnicode_GET_LENGTH(before) == text.n &&
      memcmp(PyUnicode_1BYTE_DATA(before), text.p, text.n) == 0)
    return 0;
  PyObject *made = pie_text_new(text);
  if (!made || PyDict_SetItem(state->template, key, made)) {
    Py_XDECREF(made);
    return -1;
  }
  Py_XSETREF(state->kept[slot], made);
  return 0;
}

/* After the copy: what is not kept, or not there. */
static int put_unkept(PyObject *env, PyObject *key, struct pie_str text) {
  if (is_kept(text))
    return 0;
  return text.n ? put_text(env, key, text) : PyDict_DelItem(env, key);
}

/* X(slot, string, field of the info) */
#define PIE_KEPT_FIELDS(X)                                                                         \
  X(REQUEST_METHOD, request_method, method)                                                        \
  X(SERVER_NAME, server_name, server_name)                                                         \
  X(SERVER_PORT, server_port, server_port)                                                         \
  X(SERVER_PROTOCOL, server_protocol, protocol)                                                    \
  X(SERVER_SOFTWARE, server_software, server_software)                                             \
  X(REMOTE_ADDR, remote_addr, remote_addr)                                                         \
  X(REMOTE_PORT, remote_port, remote_port)

static PyObject *copy_template(struct pie_state *s, const struct pie_request_info *info) {
#define PIE_KEEP(slot, string, field)                                                              \
  if (keep(s, PIE_KEPT_##slot, s->s_##string, info->field))                                        \
    return NULL;
  PIE_KEPT_FIELDS(PIE_KEEP)
#undef PIE_KEEP
  PyObject *env = PyDict_Copy(s->template);
#define PIE_PUT(slot, string, field)                                                               \
  if (env && put_unkept(env, s->s_##string, info->field))                                          \
    Py_CLEAR(env);
  PIE_KEPT_FIELDS(PIE_PUT)
#undef PIE_PUT
  return env;
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
                            : pie_text_new(header->value);
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

static int put_extras(struct pie_call *call, PyObject *env) {
  const struct pie_request_info *info = call->info;
  int err = 0;
  for (size_t i = 0; i < info->extra_count && !err; i++) {
    PyObject *key = pie_text_new(info->extras[i].name);
    err = key ? put(env, key, pie_text_new(info->extras[i].value)) : -1;
    Py_XDECREF(key);
  }
  return err;
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

/* The host's mount and ours; it is never "/". In the template it is empty. */
static int put_script_name(PyObject *env, PyObject *key, struct pie_str host, struct pie_str ours) {
  if (!host.n && !ours.n)
    return 0;
  PyObject *name = pie_text_new(host);
  PyObject *more = name ? pie_text_new(ours) : NULL;
  if (more)
    PyUnicode_Append(&name, more);
  else
    Py_CLEAR(name);
  Py_XDECREF(more);
  return put(env, key, name);
}

static int put_path(struct pie_call *call, PyObject *env, size_t script) {
  struct pie_state *s = call->state;
  const struct pie_request_info *info = call->info;
  struct pie_str mount = {info->path_info.p, script};
  struct pie_str rest = {info->path_info.p + script, info->path_info.n - script};
  PyObject *path = pie_text_new(rest);
  if (!path)
    return -1;
  PyObject *target =
      pie_str_equal(rest, info->target) ? Py_NewRef(path) : pie_text_new(info->target);
  int err = PyDict_SetItem(env, s->s_path_info, path);
  Py_DECREF(path);
  err = put(env, s->s_request_uri, target) || err;
  err = put_script_name(env, s->s_script_name, info->script_name, mount) || err;
  return err || (info->query.n && put_text(env, s->s_query_string, info->query)) ? -1 : 0;
}

static int put_peer(struct pie_call *call, PyObject *env) {
  struct pie_state *s = call->state;
  const struct pie_request_info *info = call->info;
  int err = put_if(env, s->s_remote_user, info->remote_user);
  err = err ? err : put_if(env, s->s_auth_type, info->auth_type);
  if (!err && pie_str_equal(info->scheme, PIE_STR("https")))
    err = PyDict_SetItem(env, s->s_https, s->s_on) ||
          PyDict_SetItem(env, s->s_wsgi_url_scheme, s->s_https_scheme);
  return err;
}

PyObject *pie_wsgi_environ(struct pie_call *call, size_t script, PyObject *input) {
  struct pie_state *s = call->state;
  PyObject *env = copy_template(s, call->info);
  if (!env)
    return NULL;
  int err = put_path(call, env, script);
  err = err ? err : put_peer(call, env);
  err = err ? err : put_headers(call, env);
  err = err ? err : put_extras(call, env);
  err = err ? err : put_body(call, env, input);
  err = err ? err : put_text(env, s->s_request_id, call->info->id);
  if (err)
    Py_CLEAR(env);
  return env;
}
