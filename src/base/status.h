/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PIE_BASE_STATUS_H
#define PIE_BASE_STATUS_H

#include "base/str.h"

/* The reason phrase that IANA's registry has for a status; empty for others. */
struct pie_str pie_status_reason(int status);

#endif
