/* SPDX-License-Identifier: Apache-2.0
 *
 * Between UTF-8 and the UTF-16 of the UNICODE_ half of ISAPI.
 */
#ifndef PIE_BASE_UTF16_H
#define PIE_BASE_UTF16_H

#include "pyisapie/str.h"

#include <stdint.h>

/* Bytes that are not UTF-8 are taken as latin-1. The number of units, without a NUL; out may be
 * NULL, for the number alone. */
size_t pie_utf16_from(struct pie_str text, uint16_t *out);

/* out has room for three bytes for each unit. The number of bytes, without a NUL. Half a pair
 * becomes what its number says. */
size_t pie_utf16_to_utf8(const uint16_t *units, size_t n, char *out);

size_t pie_utf16_length(const uint16_t *text); /* of a NUL-terminated one */

#endif
