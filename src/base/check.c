/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void pie_check_failed(const char *fact, const char *file, int line) {
  fprintf(stderr, "pyisapie: internal error: %s (%s:%d)\n", fact, file, line);
  fflush(stderr);
  abort();
}
