/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a page's request: its handler's call, and the way of what it writes to the client.
 */
#include "engine/page.h"

#include "base/error.h"
#include "base/status.h"
#include "base/str.h"
#include "engine/call.h"
#include "engine/server.h"
#include "engine/wsgi.h"

#include <stdio.h>
#include <string.h>

enum { HEADERS_ON_STACK = 32 };

/* ---- the head of the response ---- */

static bool has_header(const struct pie_page *page, struct pie_str name) {
  struct pie_str rest = pie_buf_str(&page->headers);
  while (rest.n) {
    struct pie_str known = pie_str_cut(&rest, '\0');
    pie_str_cut(&rest, '\0');
    if (pie_str_equal_nocase(known, name))
      return true;
  }
  return false;
}

/* Of a tuple of pairs of bytes. */
static struct pie_header configured(PyObject *tuple, Py_ssize_t i) {
  PyObject *pair = PyTuple_GET_ITEM(tuple, i);
  PyObject *name = PyTuple_GET_ITEM(pair, 0), *value = PyTuple_GET_ITEM(pair, 1);
  return (struct pie_header){{PyBytes_AS_STRING(name), (size_t)PyBytes_GET_SIZE(name)},
                             {PyBytes_AS_STRING(value), (size_t)PyBytes_GET_SIZE(value)}};
}

struct list {
  struct pie_header *items;
  size_t count, max;
};

static void add(struct list *list, struct pie_header header) {
  if (list->count < list->max)
    list->items[list->count++] = header;
}

static void add_extras(struct list *list, struct pie_call *call) {
  const struct pie_page *page = call->page;
  struct pie_str rest = pie_buf_str(&page->headers);
  while (rest.n) {
    struct pie_str name = pie_str_cut(&rest, '\0');
    add(list, (struct pie_header){name, pie_str_cut(&rest, '\0')});
  }
  PyObject *statics = page->mount->static_headers;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(statics); i++)
    add(list, configured(statics, i));
  if (page->close || !page->mount->keep_alive)
    add(list, (struct pie_header){PIE_STR("Connection"), PIE_STR("close")});
}

size_t pie_page_extra_count(const struct pie_call *call) {
  return call->page->header_count + 1 + (size_t)PyTuple_GET_SIZE(call->page->mount->static_headers);
}

void pie_page_extra_headers(struct pie_call *call, struct pie_header *headers, size_t *count) {
  struct list list = {headers, *count, *count + pie_page_extra_count(call)};
  add_extras(&list, call);
  *count = list.count;
}

static int give_head(struct pie_call *call, struct list list, int64_t length) {
  struct pie_page *page = call->page;
  char digits[24];
  add_extras(&list, call);
  PyObject *defaults = page->mount->default_headers;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(defaults); i++) {
    struct pie_header header = configured(defaults, i);
    if (!has_header(page, header.name))
      add(&list, header);
  }
  if (length >= 0) {
    int n = snprintf(digits, sizeof digits, "%lld", (long long)length);
    add(&list, (struct pie_header){PIE_STR("Content-Length"), {digits, (size_t)n}});
  }
  int status = page->status ? page->status : 200;
  struct pie_str reason = pie_buf_str(&page->reason);
  const struct pie_response_head head = {.status = status,
                                         .reason = reason.n ? reason : pie_status_reason(status),
                                         .headers = list.items,
                                         .header_count = list.count};
  bool on_time = pie_call_enter(call);
  int err = on_time ? pie_call_respond(call, &head) : -1;
  pie_call_leave(call);
  page->begun = !err;
  return err;
}

static int begin(struct pie_call *call, int64_t length) {
  struct pie_header on_stack[HEADERS_ON_STACK], *items = on_stack;
  size_t max = pie_page_extra_count(call) +
               (size_t)PyTuple_GET_SIZE(call->page->mount->default_headers) +
               1 /* Content-Length */;
  if (max > HEADERS_ON_STACK && !(items = PyMem_Malloc(max * sizeof *items))) {
    PyErr_NoMemory();
    return -1;
  }
  int err = give_head(call, (struct list){items, 0, max}, length);
  if (items != on_stack)
    PyMem_Free(items);
  return err;
}

int pie_page_begin(struct pie_call *call) {
  return call->page->begun ? 0 : begin(call, call->page->length);
}

/* ---- the body ---- */

/* What is kept, and these bytes. */
static int send_now(struct pie_call *call, struct pie_str bytes) {
  struct pie_page *page = call->page;
  const struct pie_str parts[] = {pie_buf_str(&page->out), bytes};
  if (pie_page_begin(call))
    return -1;
  int err = pie_call_write(call, parts, 2, 0);
  pie_buf_clear(&page->out);
  return err;
}

int pie_page_write(struct pie_call *call, struct pie_str bytes) {
  struct pie_page *page = call->page;
  if (page->length >= 0 && (int64_t)bytes.n > page->length - page->written) {
    PyErr_Format(PyExc_ValueError, "more is written than the Length of %lld bytes",
                 (long long)page->length);
    return -1;
  }
  if (!bytes.n)
    return 0;
  page->written += (int64_t)bytes.n;
  size_t room = page->mount->buffer_size;
  if (!page->buffered || page->out.n > room || bytes.n > room - page->out.n)
    return send_now(call, bytes);
  if (pie_buf_add(&page->out, bytes) == 0)
    return 0;
  PyErr_NoMemory();
  return -1;
}

PyObject *pie_page_input(struct pie_call *call) {
  if (!call->page->input && call->page->ended) {
    PyErr_SetString(PyExc_Exception, "The body cannot be read any more: the handler has ended");
    return NULL;
  }
  if (!call->page->input)
    call->page->input = pie_wsgi_input_new(call);
  return call->page->input;
}

/* ---- the end ---- */

/* A response to HEAD tells the length of what it leaves out. */
static int64_t length_of_all(const struct pie_call *call) {
  const struct pie_page *page = call->page;
  bool is_head = pie_str_equal(call->info->method, PIE_STR("HEAD"));
  return page->length >= 0 || !is_head || page->status == 304 ? page->length : page->written;
}

static int send_rest(struct pie_call *call) {
  struct pie_page *page = call->page;
  const struct pie_str rest = pie_buf_str(&page->out);
  if (page->begun && !rest.n)
    return 0;
  if (!page->begun && begin(call, length_of_all(call)))
    return -1;
  return pie_call_write_last(call, &rest, rest.n ? 1 : 0);
}

static void answer_nothing(struct pie_call *call) {
  static const char text[] = "404 Not Found: there is nothing here.\n";
  static const char header[] = "Content-Type\0text/plain; charset=utf-8";
  struct pie_page *page = call->page;
  page->status = 404;
  pie_buf_clear(&page->headers);
  pie_buf_clear(&page->out);
  pie_buf_clear(&page->reason);
  pie_buf_append(&page->headers, header, sizeof header);
  page->header_count = 1;
  page->length = -1;
  page->buffered = true;
  page->written = 0;
  int err = pie_page_write(call, PIE_STR(text)) || send_rest(call);
  PyErr_Clear();
  pie_call_finish(call, !err);
}

/* The handler has returned True: the server is to answer. */
static void pass_on(struct pie_call *call) {
  struct pie_page *page = call->page;
  if (page->begun) {
    pie_call_log(call, PIE_LOG_WARNING,
                 "the handler has returned True after it has begun its response: it stands");
    pie_call_finish(call, send_rest(call) == 0);
    PyErr_Clear();
    return;
  }
  int passed = pie_server_pass_page(call, page->mount);
  if (passed == 0)
    pie_call_finish(call, true);
  else if (passed == -PIE_ENOENT)
    answer_nothing(call);
  else
    pie_call_finish(call, false);
}

/* The handler has failed after the client had the whole response. */
static void end_over(struct pie_call *call) {
  pie_call_log_exception(call, "The handler failed after its response was complete");
  pie_call_finish(call, true);
}

static bool is_coroutine(PyObject *result) {
  if (!result || !PyCoro_CheckExact(result))
    return false;
  PyErr_SetString(PyExc_TypeError, "Request() is an async function, which pages cannot be: it "
                                   "must be a plain one");
  return true;
}

static void end(struct pie_call *call, PyObject *result) {
  struct pie_page *page = call->page;
  if (is_coroutine(result))
    result = NULL;
  bool failed = !result && (call->responded || !PyErr_ExceptionMatches(PyExc_SystemExit));
  if (!failed)
    PyErr_Clear();
  if (failed && page->over)
    end_over(call);
  else if (failed)
    pie_call_end_failed(call);
  else if (page->over || page->broken || call->passed)
    pie_call_finish(call, !page->broken);
  else if (result == Py_True)
    pass_on(call);
  else if (send_rest(call))
    pie_call_end_failed(call);
  else
    pie_call_finish(call, true);
}

static void page_init(struct pie_page *page, const struct pie_mount *mount) {
  *page = (struct pie_page){
      .mount = mount, .script = mount->length, .length = -1, .buffered = mount->buffer_size > 0};
  pie_buf_init(&page->out, PIE_PAGE_BUFFER_MAX);
  pie_buf_init(&page->headers, PIE_PAGE_HEADERS_MAX);
  pie_buf_init(&page->reason, 256);
}

static void page_free(struct pie_page *page) {
  pie_buf_free(&page->out);
  pie_buf_free(&page->headers);
  pie_buf_free(&page->reason);
}

void pie_page_serve(struct pie_call *call, const struct pie_mount *mount) {
  struct pie_page page;
  page_init(&page, mount);
  call->page = &page;
  PyObject *result = PyObject_CallNoArgs(mount->app);
  page.ended = true; /* code still runs: destructors, and the text of an exception */
  if (page.input)
    pie_wsgi_input_close(page.input);
  end(call, result);
  Py_XDECREF(result);
  Py_XDECREF(page.input);
  page_free(&page);
}

/* ---- which interpreter ---- */

static PyObject *ask_map(struct pie_call *call, PyObject *map) {
  if (!PyUnicode_Check(map))
    return PyObject_CallNoArgs(map);
  const char *name = PyUnicode_AsUTF8(map);
  PyObject *value = name ? pie_page_variable(call, name) : NULL;
  PyObject *lower =
      value ? PyObject_CallMethod(value, "lower", NULL) : NULL; /* as names of hosts are */
  Py_XDECREF(value);
  return lower;
}

PyObject *pie_page_interpreter(struct pie_call *call, const struct pie_mount *mount) {
  struct pie_page page;
  page_init(&page, mount);
  page.begun = page.over = true; /* it may ask, and not answer */
  call->page = &page;
  PyObject *name = ask_map(call, mount->interpreter_map);
  if (page.input)
    pie_wsgi_input_close(page.input);
  Py_XDECREF(page.input);
  call->page = NULL;
  page_free(&page);
  if (!name || name == Py_None || PyUnicode_Check(name))
    return name;
  PyErr_Format(PyExc_TypeError, "InterpreterMap must give a str or None, not %.100s",
               Py_TYPE(name)->tp_name);
  Py_DECREF(name);
  return NULL;
}
