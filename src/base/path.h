/* SPDX-License-Identifier: Apache-2.0
 *
 * Paths from requests, before they reach a file system.
 */
#ifndef PIE_BASE_PATH_H
#define PIE_BASE_PATH_H

#include "base/str.h"

enum { PIE_PATH_NAME_MAX = 255 }; /* bytes of one name in a path */

/* Whether a decoded path from a request, relative and with "/" between its names, can be the plain
 * name of a file: no empty names, "." or "..", none that end with a dot or a space, no control
 * characters and no backslashes. For Windows: nothing that means something else than a name there,
 * such as streams, wildcards and devices. */
bool pie_path_is_plain(struct pie_str path, bool on_windows);

/* What follows the last dot of the last name, or nothing: "a/b.tar.gz" gives "gz". */
struct pie_str pie_path_extension(struct pie_str path);

#endif
