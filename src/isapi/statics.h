/* SPDX-License-Identifier: Apache-2.0
 *
 * The setting static: requests that the door answers itself.
 */
#ifndef PIE_ISAPI_STATICS_H
#define PIE_ISAPI_STATICS_H

#include "base/folders.h"
#include "isapi/request.h"

enum { PIE_STATIC_TEXT_MAX = 5000 };

struct pie_static {
  struct pie_folder folder;
  struct pie_str path; /* below it */
  const char *wrong;   /* with the setting itself, or NULL */
};

/* Whether the setting of the request's site takes its path. */
bool pie_static_find(struct pie_request *request, struct pie_static *out);

/* Answers: 0; -PIE_EGONE; -PIE_EIO, with why in text, which has PIE_STATIC_TEXT_MAX bytes, when
 * nothing has been said yet. is_ours: so is the thread, and not the host's. */
int pie_static_serve(struct pie_request *request, const struct pie_static *found, bool is_ours,
                     char *text);

#endif
