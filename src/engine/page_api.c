/* SPDX-License-Identifier: Apache-2.0
 *
 * What handlers call: the functions of the module PyISAPIe, and what the package Http needs of the
 * engine besides.
 */
#include "engine/page.h"

#include "base/error.h"
#include "base/str.h"
#include "engine/call.h"
#include "engine/text.h"
#include "engine/wsgi.h"
#include "platform/platform.h"

#include <string.h>

/* The call whose page this thread runs, or NULL with an exception. */
static struct pie_call *current(void) {
  struct pie_call *call = pie_call_current();
  if (call && call->page)
    return call;
  PyErr_SetString(PyExc_Exception, "Not currently processing a request");
  return NULL;
}

/* The same to answer with. */
static struct pie_call *current_for_output(void) {
  struct pie_call *call = current();
  if (!call || !(call->page->over || call->page->broken || call->page->ended))
    return call;
  PyErr_SetString(PyExc_Exception, "The response is complete already");
  return NULL;
}

static int failed(PyObject *type, const char *text) {
  PyErr_SetString(type, text);
  return -1;
}

/* ---- Header ---- */

PyDoc_STRVAR(header_doc,
             "Header(Header=None, Status=0, Length=-1, Close=False)\n--\n\n"
             "Set headers, the status and the framing of the response.\n\n"
             "Header: a str such as 'Content-Type: text/plain', or a list or tuple of them. Calls "
             "add up; a second Content-Type replaces the first.\n"
             "Status: an int from 100 to 999, or a tuple (int, reason).\n"
             "Length: of the body in bytes. What is written must add up to it, and is not "
             "buffered.\nClose: True ends the connection after the response.\n\n"
             "Nothing is sent before the first data or the end of the request. Raises Exception "
             "when the headers have been sent already, ValueError for what cannot be a header or "
             "a status.\n\nHeader(['Content-Type: text/csv', 'Cache-Control: no-store'])\n"
             "Header('Location: /login', Status=302)");

static void remember_charset(struct pie_page *page, struct pie_str type) {
  page->charset[0] = '\0';
  pie_str_cut(&type, ';');
  while (type.n) {
    struct pie_str value = pie_str_trim(pie_str_cut(&type, ';'));
    if (!pie_str_equal_nocase(pie_str_trim(pie_str_cut(&value, '=')), PIE_STR("charset")))
      continue;
    value = pie_str_trim(value);
    if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
      value = (struct pie_str){value.p + 1, value.n - 2};
    if (!value.n || value.n >= sizeof page->charset)
      return;
    memcpy(page->charset, value.p, value.n);
    page->charset[value.n] = '\0';
  }
}

static void drop_header(struct pie_page *page, struct pie_str wanted) {
  size_t kept = 0, at = 0, count = 0;
  for (size_t i = 0; i < page->header_count; i++) {
    char *item = page->headers.p + at;
    size_t name = strlen(item) + 1, size = name + strlen(item + name) + 1;
    at += size;
    if (pie_str_equal_nocase(pie_str_from(item), wanted))
      continue;
    memmove(page->headers.p + kept, item, size);
    kept += size;
    count++;
  }
  page->headers.n = kept;
  page->header_count = count;
}

static int set_length(struct pie_page *page, int64_t length) {
  if (page->length >= 0 && page->length != length)
    return failed(PyExc_ValueError, "Length has been set already");
  if (length < page->written)
    return failed(PyExc_ValueError, "Length is less than what has been written");
  page->length = length;
  page->buffered = false;
  return 0;
}

static int add_header(struct pie_page *page, struct pie_str name, struct pie_str value) {
  int64_t length;
  if (pie_str_equal_nocase(name, PIE_STR("Content-Length"))) {
    if (pie_str_to_int64(value, &length))
      return failed(PyExc_ValueError, "Content-Length must be a number");
    return set_length(page, length);
  }
  if (pie_str_equal_nocase(name, PIE_STR("Content-Type"))) {
    drop_header(page, name);
    remember_charset(page, value);
  }
  size_t before = page->headers.n;
  if (pie_buf_add(&page->headers, name) || pie_buf_append(&page->headers, "", 1) ||
      pie_buf_add(&page->headers, value) || pie_buf_append(&page->headers, "", 1)) {
    page->headers.n = before;
    return failed(PyExc_ValueError, "the headers have more than 64 KiB");
  }
  page->header_count++;
  return 0;
}

static int take_line(struct pie_page *page, PyObject *line) {
  struct pie_str text;
  if (pie_text_bytes(line, "a header", &text))
    return -1;
  while (text.n && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r'))
    text.n--;
  struct pie_str value = text;
  struct pie_str name = pie_str_cut(&value, ':');
  if (name.n == text.n || !pie_str_is_token(name) || !pie_str_is_field_value(value)) {
    PyErr_Format(PyExc_ValueError, "a header must look like 'Name: value', not %R", line);
    return -1;
  }
  return add_header(page, name, pie_str_trim(value));
}

static int take_lines(struct pie_page *page, PyObject *header) {
  if (PyUnicode_Check(header))
    return take_line(page, header);
  if (!PyList_Check(header) && !PyTuple_Check(header)) {
    PyErr_Format(PyExc_TypeError, "Header must be a str, or a list or tuple of str, not %.100s",
                 Py_TYPE(header)->tp_name);
    return -1;
  }
  PyObject *lines = PySequence_Tuple(header); /* another thread may change a list meanwhile */
  int err = lines ? 0 : -1;
  for (Py_ssize_t i = 0; !err && i < PyTuple_GET_SIZE(lines); i++)
    err = take_line(page, PyTuple_GET_ITEM(lines, i));
  Py_XDECREF(lines);
  return err;
}

static int take_reason(struct pie_page *page, PyObject *reason) {
  struct pie_str text;
  if (pie_text_bytes(reason, "a reason", &text))
    return -1;
  pie_buf_clear(&page->reason);
  if (!pie_str_is_field_value(text) || pie_buf_add(&page->reason, text))
    return failed(PyExc_ValueError, "the reason must be one line of at most 256 characters");
  return 0;
}

static int take_status(struct pie_page *page, PyObject *status) {
  PyObject *code = status, *reason = NULL;
  if (PyTuple_Check(status) &&
      !PyArg_ParseTuple(status, "OO;Status must be (int, str)", &code, &reason))
    return -1;
  long number = PyLong_Check(code) ? PyLong_AsLong(code) : -1;
  if (number == 0 && !reason)
    return 0;
  if (number < 100 || number > 999) {
    PyErr_Clear();
    return failed(PyExc_ValueError, "Invalid status code");
  }
  pie_buf_clear(&page->reason);
  page->status = (int)number;
  return reason ? take_reason(page, reason) : 0;
}

static int take_length(struct pie_page *page, PyObject *length) {
  long long number = PyLong_AsLongLong(length);
  if (number == -1 && PyErr_Occurred())
    return -1;
  return number < 0 ? 0 : set_length(page, number);
}

static char *header_words[] = {(char[]){"Header"}, (char[]){"Status"}, (char[]){"Length"},
                               (char[]){"Close"}, NULL};

static PyObject *page_header(PyObject *module, PyObject *args, PyObject *names) {
  PyObject *header = Py_None, *status = NULL, *length = NULL, *close = NULL;
  (void)module;
  if (!PyArg_ParseTupleAndKeywords(args, names, "|OOOO:Header", header_words, &header, &status,
                                   &length, &close))
    return NULL;
  struct pie_call *call = current_for_output();
  if (!call)
    return NULL;
  struct pie_page *page = call->page;
  int err = page->begun || call->responded ? failed(PyExc_Exception, "Headers already sent") : 0;
  err = err || (close && close != Py_True && failed(PyExc_ValueError, "Close must be True"));
  err = err || (header != Py_None && take_lines(page, header));
  err = err || (status && status != Py_None && take_status(page, status));
  err = err || (length && length != Py_None && take_length(page, length));
  if (err)
    return NULL;
  page->close = page->close || close;
  Py_RETURN_NONE;
}

/* ---- Write ---- */

PyDoc_STRVAR(write_doc,
             "Write(data, /)\n--\n\n"
             "Add to the body of the response: bytes, or a str, which is encoded with the charset "
             "of the response's Content-Type, UTF-8 when it has none.\n\n"
             "What is written is kept until the handler ends or Config.BufferSize bytes are "
             "together; see DisableBuffer. Raises ConnectionError when the client has gone.\n\n"
             "Write('<p>hello')\nWrite(b'\\x00\\x01')");

static int write_text(struct pie_call *call, PyObject *text) {
  const char *charset = call->page->charset;
  Py_ssize_t n;
  if (!*charset || pie_str_equal_nocase(pie_str_from(charset), PIE_STR("utf-8"))) {
    const char *bytes = PyUnicode_AsUTF8AndSize(text, &n);
    return bytes ? pie_page_write(call, (struct pie_str){bytes, (size_t)n}) : -1;
  }
  PyObject *bytes = PyUnicode_AsEncodedString(text, charset, "strict");
  int err = bytes ? pie_page_write(call, (struct pie_str){PyBytes_AS_STRING(bytes),
                                                          (size_t)PyBytes_GET_SIZE(bytes)})
                  : -1;
  Py_XDECREF(bytes);
  return err;
}

static int write_bytes(struct pie_call *call, PyObject *data) {
  Py_buffer view;
  if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)) {
    PyErr_Format(PyExc_TypeError, "Write() takes bytes or str, not %.100s", Py_TYPE(data)->tp_name);
    return -1;
  }
  int err = pie_page_write(call, (struct pie_str){view.buf, (size_t)view.len});
  PyBuffer_Release(&view);
  return err;
}

static int write_any(struct pie_call *call, PyObject *data) {
  if (call->responded)
    return failed(PyExc_Exception, "The response belongs to a WSGI application: use its write()");
  return PyUnicode_Check(data) ? write_text(call, data) : write_bytes(call, data);
}

static PyObject *page_write(PyObject *module, PyObject *data) {
  struct pie_call *call = current_for_output();
  (void)module;
  if (!call || write_any(call, data))
    return NULL;
  Py_RETURN_NONE;
}

PyDoc_STRVAR(disable_buffer_doc,
             "DisableBuffer()\n--\n\n"
             "Send everything as it is written, from now on. Raises RuntimeError when something "
             "has been written already.");

static PyObject *page_disable_buffer(PyObject *module, PyObject *unused) {
  struct pie_call *call = current_for_output();
  (void)module, (void)unused;
  if (!call)
    return NULL;
  if (call->page->written) {
    PyErr_SetString(PyExc_RuntimeError, "it is too late: something has been written already");
    return NULL;
  }
  call->page->buffered = false;
  Py_RETURN_NONE;
}

/* ---- Read ---- */

PyDoc_STRVAR(read_doc, "Read(Bytes=0)\n--\n\n"
                       "The body of the request as bytes: all that is left, or at most so many "
                       "bytes of it. With a negative number: how many bytes are left, as an int; "
                       "-1 when nobody knows. Raises OSError when the client ends the request "
                       "before its whole body came.\n\nform = parse_qs(Read().decode())");

static PyObject *read_input(PyObject *input, Py_ssize_t size) {
  if (size < 0)
    return PyLong_FromLongLong(pie_wsgi_input_left(input) < 0 ? -1 : pie_wsgi_input_left(input));
  return size ? PyObject_CallMethod(input, "read", "n", size)
              : PyObject_CallMethod(input, "read", NULL);
}

static char *read_words[] = {(char[]){"Bytes"}, NULL};

static PyObject *page_read(PyObject *module, PyObject *args, PyObject *names) {
  Py_ssize_t size = 0;
  (void)module;
  if (!PyArg_ParseTupleAndKeywords(args, names, "|n:Read", read_words, &size))
    return NULL;
  struct pie_call *call = current();
  PyObject *input = call ? pie_page_input(call) : NULL;
  return input ? read_input(input, size) : NULL;
}

/* ---- WSGI within a page ---- */

/* The bytes of the mount and path that Base takes, -1 when the path is not below it. */
static Py_ssize_t script_of(const struct pie_call *call, struct pie_str base) {
  struct pie_str host = call->info->script_name, path = call->info->path_info;
  while (base.n && base.p[base.n - 1] == '/')
    base.n--;
  if (!base.n)
    return 0;
  if (host.n && pie_str_starts(base, host) && (base.n == host.n || base.p[host.n] == '/'))
    base = (struct pie_str){base.p + host.n, base.n - host.n};
  bool below = pie_str_starts(path, base) && (path.n == base.n || path.p[base.n] == '/');
  return below ? (Py_ssize_t)base.n : -1;
}

static int get_script(struct pie_call *call, PyObject *base, Py_ssize_t *script) {
  struct pie_str text;
  if (pie_text_bytes(base, "Base", &text))
    return -1;
  if (!text.n || text.p[0] != '/')
    return failed(PyExc_ValueError, "Base must begin with a slash");
  *script = script_of(call, text);
  return 0;
}

/* run_wsgi(app, base): False when the path is not below base, and nothing was done. */
static PyObject *page_run_wsgi(PyObject *module, PyObject *args) {
  PyObject *app, *base;
  Py_ssize_t script = 0;
  (void)module;
  struct pie_call *call = current_for_output();
  if (!call || !PyArg_ParseTuple(args, "OO:run_wsgi", &app, &base) ||
      get_script(call, base, &script))
    return NULL;
  struct pie_page *page = call->page;
  if (call->start) {
    PyErr_SetString(PyExc_Exception, "An application is answering this request already");
    return NULL;
  }
  if (page->begun || page->written || call->responded) {
    PyErr_SetString(PyExc_Exception, "The response has begun already");
    return NULL;
  }
  if (script < 0)
    Py_RETURN_FALSE;
  PyObject *input = pie_page_input(call), *env = NULL;
  struct pie_parting *parting = call->parting;
  call->parting = NULL; /* the handler may go on for long after it */
  int err = input ? pie_wsgi_run(call, app, (size_t)script, input, &env) : -1;
  call->parting = parting;
  Py_XDECREF(env);
  page->over = !err;
  page->broken = err && pie_call_head_sent(call);
  call->responded = call->responded && (!err || page->broken); /* else the page may answer */
  if (err)
    return NULL;
  Py_RETURN_TRUE;
}

/* wsgi_environ(base): the environ of a WSGI application at base, or None. */
static PyObject *page_environ(PyObject *module, PyObject *base) {
  Py_ssize_t script = 0;
  struct pie_call *call = current();
  (void)module;
  if (!call || get_script(call, base, &script))
    return NULL;
  if (script < 0)
    Py_RETURN_NONE;
  PyObject *input = pie_page_input(call);
  return input ? pie_wsgi_environ(call, (size_t)script, input) : NULL;
}

/* ---- for pyisapie._pages ---- */

static PyObject *page_pages(PyObject *module, PyObject *unused) {
  struct pie_call *call = current();
  (void)module, (void)unused;
  return call ? Py_NewRef(call->page->mount->pages) : NULL;
}

static PyObject *page_path(PyObject *module, PyObject *unused) {
  struct pie_call *call = current();
  (void)module, (void)unused;
  if (!call)
    return NULL;
  struct pie_str path = call->info->path_info;
  size_t mount = call->page->mount->length;
  return PyUnicode_DecodeLatin1(path.p + mount, (Py_ssize_t)(path.n - mount), NULL);
}

/* page_is(length, is_script): the handler is a page whose name is so much of page_path(). */
static PyObject *page_is(PyObject *module, PyObject *args) {
  Py_ssize_t length;
  int is_script;
  struct pie_call *call = current();
  (void)module;
  if (!call || !PyArg_ParseTuple(args, "np:page_is", &length, &is_script))
    return NULL;
  size_t most = call->info->path_info.n - call->page->mount->length;
  if (length < 0 || (size_t)length > most) {
    PyErr_SetString(PyExc_ValueError, "a page's name is part of the path");
    return NULL;
  }
  call->page->script = call->page->mount->length + (size_t)length;
  call->page->is_script = is_script;
  Py_RETURN_NONE;
}

/* Whether what is printed here belongs to a response: not that of a WSGI application. */
static bool prints(const struct pie_call *call) {
  const struct pie_page *page = call ? call->page : NULL;
  return page && page->is_script && !call->start && !call->responded && !page->over &&
         !page->broken && !page->ended;
}

/* page_print(text): True when this thread runs a script, whose output it is then. */
static PyObject *page_print(PyObject *module, PyObject *text) {
  struct pie_call *call = pie_call_current();
  (void)module;
  if (!prints(call))
    Py_RETURN_FALSE;
  if (write_any(call, text))
    return NULL;
  Py_RETURN_TRUE;
}

/* page_body(): what a script's sys.stdin reads, or None. */
static PyObject *page_body(PyObject *module, PyObject *unused) {
  struct pie_call *call = pie_call_current();
  (void)module, (void)unused;
  if (!call || !call->page || !call->page->is_script)
    Py_RETURN_NONE;
  return Py_XNewRef(pie_page_input(call));
}

/* ---- a page's file ---- */

static PyObject *no_file(int err, const char *path) {
  PyObject *type = err == -PIE_ENOMEM    ? PyExc_MemoryError
                   : err == -PIE_EDENIED ? PyExc_PermissionError
                   : err == -PIE_EIO     ? PyExc_OSError
                                         : PyExc_FileNotFoundError;
  return PyErr_Format(type, "%s: %s", path, pie_error_text(err));
}

static PyObject *read_whole(const struct pie_file_below *found) {
  PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)found->size);
  uint64_t at = 0;
  while (bytes && at < found->size) {
    int64_t got = pie_file_read_at(found->file, at, PyBytes_AS_STRING(bytes) + at,
                                   (size_t)(found->size - at));
    if (got <= 0) { /* it has shrunk: what is read later will have another stamp */
      PyErr_SetString(PyExc_OSError, "the file cannot be read to its end");
      Py_CLEAR(bytes);
    } else {
      at += (uint64_t)got;
    }
  }
  return bytes;
}

/* read_source(folder, path, most): (bytes, name below the folder, time of change, size, number). */
static PyObject *page_read_source(PyObject *module, PyObject *args) {
  PyObject *folder;
  const char *path;
  Py_ssize_t length, most;
  (void)module;
  if (!PyArg_ParseTuple(args, "O&y#n:read_source", PyUnicode_FSConverter, &folder, &path, &length,
                        &most))
    return NULL;
  struct pie_file_below *found = PyMem_Malloc(sizeof *found);
  if (!found) {
    Py_DECREF(folder);
    return PyErr_NoMemory();
  }
  struct pie_str name = {path, (size_t)length};
  int err = pie_file_open_below(PyBytes_AS_STRING(folder), name, found);
  Py_DECREF(folder);
  PyObject *result = err ? no_file(err, path) : NULL;
  if (!err && found->size > (uint64_t)most)
    PyErr_Format(PyExc_OSError, "%s has more than %zd bytes", path, most);
  else if (!err)
    result = Py_BuildValue("NNLKK", read_whole(found), PyUnicode_DecodeFSDefault(found->name),
                           (long long)found->changed_ns, (unsigned long long)found->size,
                           (unsigned long long)found->id);
  if (!err)
    pie_file_close(found->file);
  PyMem_Free(found);
  return result;
}

/* ---- a lock ---- */

static PyObject *call_holding(PyObject *lock, PyObject *function, PyObject *argument) {
  PyObject *result = PyObject_CallOneArg(function, argument);
  PyObject *pending = pie_py_take_exception();
  PyObject *released = PyObject_CallMethod(lock, "release", NULL);
  if (!released)
    Py_CLEAR(result);
  else if (pending)
    PyErr_SetObject((PyObject *)Py_TYPE(pending), pending);
  Py_XDECREF(released);
  Py_XDECREF(pending);
  return result;
}

/* hold(lock, function, argument, otherwise): function(argument) with the lock; where another thread
 * has it, and otherwise is not None, that at once. RequestTimeout comes from another thread while
 * this one waits. After "with lock" that can be before the block has begun (3.14): then nobody
 * would ever release it. Here no Python runs between the two. */
static PyObject *page_hold(PyObject *module, PyObject *args) {
  PyObject *lock, *function, *argument, *otherwise;
  (void)module;
  if (!PyArg_ParseTuple(args, "OOOO:hold", &lock, &function, &argument, &otherwise))
    return NULL;
  PyObject *taken = PyObject_CallMethod(lock, "acquire", "i", otherwise == Py_None);
  bool is_ours = taken == Py_True;
  Py_XDECREF(taken);
  if (!taken)
    return NULL;
  return is_ours ? call_holding(lock, function, argument) : Py_NewRef(otherwise);
}

PyMethodDef pie_page_methods[] = {
    {"Header", (PyCFunction)(void (*)(void))page_header, METH_VARARGS | METH_KEYWORDS, header_doc},
    {"Read", (PyCFunction)(void (*)(void))page_read, METH_VARARGS | METH_KEYWORDS, read_doc},
    {"Write", page_write, METH_O, write_doc},
    {"DisableBuffer", page_disable_buffer, METH_NOARGS, disable_buffer_doc},
    {"run_wsgi", page_run_wsgi, METH_VARARGS,
     "run_wsgi(app, base, /)\n--\n\nAnswer with a WSGI application; False: it is not at base."},
    {"wsgi_environ", page_environ, METH_O,
     "wsgi_environ(base, /)\n--\n\nThe environ of a WSGI application at base, or None."},
    {"page_pages", page_pages, METH_NOARGS,
     "page_pages()\n--\n\nThe pyisapie._pages.Pages that this request has come to."},
    {"page_path", page_path, METH_NOARGS,
     "page_path()\n--\n\nThe path below the mount: bytes read as latin-1."},
    {"page_is", page_is, METH_VARARGS,
     "page_is(length, is_script, /)\n--\n\nSay which part of the path is the page's name."},
    {"page_print", page_print, METH_O,
     "page_print(text, /)\n--\n\nAdd to a script's output; False: this thread runs none."},
    {"page_body", page_body, METH_NOARGS,
     "page_body()\n--\n\nThe request body for a script, or None: this thread runs none."},
    {"read_source", page_read_source, METH_VARARGS,
     "read_source(folder, path, most, /)\n--\n\nThe bytes of a file below a folder, its true name "
     "there, and its time of change, size and number. FileNotFoundError, PermissionError, "
     "OSError."},
    {"hold", page_hold, METH_VARARGS,
     "hold(lock, function, argument, otherwise, /)\n--\n\nfunction(argument) with the lock, which "
     "is waited for only where otherwise is None."},
    {NULL, NULL, 0, NULL},
};
