/* SPDX-License-Identifier: Apache-2.0
 *
 * wsgi.input: the request body as it comes, through one buffer of fixed size; large reads go past
 * it. Its methods run with the object's lock, but for the time in which they wait for the client:
 * then busy is set.
 */
#include "base/str.h"
#include "engine/call.h"
#include "engine/wsgi.h"

#include <string.h>

enum {
  BUFFER_SIZE = 64 * 1024,
  PIECE_MAX = 1024 * 1024 /* of a read that goes past the buffer; memory is taken in such steps */
};

typedef struct {
  PyObject_HEAD struct pie_call *call; /* NULL when the request is over */
  char *buffer;                        /* BUFFER_SIZE bytes, from the first use on */
  size_t at, end;                      /* what of it is unread */
  int64_t left;                        /* of the body; PIE_LENGTH_UNKNOWN */
  bool ended;
  atomic_bool busy; /* a thread is in a read, without the lock */
} PieWsgiInput;

/* What a method has collected so far. */
struct gather {
  PyObject *bytes;
  Py_ssize_t used;
};

static int usable(PieWsgiInput *self) {
  if (self->call)
    return 0;
  PyErr_SetString(PyExc_ValueError, "wsgi.input was used after the end of its request");
  return -1;
}

/* From the client, past the buffer: number of bytes, 0 at the end of the body, -1 with an
 * exception. */
static Py_ssize_t receive(PieWsgiInput *self, char *out, size_t n) {
  if (self->busy || usable(self)) {
    if (!PyErr_Occurred())
      PyErr_SetString(PyExc_RuntimeError, "wsgi.input is being read by another thread");
    return -1;
  }
  self->busy = true;
  Py_ssize_t got = pie_call_read(self->call, out, n);
  self->busy = false;
  if (got > 0 && self->left > 0)
    self->left -= got;
  self->ended = got == 0 || self->left == 0;
  return got;
}

/* Fills the empty buffer: 1, 0 at the end of the body, -1 with an exception. */
static int fill(PieWsgiInput *self) {
  if (self->at < self->end)
    return 1;
  if (self->ended)
    return 0;
  if (!self->buffer && !(self->buffer = PyMem_Malloc(BUFFER_SIZE))) {
    PyErr_NoMemory();
    return -1;
  }
  Py_ssize_t got = receive(self, self->buffer, BUFFER_SIZE);
  if (got < 0)
    return -1;
  self->at = 0;
  self->end = (size_t)got;
  return got > 0;
}

/* Objects of less than two bytes are shared by all of Python and must not be resized: hence the
 * smallest capacity. */
static int gather_reserve(struct gather *g, size_t n) {
  Py_ssize_t capacity = g->bytes ? PyBytes_GET_SIZE(g->bytes) : 0;
  Py_ssize_t wanted = g->used + (Py_ssize_t)n;
  if (g->bytes && wanted <= capacity)
    return 0;
  if (g->bytes)
    return _PyBytes_Resize(&g->bytes, capacity * 2 > wanted ? capacity * 2 : wanted);
  g->bytes = PyBytes_FromStringAndSize(NULL, wanted < 2 ? 2 : wanted);
  return g->bytes ? 0 : -1;
}

static int gather_add(struct gather *g, const char *from, size_t n) {
  if (gather_reserve(g, n))
    return -1;
  memcpy(PyBytes_AS_STRING(g->bytes) + g->used, from, n);
  g->used += (Py_ssize_t)n;
  return 0;
}

static PyObject *gather_end(struct gather *g, int err) {
  if (err) {
    Py_XDECREF(g->bytes);
    return NULL;
  }
  if (!g->bytes)
    return PyBytes_FromStringAndSize(NULL, 0);
  if (g->used != PyBytes_GET_SIZE(g->bytes))
    _PyBytes_Resize(&g->bytes, g->used);
  return g->bytes;
}

/* A size argument: absent, None or negative mean "no limit". */
static int parse_size(PyObject *const *args, Py_ssize_t count, size_t *limit) {
  if (count > 1) {
    PyErr_SetString(PyExc_TypeError, "at most one argument, the size, is taken");
    return -1;
  }
  *limit = SIZE_MAX;
  if (!count || args[0] == Py_None)
    return 0;
  Py_ssize_t size = PyNumber_AsSsize_t(args[0], PyExc_OverflowError);
  if (size == -1 && PyErr_Occurred())
    return -1;
  if (size >= 0)
    *limit = (size_t)size;
  return 0;
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* What a large read can still expect, in one piece. */
static size_t next_piece(const PieWsgiInput *self, size_t limit) {
  size_t expected = self->left > 0 ? (size_t)least((uint64_t)self->left, PIECE_MAX) : BUFFER_SIZE;
  return least(limit, expected);
}

/* Straight to where it belongs: 1, 0 at the end of the body, -1 with an exception. */
static int gather_directly(PieWsgiInput *self, struct gather *g, size_t *limit) {
  size_t room = g->bytes ? (size_t)(PyBytes_GET_SIZE(g->bytes) - g->used) : 0;
  if (!room && gather_reserve(g, next_piece(self, *limit)))
    return -1;
  room = least((size_t)(PyBytes_GET_SIZE(g->bytes) - g->used), PIECE_MAX);
  Py_ssize_t got = receive(self, PyBytes_AS_STRING(g->bytes) + g->used, least(room, *limit));
  if (got <= 0)
    return (int)got;
  g->used += got;
  *limit -= (size_t)got;
  return 1;
}

static PyObject *read_bytes(PieWsgiInput *self, size_t limit) {
  struct gather g = {0};
  int more = 1, err = 0;
  while (limit && !err && more > 0) {
    if (self->at == self->end && limit >= BUFFER_SIZE && !self->ended) {
      more = gather_directly(self, &g, &limit);
    } else if ((more = fill(self)) > 0) {
      size_t n = least(self->end - self->at, limit);
      err = gather_add(&g, self->buffer + self->at, n);
      self->at += n;
      limit -= n;
    }
  }
  return gather_end(&g, err || more < 0);
}

static PyObject *read_line(PieWsgiInput *self, size_t limit) {
  struct gather g = {0};
  int more = 1, err = 0;
  bool whole = false;
  while (limit && !whole && !err && (more = fill(self)) > 0) {
    const char *from = self->buffer + self->at;
    size_t n = self->end - self->at < limit ? self->end - self->at : limit;
    const char *newline = memchr(from, '\n', n);
    whole = newline != NULL;
    if (whole)
      n = (size_t)(newline - from) + 1;
    err = gather_add(&g, from, n);
    self->at += n;
    limit -= n;
  }
  return gather_end(&g, err || more < 0);
}

PyDoc_STRVAR(read_doc, "read($self, size=-1, /)\n--\n\nAt most size bytes of the body; all of it "
                       "without size. Empty at the end. OSError when the client ends too early.");

static PyObject *read_locked(PieWsgiInput *self, PyObject *const *args, Py_ssize_t count) {
  size_t limit;
  if (usable(self) || parse_size(args, count, &limit))
    return NULL;
  return read_bytes(self, limit);
}

PyDoc_STRVAR(readline_doc, "readline($self, size=-1, /)\n--\n\nOne line with its newline, or at "
                           "most size bytes of it. Empty at the end.");

static PyObject *readline_locked(PieWsgiInput *self, PyObject *const *args, Py_ssize_t count) {
  size_t limit;
  if (usable(self) || parse_size(args, count, &limit))
    return NULL;
  return read_line(self, limit);
}

PyDoc_STRVAR(readlines_doc, "readlines($self, hint=-1, /)\n--\n\nA list of lines, until their size "
                            "reaches hint or the body ends.");

static PyObject *readlines_locked(PieWsgiInput *self, PyObject *const *args, Py_ssize_t count) {
  size_t hint, total = 0;
  if (usable(self) || parse_size(args, count, &hint))
    return NULL;
  PyObject *lines = PyList_New(0);
  if (hint == 0)
    hint = SIZE_MAX; /* as the io module has it */
  while (lines && total < hint) {
    PyObject *line = read_line(self, SIZE_MAX);
    bool at_end = line && !PyBytes_GET_SIZE(line);
    if (!line || (!at_end && PyList_Append(lines, line)))
      Py_CLEAR(lines);
    total += line ? (size_t)PyBytes_GET_SIZE(line) : 0;
    Py_XDECREF(line);
    if (at_end)
      break;
  }
  return lines;
}

static PyObject *next_locked(PieWsgiInput *self) {
  PyObject *line = usable(self) ? NULL : read_line(self, SIZE_MAX);
  if (line && !PyBytes_GET_SIZE(line))
    Py_CLEAR(line);
  return line;
}

static PyObject *input_read(PieWsgiInput *self, PyObject *const *args, Py_ssize_t count) {
  PyObject *result;
  Py_BEGIN_CRITICAL_SECTION(self);
  result = read_locked(self, args, count);
  Py_END_CRITICAL_SECTION();
  return result;
}

static PyObject *input_readline(PieWsgiInput *self, PyObject *const *args, Py_ssize_t count) {
  PyObject *result;
  Py_BEGIN_CRITICAL_SECTION(self);
  result = readline_locked(self, args, count);
  Py_END_CRITICAL_SECTION();
  return result;
}

static PyObject *input_readlines(PieWsgiInput *self, PyObject *const *args, Py_ssize_t count) {
  PyObject *result;
  Py_BEGIN_CRITICAL_SECTION(self);
  result = readlines_locked(self, args, count);
  Py_END_CRITICAL_SECTION();
  return result;
}

static PyObject *input_next(PieWsgiInput *self) {
  PyObject *result;
  Py_BEGIN_CRITICAL_SECTION(self);
  result = next_locked(self);
  Py_END_CRITICAL_SECTION();
  return result;
}

static void input_dealloc(PieWsgiInput *self) {
  PyTypeObject *type = Py_TYPE(self);
  PyMem_Free(self->buffer);
  type->tp_free(self);
  Py_DECREF(type);
}

static PyMethodDef input_methods[] = {
    {"read", (PyCFunction)(void (*)(void))input_read, METH_FASTCALL, read_doc},
    {"readline", (PyCFunction)(void (*)(void))input_readline, METH_FASTCALL, readline_doc},
    {"readlines", (PyCFunction)(void (*)(void))input_readlines, METH_FASTCALL, readlines_doc},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot input_slots[] = {
    {Py_tp_doc, (void *)(uintptr_t) "The request body (wsgi.input): streamed from the server."},
    {Py_tp_methods, input_methods},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, (void *)(uintptr_t)input_next},
    {Py_tp_dealloc, (void *)(uintptr_t)input_dealloc},
    {0, NULL},
};

static PyType_Spec input_spec = {
    .name = "pyisapie._engine.Input",
    .basicsize = sizeof(PieWsgiInput),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = input_slots,
};

int pie_wsgi_input_setup(PyObject *module, struct pie_state *state) {
  state->input_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &input_spec, NULL);
  return state->input_type ? 0 : -1;
}

PyObject *pie_wsgi_input_new(struct pie_call *call) {
  PieWsgiInput *self = PyObject_New(PieWsgiInput, call->state->input_type);
  if (!self)
    return NULL;
  self->call = call;
  self->buffer = NULL;
  self->at = self->end = 0;
  self->busy = false;
  self->left = call->info->content_length;
  self->ended = self->left == PIE_LENGTH_NONE || self->left == 0;
  return (PyObject *)self;
}

void pie_wsgi_input_close(PyObject *input) {
  PieWsgiInput *self = (PieWsgiInput *)input;
  struct pie_call *call = self->call;
  Py_BEGIN_CRITICAL_SECTION(self);
  self->call = NULL;
  Py_END_CRITICAL_SECTION();
  pie_call_wait_for(call, &self->busy);
}

int64_t pie_wsgi_input_left(PyObject *input) {
  PieWsgiInput *self = (PieWsgiInput *)input;
  int64_t left;
  Py_BEGIN_CRITICAL_SECTION(self);
  int64_t buffered = (int64_t)(self->end - self->at);
  if (self->ended)
    left = buffered;
  else
    left = self->left < 0 ? PIE_LENGTH_UNKNOWN : self->left + buffered;
  Py_END_CRITICAL_SECTION();
  return left;
}
