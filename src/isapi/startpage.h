/* SPDX-License-Identifier: Apache-2.0
 *
 * The page that tells why nothing could be started.
 */
#ifndef PIE_ISAPI_STARTPAGE_H
#define PIE_ISAPI_STARTPAGE_H

#include "base/buf.h"
#include "pyisapie/engine.h"

/* full: with the details, for people on the machine itself; otherwise only the reference. */
int pie_startpage_render(struct pie_buf *page, const struct pie_failure *failure,
                         struct pie_str reference, bool full);

#endif
