/* SPDX-License-Identifier: Apache-2.0
 *
 * UTF-8 on our side, UTF-16 on the system's.
 */
#ifndef PIE_PLATFORM_WIN_WIDE_H
#define PIE_PLATFORM_WIN_WIDE_H

#include "platform/platform.h"

/* 0 or -PIE_ETOOBIG / -PIE_EINVAL. n counts the characters of out, with the final NUL. */
int pie_wide_from_utf8(const char *text, wchar_t *out, size_t n);
int pie_wide_to_utf8(const wchar_t *text, char *out, size_t n);

#endif
