/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/server.h"

#include "base/check.h"
#include "base/error.h"
#include "base/str.h"
#include "engine/call.h"
#include "engine/interp.h"

enum { NAME_MAX_BYTES = 1024 };

static PIE_THREAD_LOCAL int taken; /* how often this thread has taken a user's token */

static struct pie_call *current(void) {
  struct pie_call *call = pie_call_current();
  if (!call)
    PyErr_SetString(PyExc_RuntimeError,
                    "this thread serves no request now: call this while the application does");
  return call;
}

/* ---- who asks ---- */

static intptr_t token_of(struct pie_call *call) { return call->engine->ops->token(call->request); }

PyObject *pie_server_token(PyObject *module, PyObject *unused) {
  struct pie_call *call = current();
  (void)module, (void)unused;
  return call ? PyLong_FromLongLong(token_of(call)) : NULL;
}

static int take(struct pie_call *call) {
  intptr_t token = token_of(call);
  int err = token ? pie_token_take(token) : -PIE_ENOTSUP;
  taken += !err;
  return err;
}

/* Whoever goes on with somebody else's rights must not go on. */
static void give_back(void) {
  if (--taken == 0)
    PIE_CHECK(pie_token_give_back());
}

PyObject *pie_server_impersonate(PyObject *module, PyObject *on) {
  struct pie_call *call = current();
  int begins = PyObject_IsTrue(on);
  (void)module;
  if (!call || begins < 0)
    return NULL;
  if (!begins && taken <= call->engine->config.impersonate) {
    PyErr_SetString(PyExc_RuntimeError, "this thread does not act as a user");
    return NULL;
  }
  int err = 0;
  if (begins)
    err = take(call);
  else
    give_back();
  if (!err)
    Py_RETURN_NONE;
  PyErr_SetString(PyExc_OSError, err == -PIE_ENOTSUP
                                     ? "the web server gives no token of the user: only IIS does"
                                     : "the user's token cannot be taken");
  return NULL;
}

PyObject *pie_server_whoami(PyObject *module, PyObject *unused) {
  char name[NAME_MAX_BYTES];
  (void)module, (void)unused;
  int n = pie_token_name(name, sizeof name);
  if (n >= 0)
    return PyUnicode_DecodeUTF8(name, n, "replace");
  PyErr_SetString(PyExc_OSError, n == -PIE_ENOTSUP ? "only Windows has accounts of threads"
                                                   : "the account's name cannot be found");
  return NULL;
}

static const struct pie_failure no_token = {
    .status = 500,
    .summary = "The setting impersonate is on, but the web server gives no token of the user.",
    .advice = "Only IIS does, with authentication or for its anonymous user. Turn impersonate off "
              "elsewhere.",
};

bool pie_server_begin(struct pie_call *call) {
  if (!call->engine->config.impersonate || take(call) == 0)
    return true;
  pie_call_fail(call, &no_token);
  return false;
}

void pie_server_end(struct pie_call *call) {
  if (!taken)
    return;
  if (taken > call->engine->config.impersonate)
    pie_engine_log(call->engine, PIE_LOG_WARNING,
                   "the application has not ended pyisapie.windows.impersonate: ended for it");
  taken = 1;
  give_back();
}

/* ---- the server answers itself ---- */

/* NULL with an exception: it is no text, or not one that belongs into a request. IIS would read
 * other bytes than ASCII by the system's code page. */
static const char *url_of(PyObject *url) {
  Py_ssize_t n;
  const char *text = PyUnicode_AsUTF8AndSize(url, &n);
  bool good = text && *text == '/';
  for (Py_ssize_t i = 0; good && i < n; i++)
    good = text[i] > ' ' && (unsigned char)text[i] < 0x7f;
  if (text && !good)
    PyErr_SetString(PyExc_ValueError, "the URL must begin with a slash, and have only ASCII "
                                      "characters and no spaces: encode the others (%20)");
  return good ? text : NULL;
}

/* 0, or a negative error: what the door says. */
static int pass_on(struct pie_call *call, const char *url, int *status) {
  PyThreadState *state = pie_interp_release();
  int err = call->engine->ops->pass_on(call->request, url, status);
  pie_interp_retake(state);
  call->passed = call->passed || !err;
  return err;
}

PyObject *pie_server_pass_on(PyObject *module, PyObject *url) {
  struct pie_call *call = current();
  const char *text = NULL;
  int status = 0;
  (void)module;
  if (!call || (url != Py_None && !(text = url_of(url))))
    return NULL;
  if (!pie_call_enter(call)) {
    pie_call_leave(call);
    return NULL;
  }
  int err = pass_on(call, text, &status);
  pie_call_leave(call);
  if (!err)
    return PyLong_FromLong(status);
  if (err == -PIE_ESTATE)
    PyErr_SetString(PyExc_RuntimeError,
                    "the response has begun already, or another thread reads the request");
  else if (err == -PIE_ENOTSUP)
    PyErr_SetString(PyExc_NotImplementedError, "this web server cannot take a request back");
  else
    PyErr_SetString(PyExc_OSError, "the web server has not answered the request");
  return NULL;
}

static bool ends_name(struct pie_str path, size_t at) {
  return at >= path.n ||
         !((path.p[at] >= '0' && path.p[at] <= '9') ||
           (pie_ascii_lower(path.p[at]) >= 'a' && pie_ascii_lower(path.p[at]) <= 'z'));
}

/* Whether this may lead to source: .py, .pyc, .pyw and so on at the end of a name, whatever a file
 * system makes of what follows there ("page.py.", "page.py::$DATA"). */
static bool may_be_source(struct pie_str path) {
  for (size_t i = 0; i + 3 <= path.n; i++) {
    struct pie_str rest = {path.p + i, path.n - i};
    if (pie_str_starts_nocase(rest, PIE_STR(".py")) &&
        (ends_name(path, i + 3) || ends_name(path, i + 4)))
      return true;
  }
  return false;
}

/* What the server has, or where it cannot take a request back, what the folder has. */
static int pass_page(struct pie_call *call, const struct pie_mount *mount) {
  struct pie_str path = call->info->path_info;
  int status = 0;
  if (may_be_source(path))
    return -PIE_ENOENT;
  int err = pass_on(call, NULL, &status);
  if (err != -PIE_ENOTSUP)
    return err;
  path = (struct pie_str){path.p + mount->length, path.n - mount->length};
  PyThreadState *state = pie_interp_release();
  err = call->engine->ops->serve_file(call->request, mount->folder, path, true);
  pie_interp_retake(state);
  call->passed = call->passed || !err;
  return err;
}

int pie_server_pass_page(struct pie_call *call, const struct pie_mount *mount) {
  int err = pie_call_enter(call) ? pass_page(call, mount) : -PIE_EGONE;
  pie_call_leave(call);
  PyErr_Clear();
  return err;
}
