/* SPDX-License-Identifier: Apache-2.0
 *
 * Pages: the API that PyISAPIe has had from its beginning. A handler without arguments is called
 * for each request, and asks for the request and gives its answer by the functions of the module
 * PyISAPIe: Header, Read, Write, DisableBuffer, Env.
 *
 * What is written is kept until the handler ends or the buffer is full: a response that fits leaves
 * with a Content-Length, a longer one as a stream.
 */
#ifndef PIE_ENGINE_PAGE_H
#define PIE_ENGINE_PAGE_H

#include "engine/site.h"
#include "engine/state.h"

enum {
  PIE_PAGE_HEADERS_MAX = 64 * 1024, /* bytes of names and values */
  PIE_PAGE_BUFFER_MAX = 128 * 1024  /* as the original has it */
};

/* One request of a handler; current->page while it runs. */
struct pie_page {
  const struct pie_mount *mount;
  struct pie_buf out;     /* written and not sent */
  struct pie_buf headers; /* "Name\0value\0..." */
  size_t header_count;
  struct pie_buf reason;
  char charset[32]; /* that text is encoded in; empty: UTF-8 */
  PyObject *input;  /* the body, from its first use on */
  size_t script;    /* bytes of the path that are the page's own name; the mount's among them */
  int status;       /* 0: not set */
  int64_t length;   /* of the body as declared; -1 */
  int64_t written;  /* bytes of the body */
  bool buffered;
  bool begun;     /* status and headers are given away */
  bool ended;     /* the handler has: the body is not read any more, and nothing is written */
  bool over;      /* the response is complete */
  bool broken;    /* it cannot be completed any more */
  bool close;     /* the connection is to be closed */
  bool is_script; /* print() writes to the response */
};

/* Runs a mount's handler to the end of the request. */
void pie_page_serve(struct pie_call *call, const struct pie_mount *mount);

/* The name of the interpreter that is to serve the request, by the site's InterpreterMap: a str,
 * None for the main one, or NULL with an exception. */
PyObject *pie_page_interpreter(struct pie_call *call, const struct pie_mount *mount);

/* All return 0, or -1 with an exception. */
int pie_page_begin(struct pie_call *call);
int pie_page_write(struct pie_call *call, struct pie_str bytes);
PyObject *pie_page_input(struct pie_call *call); /* borrowed */

/* Adds to a WSGI application's headers, of which there are *count, what the page around it has
 * given to Header(), and StaticHeaders. */
size_t pie_page_extra_count(const struct pie_call *call); /* at most so many */
void pie_page_extra_headers(struct pie_call *call, struct pie_header *headers, size_t *count);

/* page_env.c: a variable of the request as str, empty when there is none; NULL with an exception.
 */
PyObject *pie_page_variable(struct pie_call *call, const char *name);
bool pie_page_keeps_alive(const struct pie_call *call);

/* Functions of pyisapie._engine. */
extern PyMethodDef pie_page_methods[];
int pie_page_env_setup(PyObject *module);

#endif
