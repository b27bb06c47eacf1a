/* SPDX-License-Identifier: Apache-2.0
 *
 * The application's call and the way of its result to the client.
 *
 * Outcomes of the parts: 0 the body is complete, -1 an exception is set.
 */
#include "engine/wsgi.h"

#include "base/str.h"
#include "engine/call.h"

enum { PARTS_ON_STACK = 16 };

static int need_response(struct pie_call *call) {
  if (call->responded)
    return 0;
  PyErr_SetString(PyExc_RuntimeError,
                  "the application did not call start_response before it gave the body");
  return -1;
}

static int check_item(PyObject *item) {
  if (PyBytes_Check(item))
    return 0;
  PyErr_Format(PyExc_TypeError, "the body must be made of bytes, not %.100s",
               Py_TYPE(item)->tp_name);
  return -1;
}

/* A list or tuple: all of it at once, with a Content-Length. */
static int send_sequence(struct pie_call *call, PyObject *result) {
  Py_ssize_t count = PySequence_Fast_GET_SIZE(result);
  struct pie_str on_stack[PARTS_ON_STACK], *parts = on_stack;
  if (need_response(call))
    return -1;
  if (count > PARTS_ON_STACK)
    parts = PyMem_Malloc((size_t)count * sizeof *parts);
  PyObject *held = PySequence_Tuple(result); /* another thread may change a list meanwhile */
  if (!parts || !held) {
    if (parts != on_stack)
      PyMem_Free(parts);
    Py_XDECREF(held);
    return held ? (PyErr_NoMemory(), -1) : -1;
  }
  int err = 0;
  count = PyTuple_GET_SIZE(held) < count ? PyTuple_GET_SIZE(held) : count;
  for (Py_ssize_t i = 0; i < count && !err; i++) {
    PyObject *item = PyTuple_GET_ITEM(held, i);
    err = check_item(item);
    if (!err)
      parts[i] = (struct pie_str){PyBytes_AS_STRING(item), (size_t)PyBytes_GET_SIZE(item)};
  }
  if (!err && !(err = pie_wsgi_start_take(call->start))) {
    err = pie_call_write_last(call, parts, (size_t)count);
    pie_wsgi_start_give(call->start);
  }
  if (parts != on_stack)
    PyMem_Free(parts);
  Py_DECREF(held);
  return err;
}

static int send_item(struct pie_call *call, PyObject *item, int flags) {
  if (check_item(item) || need_response(call))
    return -1;
  struct pie_str part = {PyBytes_AS_STRING(item), (size_t)PyBytes_GET_SIZE(item)};
  if (!part.n && !flags)
    return 0;
  if (pie_wsgi_start_take(call->start))
    return -1;
  int err = pie_call_write(call, &part, 1, flags);
  pie_wsgi_start_give(call->start);
  return err;
}

static int send_file(struct pie_call *call, intptr_t file, uint64_t offset, uint64_t length) {
  if (need_response(call) || pie_wsgi_start_take(call->start))
    return -1;
  int err = pie_call_send_file(call, file, offset, length);
  pie_wsgi_start_give(call->start);
  return err;
}

/* A length of one tells that the first item is the whole body (PEP 3333, "Handling the
 * Content-Length Header"). */
static bool has_one_item(PyObject *result) {
  PySequenceMethods *methods = Py_TYPE(result)->tp_as_sequence;
  if (!methods || !methods->sq_length)
    return false;
  Py_ssize_t length = PySequence_Size(result);
  PyErr_Clear();
  return length == 1;
}

/* Anything else: each item is delivered before the next one is asked for. */
static int send_iterable(struct pie_call *call, PyObject *result) {
  bool single = has_one_item(result), over = false;
  if (result == Py_None) {
    PyErr_SetString(PyExc_TypeError, "the application has returned None: it must return its body, "
                                     "an iterable of bytes such as [b\"text\"]");
    return -1;
  }
  PyObject *iterator = PyObject_GetIter(result), *item;
  if (!iterator)
    return -1;
  int err = 0;
  while (!err && (item = PyIter_Next(iterator))) {
    if (!over)
      err = send_item(call, item, single ? PIE_WRITE_FINAL : 0);
    else if (PyObject_IsTrue(item))
      pie_call_log(call, PIE_LOG_WARNING,
                   "the body said it had one item, but has more: they were dropped");
    over = single;
    Py_DECREF(item);
  }
  Py_DECREF(iterator);
  return err || PyErr_Occurred() ? -1 : need_response(call);
}

static int send_result(struct pie_call *call, PyObject *result) {
  intptr_t file;
  uint64_t offset, length;
  if (PyList_CheckExact(result) || PyTuple_CheckExact(result))
    return send_sequence(call, result);
  int is_file = pie_wsgi_file_range(call, result, &file, &offset, &length);
  if (is_file <= 0)
    return is_file < 0 ? -1 : send_iterable(call, result);
  return send_file(call, file, offset, length);
}

/* close() is called exactly once, whatever happened before; an exception that is set stays set. */
static void close_result(struct pie_call *call, PyObject *result) {
  PyObject *pending = pie_py_take_exception();
  PyObject *close = NULL;
  close = PyObject_GetAttr(result, call->state->s_close);
  if (!close)
    PyErr_Clear();
  PyObject *done = close ? PyObject_CallNoArgs(close) : NULL;
  if (close && !done)
    pie_call_log_exception(call, "The close() of the response body failed");
  Py_XDECREF(done);
  Py_XDECREF(close);
  if (pending)
    PyErr_SetObject((PyObject *)Py_TYPE(pending), pending);
  Py_XDECREF(pending);
}

static int call_app(struct pie_call *call, PyObject *app, PyObject *env) {
  PyObject *const args[] = {env, call->start};
  PyObject *result = PyObject_Vectorcall(app, args, 2, NULL);
  if (!result)
    return -1;
  int err = call->passed ? 0 : send_result(call, result);
  if (!PyList_CheckExact(result) && !PyTuple_CheckExact(result))
    close_result(call, result);
  Py_DECREF(result);
  return err;
}

int pie_wsgi_run(struct pie_call *call, PyObject *app, size_t script, PyObject *input,
                 PyObject **env) {
  *env = pie_wsgi_environ(call, script, input);
  call->start = *env ? pie_wsgi_start_new(call) : NULL;
  int err = call->start ? call_app(call, app, *env) : -1;
  /* The application may have kept it: from here on it refuses. */
  if (call->start)
    pie_wsgi_start_close(call->start);
  Py_CLEAR(call->start);
  return err;
}

void pie_wsgi_serve(struct pie_call *call, PyObject *app, size_t script) {
  PyObject *input = pie_wsgi_input_new(call), *env = NULL;
  int err = input ? pie_wsgi_run(call, app, script, input, &env) : -1;
  if (input)
    pie_wsgi_input_close(input);
  if (err)
    pie_call_end_failed(call);
  else
    pie_call_finish(call, true);
  Py_XDECREF(env); /* destructors of what is in it may last: the client has its answer */
  Py_XDECREF(input);
}
