/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes in a str: HTTP's texts are bytes read as latin-1 (PEP 3333, "Unicode Issues").
 */
#ifndef PIE_ENGINE_TEXT_H
#define PIE_ENGINE_TEXT_H

#include "engine/py.h"
#include "pyisapie/str.h"

/* The bytes of a str, without a copy: 0, or -1 with TypeError or ValueError, which begin with what.
 */
int pie_text_bytes(PyObject *object, const char *what, struct pie_str *out);
PyObject *pie_text_new(struct pie_str bytes);

#endif
