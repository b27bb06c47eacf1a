/* SPDX-License-Identifier: Apache-2.0 */
/* Included first into each file of httpd: the order of Windows' headers that mingw-w64 wants. */
#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0601
#endif
#include <winsock2.h>
#include <ws2tcpip.h>
#include <mswsock.h>
#include <windows.h>
#include <ole2.h>
#include <iphlpapi.h>
