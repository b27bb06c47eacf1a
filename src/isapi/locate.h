/* SPDX-License-Identifier: Apache-2.0
 *
 * Finds the Python that belongs to this door: one that runs in the process already, the one named
 * by the home setting, or the one in whose environment the door lies.
 */
#ifndef PIE_ISAPI_LOCATE_H
#define PIE_ISAPI_LOCATE_H

#include "platform/platform.h"

struct pie_python {
  bool running;  /* in this process already: attach */
  bool threaded; /* the free-threaded build */
  int major, minor;
  char engine[PIE_PATH_MAX];      /* _engine.<tag> for it */
  char library[PIE_PATH_MAX];     /* libpython / python3XX.dll; empty when running */
  char executable[PIE_PATH_MAX];  /* python of the environment; empty for a bundle */
  char home[PIE_PATH_MAX];        /* prefix, when there is no executable */
  char package[64];               /* NAME where the door's file is PyISAPIe-NAME.dll, else empty */
  char package_dir[PIE_PATH_MAX]; /* the folder that holds the package pyisapie */
};

/* 0, or -PIE_ENOENT with why (one line) and advice filled in, 1024 bytes each. */
int pie_locate(struct pie_python *python, const char *home, char *why, char *advice);

#endif
