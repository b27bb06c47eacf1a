/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/text.h"

int pie_text_bytes(PyObject *object, const char *what, struct pie_str *out) {
  if (!PyUnicode_Check(object)) {
    PyErr_Format(PyExc_TypeError, "%s must be str, not %.100s", what, Py_TYPE(object)->tp_name);
    return -1;
  }
  if (PyUnicode_KIND(object) != PyUnicode_1BYTE_KIND) {
    PyErr_Format(PyExc_ValueError,
                 "%s %R has characters outside latin-1: it must be bytes decoded as latin-1", what,
                 object);
    return -1;
  }
  *out = (struct pie_str){(const char *)PyUnicode_1BYTE_DATA(object),
                          (size_t)PyUnicode_GET_LENGTH(object)};
  return 0;
}

PyObject *pie_text_new(struct pie_str bytes) {
  return PyUnicode_DecodeLatin1(bytes.p, (Py_ssize_t)bytes.n, NULL);
}
