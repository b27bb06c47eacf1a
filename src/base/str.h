/* SPDX-License-Identifier: Apache-2.0
 *
 * A slice of bytes that somebody else owns, and the little that HTTP needs done with one.
 */
#ifndef PIE_BASE_STR_H
#define PIE_BASE_STR_H

#include "pyisapie/str.h"

#include <stdbool.h>

#define PIE_STR_INIT(literal)                                                                      \
  { (literal), sizeof(literal) - 1 } /* of static ones */
#define PIE_STR(literal) ((struct pie_str){(literal), sizeof(literal) - 1})

struct pie_str pie_str_from(const char *text); /* NULL gives an empty slice */
bool pie_str_equal(struct pie_str a, struct pie_str b);
bool pie_str_equal_nocase(struct pie_str a, struct pie_str b); /* ASCII letters only */
bool pie_str_starts(struct pie_str text, struct pie_str prefix);
bool pie_str_starts_nocase(struct pie_str text, struct pie_str prefix);
struct pie_str pie_str_trim(struct pie_str text);                 /* spaces and tabs at both ends */
struct pie_str pie_str_cut(struct pie_str *rest, char separator); /* takes what is before it */

/* Whether a comma-separated field value holds this token, in any case (RFC 9110, 5.6.1). */
bool pie_str_has_token(struct pie_str list, struct pie_str token);

/* Decimal digits only, the whole slice. -PIE_EPROTO: not a number; -PIE_ETOOBIG: over INT64_MAX. */
int pie_str_to_int64(struct pie_str text, int64_t *out);

/* A TCP port in decimal: 0 to 65535. */
bool pie_str_is_port(struct pie_str text);

/* Decodes %XX into out (at least text.n bytes) and returns the length; a bad escape stays as is. */
size_t pie_str_percent_decode(struct pie_str text, char *out);

/* Resolves "." and ".." segments of an absolute path in place (RFC 3986, 5.2.4); new length. */
size_t pie_str_remove_dots(char *path, size_t length);

/* A NUL-terminated copy to be freed, or NULL; and with its length: 0 or -PIE_ENOMEM. */
char *pie_str_copy(struct pie_str text);
int pie_str_copy_to(struct pie_str *out, struct pie_str text);
void pie_str_free(struct pie_str copy);

/* No CR, LF, NUL or other control characters but tabs: with them an application's input could write
 * headers (RFC 9110, 5.5). */
bool pie_str_is_field_value(struct pie_str text);

/* Characters of a token (RFC 9110, 5.6.2). */
bool pie_str_is_token(struct pie_str text);

char pie_ascii_lower(char c);

#endif
