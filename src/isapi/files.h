/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests that are answered from files, without Python.
 */
#ifndef PIE_ISAPI_FILES_H
#define PIE_ISAPI_FILES_H

#include "isapi/request.h"

/* The folder holds an application's pages, and so its source: no file is given out that is source,
 * settings or data, as far as its name tells; see is_private_word in files.c. */
enum { PIE_FILES_OF_PAGES = 1 };

enum { PIE_FILES_STRONG_S = 2 }; /* a file's tag is weak until it has not changed for so long */

/* Answers from the file below root that path ("/css/a.css", decoded) names. Names that begin with a
 * dot are not found, but for .well-known. A path that ends with a slash is index.html there, and a
 * folder with such a file is redirected to. May block; sends all of it.
 * 0: the request is answered, and only pie_response_finish may follow. -PIE_ENOENT: there is no
 * such file; -PIE_EIO: root cannot be used, and the log says why; then nothing has been said yet.
 * -PIE_EGONE: the response is broken off; -PIE_ESTATE: it had begun before. */
int pie_files_serve(struct pie_request *request, const char *root, struct pie_str path, int flags);

/* A short text with a status such as "404 Not Found", and a further field with a value; or "". */
int pie_files_say(struct pie_request *request, const char *status, struct pie_header more);

#endif
