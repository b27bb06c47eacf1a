/* SPDX-License-Identifier: Apache-2.0
 *
 * start_response and the write callable it returns (PEP 3333): one object, which is write() when it
 * is called with one argument, so that the common case makes no second one. Both run with the
 * object's lock, but for the time in which write() waits for the client: then busy is set. It is,
 * too, while the request's own thread sends what the application has returned.
 */
#include "base/error.h"
#include "base/str.h"
#include "engine/call.h"
#include "engine/page.h"
#include "engine/text.h"
#include "engine/wsgi.h"

enum { HEADERS_ON_STACK = 32, HEADERS_MAX = 10000 };

typedef struct {
  PyObject_HEAD vectorcallfunc vectorcall;
  struct pie_call *call; /* NULL when the request is over */
  atomic_bool busy;      /* a thread sends, without the lock */
} PieWsgiStart;

int pie_wsgi_start_take(PyObject *start) {
  PieWsgiStart *self = (PieWsgiStart *)start;
  if (!atomic_exchange(&self->busy, true))
    return 0;
  PyErr_SetString(PyExc_RuntimeError, "another thread is in write() or start_response()");
  return -1;
}

void pie_wsgi_start_give(PyObject *start) { atomic_store(&((PieWsgiStart *)start)->busy, false); }

/* "200 OK" */
static int parse_status(PyObject *object, struct pie_response_head *head) {
  struct pie_str text;
  int64_t code = 0;
  if (pie_text_bytes(object, "the status", &text))
    return -1;
  struct pie_str digits = {text.p, text.n < 3 ? text.n : 3};
  bool good = text.n >= 3 && pie_str_to_int64(digits, &code) == 0 && code >= 100 &&
              (text.n == 3 || text.p[3] == ' ');
  if (!good) {
    PyErr_Format(PyExc_ValueError, "the status must look like '200 OK', not %R", object);
    return -1;
  }
  head->status = (int)code;
  head->reason = text.n > 4 ? (struct pie_str){text.p + 4, text.n - 4} : PIE_STR("");
  return 0;
}

static int parse_header(PyObject *pair, struct pie_header *out) {
  if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2) {
    PyErr_Format(PyExc_TypeError, "a header must be a tuple (name, value), not %R", pair);
    return -1;
  }
  return pie_text_bytes(PyTuple_GET_ITEM(pair, 0), "a header's name", &out->name) ||
                 pie_text_bytes(PyTuple_GET_ITEM(pair, 1), "a header's value", &out->value)
             ? -1
             : 0;
}

static int take_response(struct pie_call *call, PyObject *status, PyObject *headers) {
  struct pie_header on_stack[HEADERS_ON_STACK], *list = on_stack;
  struct pie_response_head head = {0};
  if (!PyList_Check(headers)) {
    PyErr_Format(PyExc_TypeError, "the headers must be a list, not %.100s",
                 Py_TYPE(headers)->tp_name);
    return -1;
  }
  Py_ssize_t count = PyList_GET_SIZE(headers);
  if (count > HEADERS_MAX) {
    PyErr_Format(PyExc_ValueError, "more than %d headers", HEADERS_MAX);
    return -1;
  }
  if (parse_status(status, &head))
    return -1;
  size_t room = (size_t)count + (call->page ? pie_page_extra_count(call) : 0);
  if (room > HEADERS_ON_STACK && !(list = PyMem_Malloc(room * sizeof *list))) {
    PyErr_NoMemory();
    return -1;
  }
  int err = 0;
  for (Py_ssize_t i = 0; i < count && !err; i++)
    err = parse_header(PyList_GET_ITEM(headers, i), &list[i]);
  head.headers = list;
  head.header_count = (size_t)count;
  if (call->page && !err)
    pie_page_extra_headers(call, list, &head.header_count);
  err = err ? err : pie_call_respond(call, &head);
  if (list != on_stack)
    PyMem_Free(list);
  return err;
}

/* A second call is for errors: it replaces the first, or, when that has left, raises again. */
static int check_again(struct pie_call *call, PyObject *exc_info) {
  bool has_info = exc_info && exc_info != Py_None;
  if (has_info && (!PyTuple_Check(exc_info) || PyTuple_GET_SIZE(exc_info) != 3)) {
    PyErr_SetString(PyExc_TypeError, "exc_info must be a tuple as sys.exc_info() gives it");
    return -1;
  }
  if (has_info && call->engine->ops->head_sent(call->request)) {
    PyObject *value = PyTuple_GET_ITEM(exc_info, 1);
    PyErr_SetObject((PyObject *)Py_TYPE(value), value);
    return -1;
  }
  if (!has_info && call->responded) {
    PyErr_SetString(PyExc_AssertionError,
                    "start_response was called again without exc_info (PEP 3333)");
    return -1;
  }
  return 0;
}

static PyObject *write_locked(PieWsgiStart *self, PyObject *data) {
  if (!self->call) {
    PyErr_SetString(PyExc_RuntimeError, "write() was called after the end of the request");
    return NULL;
  }
  if (!PyBytes_Check(data)) {
    PyErr_Format(PyExc_TypeError, "write() takes bytes, not %.100s", Py_TYPE(data)->tp_name);
    return NULL;
  }
  struct pie_str part = {PyBytes_AS_STRING(data), (size_t)PyBytes_GET_SIZE(data)};
  if (!part.n)
    Py_RETURN_NONE;
  if (pie_wsgi_start_take((PyObject *)self))
    return NULL;
  int err = pie_call_write(self->call, &part, 1, 0);
  pie_wsgi_start_give((PyObject *)self);
  if (err)
    return NULL;
  Py_RETURN_NONE;
}

static PyObject *start_write(PieWsgiStart *self, PyObject *data) {
  PyObject *result;
  Py_BEGIN_CRITICAL_SECTION(self);
  result = write_locked(self, data);
  Py_END_CRITICAL_SECTION();
  return result;
}

static int parse_args(PyObject *const *args, size_t count, PyObject *names, PyObject **exc_info) {
  Py_ssize_t named = names ? PyTuple_GET_SIZE(names) : 0;
  *exc_info = NULL;
  if (count == 3 && !named)
    *exc_info = args[2];
  else if (count == 2 && named == 1 &&
           PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "exc_info") == 0)
    *exc_info = args[2];
  else if (count != 2 || named) {
    PyErr_SetString(PyExc_TypeError,
                    "start_response takes (status, response_headers, exc_info=None)");
    return -1;
  }
  return 0;
}

static int start_locked(PieWsgiStart *self, PyObject *const *args, PyObject *exc_info) {
  struct pie_call *call = self->call;
  if (!call) {
    PyErr_SetString(PyExc_RuntimeError, "start_response was called after the end of its request");
    return -1;
  }
  if (pie_wsgi_start_take((PyObject *)self))
    return -1;
  /* From here on the headers are borrowed: nothing below gives up the lock. */
  bool on_time = pie_call_enter(call);
  int err = !on_time || check_again(call, exc_info) || take_response(call, args[0], args[1]);
  pie_call_leave(call);
  pie_wsgi_start_give((PyObject *)self);
  call->responded = call->responded || !err;
  return err ? -1 : 0;
}

/* Or is over. */
static bool has_responded(PieWsgiStart *self) {
  bool responded;
  Py_BEGIN_CRITICAL_SECTION(self);
  responded = !self->call || self->call->responded;
  Py_END_CRITICAL_SECTION();
  return responded;
}

static PyObject *start_call(PyObject *object, PyObject *const *args, size_t flags,
                            PyObject *names) {
  PieWsgiStart *self = (PieWsgiStart *)object;
  PyObject *exc_info;
  int err;
  if (PyVectorcall_NARGS(flags) == 1 && !names && has_responded(self))
    return start_write(self, args[0]);
  if (parse_args(args, (size_t)PyVectorcall_NARGS(flags), names, &exc_info))
    return NULL;
  Py_BEGIN_CRITICAL_SECTION2(object, args[1]); /* the list of headers may be shared, too */
  err = start_locked(self, args, exc_info);
  Py_END_CRITICAL_SECTION2();
  return err ? NULL : Py_NewRef(object);
}

static void start_dealloc(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

static PyMemberDef start_members[] = {
    {"__vectorcalloffset__", PIE_PY_T_PYSSIZET, offsetof(PieWsgiStart, vectorcall), PIE_PY_READONLY,
     NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot start_slots[] = {
    {Py_tp_doc,
     (void *)(uintptr_t) "start_response(status, response_headers, exc_info=None) returns "
                         "write, which is called as write(data)."},
    {Py_tp_call, (void *)(uintptr_t)PyVectorcall_Call},
    {Py_tp_members, start_members},
    {Py_tp_dealloc, (void *)(uintptr_t)start_dealloc},
    {0, NULL},
};

static PyType_Spec start_spec = {
    .name = "pyisapie._engine.StartResponse",
    .basicsize = sizeof(PieWsgiStart),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE |
             Py_TPFLAGS_HAVE_VECTORCALL,
    .slots = start_slots,
};

int pie_wsgi_start_setup(PyObject *module, struct pie_state *state) {
  state->start_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &start_spec, NULL);
  return state->start_type ? 0 : -1;
}

PyObject *pie_wsgi_start_new(struct pie_call *call) {
  PieWsgiStart *self = PyObject_New(PieWsgiStart, call->state->start_type);
  if (!self)
    return NULL;
  self->vectorcall = start_call;
  self->call = call;
  self->busy = false;
  return (PyObject *)self;
}

void pie_wsgi_start_close(PyObject *start) {
  PieWsgiStart *self = (PieWsgiStart *)start;
  struct pie_call *call = self->call;
  Py_BEGIN_CRITICAL_SECTION(self);
  self->call = NULL;
  Py_END_CRITICAL_SECTION();
  pie_call_wait_for(call, &self->busy);
}
