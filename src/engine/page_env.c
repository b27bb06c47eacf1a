/* SPDX-License-Identifier: Apache-2.0
 *
 * Env: the request's variables as attributes.
 */
#include "engine/page.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"
#include "engine/call.h"
#include "engine/text.h"

#include <string.h>

enum { VALUE_MAX = 64 * 1024, NAME_MAX_BYTES = 256 };

/* ---- what the request itself has ---- */

/* X(name, field of the info) */
#define PIE_VARIABLES(X)                                                                           \
  X("REQUEST_METHOD", method)                                                                      \
  X("QUERY_STRING", query)                                                                         \
  X("REQUEST_URI", target)                                                                         \
  X("UNENCODED_URL", target)                                                                       \
  X("HTTP_URL", target)                                                                            \
  X("SERVER_PROTOCOL", protocol)                                                                   \
  X("HTTP_VERSION", protocol)                                                                      \
  X("SERVER_NAME", server_name)                                                                    \
  X("SERVER_PORT", server_port)                                                                    \
  X("SERVER_SOFTWARE", server_software)                                                            \
  X("REMOTE_ADDR", remote_addr)                                                                    \
  X("REMOTE_PORT", remote_port)                                                                    \
  X("REMOTE_USER", remote_user)                                                                    \
  X("AUTH_TYPE", auth_type)                                                                        \
  X("CONTENT_TYPE", content_type)

static const struct pie_str *plain_field(const struct pie_request_info *info, const char *name) {
#define PIE_VARIABLE(text, field)                                                                  \
  if (strcmp(name, text) == 0)                                                                     \
    return &info->field;
  PIE_VARIABLES(PIE_VARIABLE)
#undef PIE_VARIABLE
  return NULL;
}

static PyObject *join(struct pie_str a, struct pie_str b) {
  PyObject *text = pie_text_new(a), *more = text ? pie_text_new(b) : NULL;
  if (more)
    PyUnicode_Append(&text, more);
  else
    Py_CLEAR(text);
  Py_XDECREF(more);
  return text;
}

static struct pie_str path_from(const struct pie_call *call, size_t from) {
  struct pie_str path = call->info->path_info;
  return (struct pie_str){path.p + from, path.n - from};
}

/* The page's file, or what the path would be as one. */
static PyObject *translated(const struct pie_call *call) {
  const struct pie_page *page = call->page;
  struct pie_str path = path_from(call, page->mount->length);
  if (page->script > page->mount->length)
    path.n = page->script - page->mount->length;
  PyObject *rest = PyUnicode_DecodeFSDefaultAndSize(path.p, (Py_ssize_t)path.n);
  PyObject *text = rest ? PyObject_CallMethod(page->mount->pages, "translated", "O", rest) : NULL;
  Py_XDECREF(rest);
  return text;
}

static PyObject *own_variable(const struct pie_call *call, const char *name, bool *known) {
  const struct pie_request_info *info = call->info;
  struct pie_str script = {info->path_info.p, call->page->script};
  const struct pie_str *field = plain_field(info, name);
  *known = true;
  if (field)
    return pie_text_new(*field);
  if (strcmp(name, "SCRIPT_NAME") == 0)
    return join(info->script_name, script);
  if (strcmp(name, "PATH_INFO") == 0)
    return pie_text_new(path_from(call, call->page->script));
  if (strcmp(name, "URL") == 0)
    return join(info->script_name, info->path_info);
  if (strcmp(name, "SCRIPT_TRANSLATED") == 0 || strcmp(name, "PATH_TRANSLATED") == 0)
    return translated(call);
  if (strcmp(name, "CONTENT_LENGTH") == 0)
    return info->content_length < 0 ? PyUnicode_FromString("")
                                    : PyUnicode_FromFormat("%lld", (long long)info->content_length);
  if (strcmp(name, "HTTPS") == 0)
    return PyUnicode_FromString(pie_str_equal(info->scheme, PIE_STR("https")) ? "on" : "off");
  *known = false;
  return NULL;
}

/* ---- its headers ---- */

/* HTTP_ACCEPT_LANGUAGE is Accept-Language. */
static bool is_header(struct pie_str header, struct pie_str wanted) {
  if (header.n != wanted.n)
    return false;
  for (size_t i = 0; i < header.n; i++) {
    char c = header.p[i] == '-' ? '_' : pie_ascii_lower(header.p[i]);
    if (c != pie_ascii_lower(wanted.p[i]))
      return false;
  }
  return true;
}

static PyObject *header_value(const struct pie_request_info *info, struct pie_str wanted) {
  bool is_cookie = is_header(wanted, PIE_STR("cookie"));
  PyObject *value = NULL;
  for (size_t i = 0; i < info->header_count; i++) {
    const struct pie_header *header = &info->headers[i];
    if (!is_header(header->name, wanted))
      continue;
    PyObject *text = pie_text_new(header->value);
    if (value && text)
      Py_SETREF(text, PyUnicode_FromFormat(is_cookie ? "%U; %U" : "%U,%U", value, text));
    Py_XSETREF(value, text);
    if (!value)
      return NULL;
  }
  return value ? value : PyUnicode_FromString("");
}

/* ---- what only the server knows ---- */

static PyObject *server_variable(struct pie_call *call, const char *name) {
  char small[1024], *large = NULL;
  int n = call->engine->ops->variable(call->request, name, small, sizeof small);
  if (n == -PIE_ETOOBIG && (large = PyMem_Malloc(VALUE_MAX)))
    n = call->engine->ops->variable(call->request, name, large, VALUE_MAX);
  PyObject *value =
      n > 0 ? PyUnicode_DecodeLatin1(large ? large : small, n, NULL) : PyUnicode_FromString("");
  PyMem_Free(large);
  return value;
}

static PyObject *extra_or_server(struct pie_call *call, const char *name) {
  const struct pie_request_info *info = call->info;
  for (size_t i = 0; i < info->extra_count; i++) {
    if (pie_str_equal(info->extras[i].name, pie_str_from(name)))
      return pie_text_new(info->extras[i].value);
  }
  if (!pie_call_enter(call)) {
    pie_call_leave(call);
    return NULL;
  }
  PyObject *value = server_variable(call, name);
  pie_call_leave(call);
  return value;
}

PyObject *pie_page_variable(struct pie_call *call, const char *name) {
  bool known;
  PyObject *value = own_variable(call, name, &known);
  struct pie_str text = pie_str_from(name);
  if (known)
    return value;
  if (pie_str_starts(text, PIE_STR("HTTP_")))
    return header_value(call->info, (struct pie_str){name + 5, text.n - 5});
  return text.n < NAME_MAX_BYTES ? extra_or_server(call, name) : PyUnicode_FromString("");
}

bool pie_page_keeps_alive(const struct pie_call *call) {
  const struct pie_page *page = call->page;
  if (page->close || !page->mount->keep_alive)
    return false;
  return !pie_str_equal(call->info->protocol, PIE_STR("HTTP/1.0"));
}

/* ---- the object ---- */

typedef struct {
  PyObject ob_base;
} PieEnv;

static PyObject *env_getattro(PyObject *self, PyObject *name) {
  const char *text = PyUnicode_AsUTF8(name);
  if (!text || (text[0] == '_' && text[1] == '_'))
    return text ? PyObject_GenericGetAttr(self, name) : NULL;
  struct pie_call *call = pie_call_current();
  if (!call || !call->page) {
    PyErr_SetString(PyExc_Exception, "Not currently processing a request");
    return NULL;
  }
  const struct pie_page *page = call->page;
  if (strcmp(text, "KeepAlive") == 0)
    return PyBool_FromLong(pie_page_keeps_alive(call));
  if (strcmp(text, "HeadersSent") == 0)
    return PyBool_FromLong(page->begun || page->over);
  if (strcmp(text, "DataSent") == 0)
    return PyBool_FromLong((page->begun && page->written) || page->over);
  return pie_page_variable(call, text);
}

static void env_dealloc(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

static PyType_Slot env_slots[] = {
    {Py_tp_doc, (void *)(uintptr_t) "The variables of the request, such as Env.REMOTE_ADDR and "
                                    "Env.HTTP_USER_AGENT: bytes read as latin-1; \"\" for what "
                                    "the request does not have. KeepAlive, HeadersSent and "
                                    "DataSent are bool."},
    {Py_tp_getattro, (void *)(uintptr_t)env_getattro},
    {Py_tp_dealloc, (void *)(uintptr_t)env_dealloc},
    {0, NULL},
};

static PyType_Spec env_spec = {
    .name = "PyISAPIe.Environment",
    .basicsize = sizeof(PieEnv),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = env_slots,
};

int pie_page_env_setup(PyObject *module) {
  PyTypeObject *type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &env_spec, NULL);
  PyObject *env = type ? type->tp_alloc(type, 0) : NULL;
  Py_XDECREF(type);
  int err = env ? PyModule_AddObjectRef(module, "Env", env) : -1;
  Py_XDECREF(env);
  return err;
}
