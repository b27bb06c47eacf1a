/* SPDX-License-Identifier: Apache-2.0
 *
 * The value of the setting static: "/static=FOLDER,/media=FOLDER".
 */
#ifndef PIE_BASE_FOLDERS_H
#define PIE_BASE_FOLDERS_H

#include "base/str.h"

struct pie_folder {
  struct pie_str prefix; /* "/static", without a slash at its end; "" is all of the site */
  struct pie_str folder;
};

/* Takes the next one; false at the end. */
bool pie_folders_next(struct pie_str *rest, struct pie_folder *out);

/* NULL, or what is wrong with the value: "must be ...". */
const char *pie_folders_check(struct pie_str value);

/* The longest prefix that the path lies below, and the rest of it, which begins with a slash or is
 * empty. False: there is none. */
bool pie_folders_find(struct pie_str value, struct pie_str path, struct pie_folder *out,
                      struct pie_str *rest);

#endif
