/* SPDX-License-Identifier: Apache-2.0
 *
 * What is known of the host. Found once, at the first request, from a fingerprint and from probes;
 * never from version numbers.
 */
#ifndef PIE_ISAPI_QUIRKS_H
#define PIE_ISAPI_QUIRKS_H

#include "isapi/ecb.h"

#include <stdatomic.h>

struct pie_quirks {
  bool mod_isapi;         /* httpd's mod_isapi: ISAPI.md, section 9 */
  bool ours;              /* pyisapie-host: PATH_INFO holds the exact bytes */
  bool can_pend;          /* HSE_STATUS_PENDING is allowed */
  bool async;             /* as IIS: operations may complete later, on its threads */
  atomic_bool vector;     /* VECTOR_SEND has not been refused */
  size_t header_line_max; /* bytes of one header line with its CRLF; 0: no limit known */
};

void pie_quirks_find(struct pie_quirks *quirks, EXTENSION_CONTROL_BLOCK *ecb);

#endif
