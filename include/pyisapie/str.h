/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYISAPIE_STR_H
#define PYISAPIE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that somebody else owns. Not NUL-terminated unless said so. */
struct pie_str {
  const char *p;
  size_t n;
};

#endif
