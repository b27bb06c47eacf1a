/* SPDX-License-Identifier: Apache-2.0
 *
 * What a virtual environment says of itself in pyvenv.cfg: lines such as "home = /usr/bin".
 */
#ifndef PIE_ISAPI_PYVENV_H
#define PIE_ISAPI_PYVENV_H

#include "platform/platform.h"

struct pie_pyvenv {
  char home[PIE_PATH_MAX]; /* the folder that holds the base Python's executable; empty: not said */
  int major, minor;        /* of the Python; 0: not said */
};

void pie_pyvenv_read(struct pie_str text, struct pie_pyvenv *out);

#endif
