/* SPDX-License-Identifier: Apache-2.0
 *
 * Where to listen, as people write it: HOST:PORT, [IPV6]:PORT, :PORT (all IPv4 interfaces), PORT
 * (this machine only).
 */
#ifndef PIE_BASE_ADDRESS_H
#define PIE_BASE_ADDRESS_H

#include <stddef.h>

#define PIE_ADDRESS_FORMS                                                                          \
  "HOST:PORT, [IPV6]:PORT, :PORT (all IPv4 interfaces) or PORT (this machine only)"

/* Splits it; port points into spec. 0, or -PIE_EPROTO when it has none of these forms. */
int pie_address_split(const char *spec, char *host, size_t n, const char **port);

#endif
