/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/call.h"

#include "base/error.h"
#include "base/str.h"
#include "engine/interp.h"
#include "engine/limit.h"

#include <string.h>

enum { SHOWN_MAX = 32 * 1024 }; /* bytes of a traceback in a response */

static PIE_THREAD_LOCAL struct pie_call *current;

struct pie_call *pie_call_of_thread(void) {
  return current;
}

struct pie_call *pie_call_current(void) {
  return current && current->world->interp == PyInterpreterState_Get() ? current : NULL;
}

void pie_call_set_current(struct pie_call *call) { current = call; }

static const char time_is_over[] = "the request has taken longer than the setting request-timeout";

Py_ssize_t pie_call_read(struct pie_call *call, char *buffer, size_t capacity) {
  int64_t got = -PIE_EGONE;
  if (pie_limit_enter(call)) {
    PyThreadState *state = pie_interp_release_to_host(call->host_idles);
    got = call->engine->ops->read(call->request, buffer, capacity);
    pie_interp_retake_from_host(state);
  }
  pie_limit_leave(call);
  if (got >= 0)
    return (Py_ssize_t)got;
  PyErr_SetString(PyExc_OSError, atomic_load(&call->expired) ? time_is_over
                                 : got == -PIE_ETIMEOUT
                                     ? "the client stopped sending the request body"
                                     : "the client ended the request before its whole body "
                                       "came");
  return -1;
}

bool pie_call_enter(struct pie_call *call) {
  if (pie_limit_enter(call))
    return true;
  PyErr_SetString(PyExc_ConnectionError, time_is_over);
  return false;
}

void pie_call_leave(struct pie_call *call) { pie_limit_leave(call); }

int pie_call_respond(struct pie_call *call, const struct pie_response_head *head) {
  int err = call->engine->ops->respond(call->request, head);
  if (err == -PIE_ENOMEM)
    PyErr_NoMemory();
  else if (err == -PIE_ESTATE)
    PyErr_SetString(PyExc_RuntimeError, "the response has begun already");
  else if (err)
    PyErr_Format(PyExc_ValueError, "the response cannot be sent: %s",
                 call->engine->ops->complaint(call->request));
  return err ? -1 : 0;
}

bool pie_call_head_sent(struct pie_call *call) {
  bool sent = !pie_limit_enter(call) || call->engine->ops->head_sent(call->request);
  pie_limit_leave(call);
  return sent;
}

static int sent(struct pie_call *call, int err) {
  pie_limit_leave(call);
  if (!err)
    return 0;
  call->gone = true;
  PyErr_SetString(PyExc_ConnectionError,
                  atomic_load(&call->expired) ? time_is_over : pie_error_text(err));
  return -1;
}

int pie_call_write(struct pie_call *call, const struct pie_str *parts, size_t count, int flags) {
  if (!pie_limit_enter(call))
    return sent(call, -PIE_EGONE);
  PyThreadState *state = pie_interp_release_to_host(call->host_idles);
  int err = call->engine->ops->write(call->request, parts, count, flags);
  pie_interp_retake_from_host(state);
  return sent(call, err);
}

static size_t total_of(const struct pie_str *parts, size_t count) {
  size_t total = 0;
  for (size_t i = 0; i < count; i++)
    total += parts[i].n;
  return total;
}

int pie_call_write_last(struct pie_call *call, const struct pie_str *parts, size_t count) {
  struct pie_parting *parting = call->parting;
  if (!parting || total_of(parts, count) > sizeof parting->bytes - parting->n)
    return pie_call_write(call, parts, count, PIE_WRITE_FINAL);
  if (!pie_limit_enter(call))
    return sent(call, -PIE_EGONE);
  for (size_t i = 0; i < count; i++) {
    memcpy(parting->bytes + parting->n, parts[i].p, parts[i].n);
    parting->n += parts[i].n;
  }
  parting->has_last = true;
  return sent(call, 0);
}

int pie_call_send_file(struct pie_call *call, intptr_t file, uint64_t offset, uint64_t length) {
  if (!pie_limit_enter(call))
    return sent(call, -PIE_EGONE);
  /* Reading the file may block, of which the host knows nothing. */
  PyThreadState *state = pie_interp_release();
  int err = call->engine->ops->send_file(call->request, file, offset, length, PIE_WRITE_FINAL);
  pie_interp_retake_from_host(state);
  return sent(call, err);
}

void pie_call_wait_for(struct pie_call *call, const atomic_bool *busy) {
  if (!atomic_load(busy))
    return;
  pie_call_log(call, PIE_LOG_ERROR,
               "the application has returned while another thread of its still reads or writes: "
               "the connection is ended");
  PyThreadState *state = pie_interp_release();
  call->engine->ops->abort(call->request); /* while the other one is in the door */
  pie_interp_retake(state);
  while (atomic_load(busy)) {
    state = pie_interp_release();
    pie_thread_sleep_ms(1);
    pie_interp_retake(state);
  }
}

void pie_call_finish(struct pie_call *call, bool whole) {
  pie_call_set_current(NULL); /* its id goes with the request */
  pie_limit_enter_last(call);
  if (call->parting) {
    call->parting->has_end = true;
    call->parting->whole = whole;
  } else {
    PyThreadState *state = pie_interp_release_to_host(call->host_idles);
    call->engine->ops->finish(call->request, whole);
    pie_interp_retake_from_host(state);
  }
  pie_limit_leave(call);
}

void pie_call_part(struct pie_call *call) {
  struct pie_parting *parting = call->parting;
  struct pie_str last = {parting->bytes, parting->n};
  /* Where its time was over meanwhile the door refuses, if it has given another answer. */
  if (parting->has_last)
    call->engine->ops->write(call->request, &last, 1, PIE_WRITE_FINAL);
  if (parting->has_end)
    call->engine->ops->finish(call->request, parting->whole);
}

void pie_call_fail(struct pie_call *call, const struct pie_failure *failure) {
  pie_call_set_current(NULL); /* its id goes with the request */
  pie_limit_enter_last(call);
  PyThreadState *state = pie_interp_release_to_host(call->host_idles);
  call->engine->ops->fail(call->request, failure);
  pie_interp_retake_from_host(state);
  pie_limit_leave(call);
}

struct pie_log_origin pie_call_origin(const struct pie_call *call) {
  const struct pie_request_info *info = call->info;
  return (struct pie_log_origin){info->id, info->app, info->root, info->config};
}

void pie_call_log(const struct pie_call *call, enum pie_log_level level, const char *text) {
  struct pie_log_origin origin = pie_call_origin(call);
  call->engine->ops->log(call->engine->door, &origin, level, pie_str_from(text));
}

/* Logs the exception that is set, and clears it: its text, or NULL when there is none. */
static PyObject *log_exception(struct pie_call *call, const char *where) {
  struct pie_engine *engine = call->engine;
  struct pie_log_origin origin = pie_call_origin(call);
  PyObject *exception = pie_py_take_exception();
  PyObject *text =
      exception ? PyObject_CallMethod(call->world->support, "describe", "Os", exception, where)
                : NULL;
  Py_ssize_t n = 0;
  const char *bytes = text ? PyUnicode_AsUTF8AndSize(text, &n) : NULL;
  if (bytes) {
    struct pie_str message = {bytes, (size_t)n};
    engine->ops->log(engine->door, &origin, PIE_LOG_ERROR, message);
  } else {
    PyErr_Clear();
    pie_call_log(call, PIE_LOG_ERROR, where);
  }
  Py_XDECREF(exception);
  return text;
}

void pie_call_log_exception(struct pie_call *call, const char *where) {
  Py_XDECREF(log_exception(call, where));
}

/* The end of a text that is too long says most. */
static const char *last_of(PyObject *text) {
  Py_ssize_t n = 0;
  const char *bytes = text ? PyUnicode_AsUTF8AndSize(text, &n) : NULL;
  if (!bytes) {
    PyErr_Clear();
    return NULL;
  }
  if (n <= SHOWN_MAX)
    return bytes;
  bytes += n - SHOWN_MAX;
  while ((*bytes & 0xC0) == 0x80) /* within a character */
    bytes++;
  return bytes;
}

static void fail(struct pie_call *call, PyObject *traceback) {
  const struct pie_failure failure = {
      .status = 500,
      .summary = "The application failed while it handled the request.",
      .detail = last_of(traceback),
      .advice = "Its traceback is in the error log, under the reference below. The setting "
                "show-tracebacks brings it here.",
      .in_request = true,
  };
  pie_call_fail(call, &failure);
}

void pie_call_end_failed(struct pie_call *call) {
  if (atomic_load(&call->expired)) { /* answered already, and the stack is logged */
    PyErr_Clear();
    pie_call_log(call, PIE_LOG_WARNING, "the request that took too long has ended");
    pie_call_finish(call, false);
    return;
  }
  if (call->gone) {
    PyErr_Clear();
    pie_call_log(call, PIE_LOG_DEBUG, "the client went away before it had the whole response");
    pie_call_finish(call, false);
    return;
  }
  PyObject *traceback = log_exception(call, "The application failed");
  if (pie_call_head_sent(call))
    pie_call_finish(call, false);
  else
    fail(call, traceback);
  Py_XDECREF(traceback);
}
