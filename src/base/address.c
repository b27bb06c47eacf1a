/* SPDX-License-Identifier: Apache-2.0 */
#include "base/address.h"

#include "base/error.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

int pie_address_split(const char *spec, char *host, size_t n, const char **port) {
  const char *colon = strrchr(spec, ':');
  struct pie_str given = {spec, colon ? (size_t)(colon - spec) : 0};
  *port = colon ? colon + 1 : spec;
  if (given.n >= n || !pie_str_is_port(pie_str_from(*port)))
    return -PIE_EPROTO;
  if (!colon)
    given = PIE_STR("127.0.0.1");
  else if (!given.n || pie_str_equal(given, PIE_STR("*")))
    given = PIE_STR("0.0.0.0");
  else if (given.n > 2 && given.p[0] == '[' && given.p[given.n - 1] == ']')
    given = (struct pie_str){given.p + 1, given.n - 2};
  snprintf(host, n, "%.*s", (int)given.n, given.p);
  return 0;
}
