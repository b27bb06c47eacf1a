/* SPDX-License-Identifier: Apache-2.0 */
#include "isapi/quirks.h"

#define IIS "Microsoft-IIS/"

enum { MOD_ISAPI_VERSION = 0x0500 };

void pie_quirks_find(struct pie_quirks *quirks, EXTENSION_CONTROL_BLOCK *ecb) {
  char software[256];
  size_t size = sizeof software;
  int n = pie_ecb_variable(ecb, "SERVER_SOFTWARE", software, &size);
  struct pie_str name = {software, n > 0 ? (size_t)n : 0};
  /* mod_isapi says 0x0500, which is not MAKELONG(minor, major) as everybody else's (section 2). */
  bool is_small = ecb->dwVersion < 0x10000, calls_itself_iis = pie_str_starts(name, PIE_STR(IIS));
  quirks->mod_isapi = ecb->dwVersion == MOD_ISAPI_VERSION || (is_small && !calls_itself_iis) ||
                      pie_str_starts(name, PIE_STR("Apache"));
  quirks->ours = !quirks->mod_isapi && pie_str_starts(name, PIE_STR("pyisapie/"));
  /* With ISAPIFakeAsync mod_isapi keeps its thread waiting anyway: nothing is gained (bug 16). */
  quirks->can_pend = !quirks->mod_isapi && pie_ecb_can_pend(ecb);
  quirks->async = quirks->can_pend && !quirks->ours; /* in ours a thread that waits costs less */
  atomic_store(&quirks->vector, !quirks->mod_isapi);
  quirks->header_line_max = quirks->mod_isapi ? 8190 : 0;
}
