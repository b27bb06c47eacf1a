/* SPDX-License-Identifier: Apache-2.0
 *
 * The limit for Apache: an ISAPI extension that answers hello and does nothing else.
 */
#include <pyisapie/isapi.h>

#include <string.h>

#define BODY "Hello, world!\n"

BOOL WINAPI GetExtensionVersion(HSE_VERSION_INFO *info) {
  info->dwExtensionVersion = MAKELONG(0, 5);
  strcpy(info->lpszExtensionDesc, "bare");
  return TRUE;
}

DWORD WINAPI HttpExtensionProc(EXTENSION_CONTROL_BLOCK *ecb) {
  static const char status[] = "200 OK";
  static const char headers[] = "Content-Type: text/plain\r\nContent-Length: 14\r\n\r\n";
  static char body[] = BODY;
  HSE_SEND_HEADER_EX_INFO info = {status, headers, sizeof status - 1, sizeof headers - 1, TRUE};
  DWORD size = sizeof body - 1;
  if (!ecb->ServerSupportFunction(ecb->ConnID, HSE_REQ_SEND_RESPONSE_HEADER_EX, &info, NULL, NULL))
    return HSE_STATUS_ERROR;
  if (!ecb->WriteClient(ecb->ConnID, body, &size, HSE_IO_SYNC))
    return HSE_STATUS_ERROR;
  return HSE_STATUS_SUCCESS_AND_KEEP_CONN;
}

BOOL WINAPI TerminateExtension(DWORD flags) {
  (void)flags;
  return TRUE;
}
