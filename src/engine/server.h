/* SPDX-License-Identifier: Apache-2.0
 *
 * What IIS knows of a request, for applications: who asks, and to let the server answer itself.
 */
#ifndef PIE_ENGINE_SERVER_H
#define PIE_ENGINE_SERVER_H

#include "engine/site.h"

/* Around the application's part of a request: with the setting impersonate this thread acts as the
 * user. False: it cannot, and the application must not run. */
bool pie_server_begin(struct pie_call *call);
/* This thread acts as the process again, whatever the application has done. */
void pie_server_end(struct pie_call *call);

/* Has the server answer a page's request, or sends the file that lies there: 0, -PIE_ENOENT when
 * there is none and nothing has been sent, or another negative error. Inside. */
int pie_server_pass_page(struct pie_call *call, const struct pie_mount *mount);

/* Functions of the module pyisapie._engine. */
PyObject *pie_server_token(PyObject *module, PyObject *unused);
PyObject *pie_server_impersonate(PyObject *module, PyObject *on);
PyObject *pie_server_whoami(PyObject *module, PyObject *unused);
PyObject *pie_server_pass_on(PyObject *module, PyObject *url);

#endif
