/* SPDX-License-Identifier: Apache-2.0
 *
 * wsgi.file_wrapper: what it wraps goes out as a file where it is one, and by read() otherwise.
 */
#include "engine/wsgi.h"

enum { BLOCK_DEFAULT = 64 * 1024 };

typedef struct {
  PyObject_HEAD PyObject *filelike;
  Py_ssize_t block;
} PieFileWrapper;

static PyObject *wrapper_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  PyObject *filelike;
  Py_ssize_t block = BLOCK_DEFAULT;
  (void)kwargs;
  if (!PyArg_ParseTuple(args, "O|n:file_wrapper", &filelike, &block))
    return NULL;
  if (block <= 0) {
    PyErr_SetString(PyExc_ValueError, "the block size must be positive");
    return NULL;
  }
  PieFileWrapper *self = (PieFileWrapper *)type->tp_alloc(type, 0);
  if (!self)
    return NULL;
  self->filelike = Py_NewRef(filelike);
  self->block = block;
  return (PyObject *)self;
}

static PyObject *wrapper_next(PieFileWrapper *self) {
  PyObject *data = PyObject_CallMethod(self->filelike, "read", "n", self->block);
  if (!data)
    return NULL;
  int more = PyObject_IsTrue(data);
  if (more > 0)
    return data;
  Py_DECREF(data);
  return NULL;
}

static PyObject *wrapper_close(PieFileWrapper *self, PyObject *unused) {
  (void)unused;
  PyObject *close = PyObject_GetAttrString(self->filelike, "close");
  if (!close) {
    if (!PyErr_ExceptionMatches(PyExc_AttributeError))
      return NULL;
    PyErr_Clear();
    Py_RETURN_NONE;
  }
  PyObject *result = PyObject_CallNoArgs(close);
  Py_DECREF(close);
  return result;
}

static int wrapper_traverse(PieFileWrapper *self, visitproc visit, void *arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(self->filelike);
  return 0;
}

static int wrapper_clear(PieFileWrapper *self) {
  Py_CLEAR(self->filelike);
  return 0;
}

static void wrapper_dealloc(PieFileWrapper *self) {
  PyTypeObject *type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  wrapper_clear(self);
  type->tp_free(self);
  Py_DECREF(type);
}

static PyMethodDef wrapper_methods[] = {
    {"close", (PyCFunction)(void (*)(void))wrapper_close, METH_NOARGS,
     "close($self, /)\n--\n\nClose the file, if it can be closed."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot wrapper_slots[] = {
    {Py_tp_doc,
     (void *)(uintptr_t) "file_wrapper(filelike, block_size=65536)\n--\n\n"
                         "The wsgi.file_wrapper of PEP 3333: iterable over the file's content."},
    {Py_tp_new, (void *)(uintptr_t)wrapper_new},
    {Py_tp_methods, wrapper_methods},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, (void *)(uintptr_t)wrapper_next},
    {Py_tp_traverse, (void *)(uintptr_t)wrapper_traverse},
    {Py_tp_clear, (void *)(uintptr_t)wrapper_clear},
    {Py_tp_dealloc, (void *)(uintptr_t)wrapper_dealloc},
    {0, NULL},
};

static PyType_Spec wrapper_spec = {
    .name = "pyisapie._engine.FileWrapper",
    .basicsize = sizeof(PieFileWrapper),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = wrapper_slots,
};

int pie_wsgi_file_setup(PyObject *module, struct pie_state *state) {
  state->wrapper_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &wrapper_spec, NULL);
  if (!state->wrapper_type)
    return -1;
  return PyModule_AddObjectRef(module, "FileWrapper", (PyObject *)state->wrapper_type);
}

/* Which objects are plain files is decided in Python (_support.file_range): a fileno() alone says
 * little, a GzipFile has one too. */
int pie_wsgi_file_range(struct pie_call *call, PyObject *result, intptr_t *file, uint64_t *offset,
                        uint64_t *length) {
  if (!Py_IS_TYPE(result, call->state->wrapper_type))
    return 0;
  PyObject *filelike = ((PieFileWrapper *)result)->filelike;
  PyObject *range = PyObject_CallMethod(call->world->support, "file_range", "O", filelike);
  if (!range)
    return -1;
  long long handle = 0;
  unsigned long long at = 0, size = 0;
  int found = range == Py_None ? 0 : PyArg_ParseTuple(range, "LKK", &handle, &at, &size) ? 1 : -1;
  Py_DECREF(range);
  *file = (intptr_t)handle;
  *offset = at;
  *length = size;
  return found;
}
