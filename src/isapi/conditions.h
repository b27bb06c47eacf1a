/* SPDX-License-Identifier: Apache-2.0
 *
 * What a request asks of a file: conditions, a range, a content coding (RFC 9110, 12 to 14). All of
 * it is pure: from header fields to a decision.
 */
#ifndef PIE_ISAPI_CONDITIONS_H
#define PIE_ISAPI_CONDITIONS_H

#include "base/str.h"
#include "pyisapie/engine.h"

enum { PIE_HTTP_DATE_SIZE = 30 }; /* with the final NUL */

/* Any of the three forms (5.6.7). False: it is none. */
bool pie_http_date_parse(struct pie_str text, int64_t *unix_s);
void pie_http_date_format(int64_t unix_s, char *out); /* years 1970 to 9999, else the nearest */

/* What is known of what would be sent. */
struct pie_validators {
  struct pie_str tag; /* with its quotes, without W/ */
  bool is_weak;       /* the tag, and the date with it */
  int64_t changed_s;
};

enum pie_condition { PIE_CONDITION_TRUE, PIE_CONDITION_NOT_MODIFIED, PIE_CONDITION_FAILED };

/* If-Match, If-Unmodified-Since, If-None-Match, If-Modified-Since, in the order of 13.2.2. */
enum pie_condition pie_conditions_check(const struct pie_request_info *info,
                                        const struct pie_validators *now);

enum pie_range_kind {
  PIE_RANGE_WHOLE, /* none is asked for, or one that is not to be heeded */
  PIE_RANGE_PART,
  PIE_RANGE_BEYOND /* it cannot be satisfied: 416 */
};

struct pie_range {
  uint64_t first, length;
};

/* A Range field against a size. Several ranges are as none: the whole is sent. */
enum pie_range_kind pie_range_parse(struct pie_str value, uint64_t size, struct pie_range *out);

/* Range and If-Range. */
enum pie_range_kind pie_range_find(const struct pie_request_info *info,
                                   const struct pie_validators *now, uint64_t size,
                                   struct pie_range *out);

/* How much each coding is wanted, in thousandths; 0: it is not to be used. */
struct pie_codings {
  int br, gzip, identity;
};
struct pie_codings pie_codings_find(const struct pie_request_info *info);

#endif
