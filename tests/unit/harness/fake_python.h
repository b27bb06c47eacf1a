/* SPDX-License-Identifier: Apache-2.0
 *
 * What the door asks a Python that runs in its process: the test program answers instead. Its
 * engine is the module _engine.cpython-399-... beside the program.
 */
#ifndef PIE_TEST_FAKE_PYTHON_H
#define PIE_TEST_FAKE_PYTHON_H

#include <stdbool.h>

extern bool fake_python_runs;
extern const char *fake_python_version; /* "3.99.0 (main)" */

/* The program exports them. */
int Py_IsInitialized(void);
const char *Py_GetVersion(void);

#endif
