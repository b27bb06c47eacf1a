/* SPDX-License-Identifier: Apache-2.0
 *
 * An ISAPI extension as the host loads it; what it does is in the test program, and in a program
 * without a script it answers the number of its process. Built twice: with EXTENSION_OURS it has
 * the exports that only our own extension has.
 */
#include "pyisapie/isapi.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void find(const char *name, void *function) {
  void *symbol = dlsym(RTLD_DEFAULT, name);
  memcpy(function, &symbol, sizeof symbol);
}

BOOL WINAPI GetExtensionVersion(HSE_VERSION_INFO *info) {
  info->dwExtensionVersion = MAKELONG(1, 0);
  strcpy(info->lpszExtensionDesc, "a test's extension");
  return TRUE;
}

static DWORD answer_process(EXTENSION_CONTROL_BLOCK *ecb) {
  char body[32], headers[64];
  snprintf(body, sizeof body, "%d", (int)getpid());
  snprintf(headers, sizeof headers, "Content-Length: %zu\r\n\r\n", strlen(body));
  HSE_SEND_HEADER_EX_INFO info = {.pszStatus = "200 OK",
                                  .pszHeader = headers,
                                  .cchStatus = 6,
                                  .cchHeader = (DWORD)strlen(headers),
                                  .fKeepConn = TRUE};
  DWORD size = (DWORD)strlen(body);
  usleep(2000);
  ecb->ServerSupportFunction(ecb->ConnID, HSE_REQ_SEND_RESPONSE_HEADER_EX, &info, NULL, NULL);
  ecb->WriteClient(ecb->ConnID, body, &size, HSE_IO_SYNC);
  return HSE_STATUS_SUCCESS_AND_KEEP_CONN;
}

DWORD WINAPI HttpExtensionProc(EXTENSION_CONTROL_BLOCK *ecb) {
  pie_http_extension_proc_fn proc = NULL;
  find("test_extension_proc", &proc);
  return proc ? proc(ecb) : answer_process(ecb);
}

BOOL WINAPI TerminateExtension(DWORD flags) {
  (void)flags;
  return TRUE;
}

#ifdef EXTENSION_OURS
BOOL WINAPI HttpExtensionWarm(EXTENSION_CONTROL_BLOCK *ecb) {
  pie_http_extension_warm_fn warm = NULL;
  find("test_extension_warm", &warm);
  return !warm || warm(ecb);
}

void WINAPI HttpExtensionIdle(DWORD group) { (void)group; }
#endif
