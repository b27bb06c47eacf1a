/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "platform/platform.h"

int pie_service_run(const char *name, int (*run)(void *), void *context) {
  (void)name, (void)run, (void)context;
  return -PIE_ENOTSUP; /* systemd needs no such thing */
}
