/* SPDX-License-Identifier: Apache-2.0
 *
 * The media types of files, by their extension.
 */
#ifndef PIE_ISAPI_MEDIA_H
#define PIE_ISAPI_MEDIA_H

#include "base/str.h"

struct pie_media {
  const char *extension; /* in small letters */
  const char *type;      /* as in Content-Type */
  bool is_coarse;        /* not compressed in itself: FILE.br and FILE.gz are looked for */
};

/* Never NULL: what is not known is application/octet-stream. */
const struct pie_media *pie_media_find(struct pie_str extension);

#endif
