/* SPDX-License-Identifier: Apache-2.0
 *
 * The two ways out of the door. Both are handed pieces that the response has checked: never more
 * than its length, nothing when it has no body. Each call may be the first (it sends the head) and
 * may be the last. They return 0 or -PIE_EGONE; they run without the GIL and may block.
 */
#ifndef PIE_ISAPI_RESPONSE_OUT_H
#define PIE_ISAPI_RESPONSE_OUT_H

#include "isapi/request.h"

enum { PIE_PARTS_MAX = 60 }; /* parts of one call */

struct pie_response_out {
  int (*send)(struct pie_request *request, const struct pie_str *parts, size_t count, size_t total,
              bool last);
  int (*send_file)(struct pie_request *request, intptr_t file, uint64_t offset, uint64_t length,
                   bool last);
};

extern const struct pie_response_out pie_response_vector; /* send gives -PIE_ENOTSUP if refused */
extern const struct pie_response_out pie_response_plain;

#endif
