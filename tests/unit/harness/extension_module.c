/* SPDX-License-Identifier: Apache-2.0
 *
 * An ISAPI extension as the host loads it; what it does is in the test program. Built twice: with
 * EXTENSION_OURS it has the exports that only our own extension has.
 */
#include "pyisapie/isapi.h"

#include <dlfcn.h>
#include <string.h>

static void find(const char *name, void *function) {
  void *symbol = dlsym(RTLD_DEFAULT, name);
  memcpy(function, &symbol, sizeof symbol);
}

BOOL WINAPI GetExtensionVersion(HSE_VERSION_INFO *info) {
  info->dwExtensionVersion = MAKELONG(1, 0);
  strcpy(info->lpszExtensionDesc, "a test's extension");
  return TRUE;
}

DWORD WINAPI HttpExtensionProc(EXTENSION_CONTROL_BLOCK *ecb) {
  pie_http_extension_proc_fn proc = NULL;
  find("test_extension_proc", &proc);
  return proc(ecb);
}

BOOL WINAPI TerminateExtension(DWORD flags) {
  (void)flags;
  return TRUE;
}

#ifdef EXTENSION_OURS
BOOL WINAPI HttpExtensionWarm(EXTENSION_CONTROL_BLOCK *ecb) {
  pie_http_extension_warm_fn warm = NULL;
  find("test_extension_warm", &warm);
  return warm(ecb);
}

void WINAPI HttpExtensionIdle(DWORD group) { (void)group; }
#endif
