/* SPDX-License-Identifier: Apache-2.0
 *
 * What the module keeps per interpreter: types, strings made once, the environ's template.
 */
#ifndef PIE_ENGINE_STATE_H
#define PIE_ENGINE_STATE_H

#include "engine/engine.h"

/* X(field, text): keys and values of every environ */
#define PIE_STRINGS(X)                                                                             \
  X(request_method, "REQUEST_METHOD")                                                              \
  X(script_name, "SCRIPT_NAME")                                                                    \
  X(path_info, "PATH_INFO")                                                                        \
  X(query_string, "QUERY_STRING")                                                                  \
  X(request_uri, "REQUEST_URI")                                                                    \
  X(content_type, "CONTENT_TYPE")                                                                  \
  X(content_length, "CONTENT_LENGTH")                                                              \
  X(server_name, "SERVER_NAME")                                                                    \
  X(server_port, "SERVER_PORT")                                                                    \
  X(server_protocol, "SERVER_PROTOCOL")                                                            \
  X(server_software, "SERVER_SOFTWARE")                                                            \
  X(remote_addr, "REMOTE_ADDR")                                                                    \
  X(remote_port, "REMOTE_PORT")                                                                    \
  X(remote_user, "REMOTE_USER")                                                                    \
  X(auth_type, "AUTH_TYPE")                                                                        \
  X(https, "HTTPS")                                                                                \
  X(wsgi_version, "wsgi.version")                                                                  \
  X(wsgi_url_scheme, "wsgi.url_scheme")                                                            \
  X(wsgi_input, "wsgi.input")                                                                      \
  X(wsgi_input_terminated, "wsgi.input_terminated")                                                \
  X(wsgi_errors, "wsgi.errors")                                                                    \
  X(wsgi_multithread, "wsgi.multithread")                                                          \
  X(wsgi_multiprocess, "wsgi.multiprocess")                                                        \
  X(wsgi_run_once, "wsgi.run_once")                                                                \
  X(wsgi_file_wrapper, "wsgi.file_wrapper")                                                        \
  X(request_id, "pyisapie.request_id")                                                             \
  X(https_scheme, "https")                                                                         \
  X(on, "on")                                                                                      \
  X(close, "close")                                                                                \
  X(empty, "")

enum { PIE_HEADER_SLOTS = 256, PIE_KEPT_MAX = 512 /* bytes of a text that is kept */ };

/* Texts that most requests have in common, in this interpreter: see wsgi_environ.c. */
enum pie_kept {
  PIE_KEPT_REQUEST_METHOD,
  PIE_KEPT_SERVER_NAME,
  PIE_KEPT_SERVER_PORT,
  PIE_KEPT_SERVER_PROTOCOL,
  PIE_KEPT_SERVER_SOFTWARE,
  PIE_KEPT_REMOTE_ADDR,
  PIE_KEPT_REMOTE_PORT,
  PIE_KEPT_COUNT
};

/* A header's name in lower case and its environ key; the table is complete before it is used. */
struct pie_header_key {
  const char *name;
  size_t length;
  PyObject *key;
  PyObject *last; /* value of the field in an earlier request, or NULL */
};

struct pie_state {
#define PIE_STRING_FIELD(field, text) PyObject *s_##field;
  PIE_STRINGS(PIE_STRING_FIELD)
#undef PIE_STRING_FIELD
  struct pie_header_key header_keys[PIE_HEADER_SLOTS];
  PyObject *kept[PIE_KEPT_COUNT];
  PyTypeObject *input_type;   /* wsgi_input.c */
  PyTypeObject *start_type;   /* wsgi_start.c */
  PyTypeObject *wrapper_type; /* wsgi_file.c */
  PyObject *template;         /* dict: what is the same in every environ */
};

struct pie_state *pie_state_of(PyObject *module);
bool pie_state_is_ours(PyObject *module); /* it is the engine's that runs, not of another copy */

/* Each adds its type to the module's state: 0, or -1 with an exception. */
int pie_wsgi_input_setup(PyObject *module, struct pie_state *state);
int pie_wsgi_start_setup(PyObject *module, struct pie_state *state);
int pie_wsgi_file_setup(PyObject *module, struct pie_state *state);
int pie_wsgi_environ_setup(struct pie_state *state);

#endif
