/* SPDX-License-Identifier: Apache-2.0
 *
 * WSGI (PEP 3333). One file per part; all run inside the interpreter.
 */
#ifndef PIE_ENGINE_WSGI_H
#define PIE_ENGINE_WSGI_H

#include "engine/state.h"

/* Runs the application to the end of the request. script is the part of the path that the mount
 * takes, in bytes of info->path_info. */
void pie_wsgi_serve(struct pie_call *call, PyObject *app, size_t script);

/* The same to the end of the response only: 0, or -1 with an exception. input is wsgi.input; env is
 * the environ, or NULL: a reference for the caller. */
int pie_wsgi_run(struct pie_call *call, PyObject *app, size_t script, PyObject *input,
                 PyObject **env);

/* wsgi_environ.c: the environ, or NULL with an exception. input is wsgi.input. */
PyObject *pie_wsgi_environ(struct pie_call *call, size_t script, PyObject *input);

/* wsgi_input.c: the stream; pie_wsgi_input_close makes it an error to use it any longer. */
PyObject *pie_wsgi_input_new(struct pie_call *call);
void pie_wsgi_input_close(PyObject *input);
int64_t pie_wsgi_input_left(PyObject *input); /* bytes; PIE_LENGTH_UNKNOWN */

/* wsgi_start.c: start_response, likewise. */
PyObject *pie_wsgi_start_new(struct pie_call *call);
void pie_wsgi_start_close(PyObject *start);
/* Around what sends or begins the response: -1 with an exception when another thread does. */
int pie_wsgi_start_take(PyObject *start);
void pie_wsgi_start_give(PyObject *start);

/* wsgi_file.c: the range of an open file that a result stands for, if result is a file_wrapper
 * around a plain file. 1: yes, 0: no, -1: exception. */
int pie_wsgi_file_range(struct pie_call *call, PyObject *result, intptr_t *file, uint64_t *offset,
                        uint64_t *length);

#endif
