/* SPDX-License-Identifier: Apache-2.0 */
#include "base/address.h"
#include "base/error.h"
#include "base/str.h"
#include "platform/platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ws2tcpip.h>

#define SHARED "shared:"

enum { URL_MAX = 256 };

static int fail(const char *spec, const char *what, char *why, size_t n) {
  snprintf(why, n, "cannot listen on %s: %s", spec, what);
  return -PIE_EINVAL;
}

static void describe(SOCKET socket, char *url) {
  struct sockaddr_storage address;
  int size = sizeof address;
  char host[128] = "?", port[16] = "?";
  if (getsockname(socket, (struct sockaddr *)&address, &size) == 0)
    getnameinfo((struct sockaddr *)&address, size, host, sizeof host, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
  const char *form = strchr(host, ':') ? "http://[%s]:%s" : "http://%s:%s";
  snprintf(url, URL_MAX, form, host, port);
}

static SOCKET try_listen(const struct addrinfo *info, int backlog) {
  BOOL on = TRUE;
  SOCKET found = WSASocketW(info->ai_family, info->ai_socktype, info->ai_protocol, NULL, 0,
                            WSA_FLAG_OVERLAPPED);
  if (found == INVALID_SOCKET)
    return found;
  /* SO_REUSEADDR would let any other process take the port here. */
  setsockopt(found, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, (const char *)&on, sizeof on);
  if (bind(found, info->ai_addr, (int)info->ai_addrlen) == 0 && listen(found, backlog) == 0)
    return found;
  int code = WSAGetLastError();
  closesocket(found);
  WSASetLastError(code);
  return INVALID_SOCKET;
}

static int listen_tcp(const char *spec, int backlog, pie_socket *out, char *url, char *why,
                      size_t n) {
  char host[256], text[256];
  const char *port;
  if (pie_address_split(spec, host, sizeof host, &port))
    return fail(spec, "write " PIE_ADDRESS_FORMS ", with a port from 0 to 65535", why, n);
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
  int err = getaddrinfo(host, port, &hints, &found);
  SOCKET listening = err ? INVALID_SOCKET : try_listen(found, backlog);
  if (listening == INVALID_SOCKET) {
    pie_os_error_text(err ? (uint32_t)err : (uint32_t)WSAGetLastError(), text, sizeof text);
    if (!err)
      freeaddrinfo(found);
    return fail(spec, text, why, n);
  }
  freeaddrinfo(found);
  describe(listening, url);
  *out = (pie_socket)listening;
  return 0;
}

/* The standard input may have been opened for overlapped use. */
static bool read_input(void *out, DWORD n) {
  OVERLAPPED at = {.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL)};
  HANDLE input = GetStdHandle(STD_INPUT_HANDLE);
  DWORD got = 0, done = 0;
  bool good = at.hEvent != NULL;
  while (good && done < n) {
    good = ReadFile(input, (char *)out + done, n - done, NULL, &at) ||
           GetLastError() == ERROR_IO_PENDING;
    good = good && GetOverlappedResult(input, &at, &got, TRUE) && got;
    done += got;
  }
  if (at.hEvent)
    CloseHandle(at.hEvent);
  return good;
}

/* What the supervisor has sent: see pie_listen_share. */
static SOCKET take_shared(void) {
  WSAPROTOCOL_INFOW info;
  if (!read_input(&info, sizeof info))
    return INVALID_SOCKET;
  return WSASocketW(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, &info, 0,
                    WSA_FLAG_OVERLAPPED);
}

int pie_listen_open(const char *spec, int backlog, pie_socket *out, bool *is_local, char *url,
                    char *why, size_t why_size) {
  WSADATA data;
  WSAStartup(MAKEWORD(2, 2), &data);
  *is_local = false;
  if (strncmp(spec, "unix:", 5) == 0)
    return fail(spec, "Unix sockets are not available on Windows", why, why_size);
  if (strncmp(spec, SHARED, strlen(SHARED)) == 0) {
    SOCKET shared = take_shared();
    *out = (pie_socket)shared;
    describe(shared, url);
    return shared == INVALID_SOCKET ? fail(spec, "the supervisor gave no socket", why, why_size)
                                    : 0;
  }
  if (strncmp(spec, "fd:", 3) != 0)
    return listen_tcp(spec, backlog, out, url, why, why_size);
  *out = (pie_socket)strtoll(spec + 3, NULL, 10); /* a SOCKET that we have inherited */
  describe((SOCKET)*out, url);
  return 0;
}

/* Handles keep their value in a child process. */
const bool pie_listen_inherits = false;

void pie_listen_child_spec(size_t index, char *spec, size_t size) {
  snprintf(spec, size, SHARED "%zu", index);
}

size_t pie_listen_share(pie_socket socket, int pid, char *out) {
  WSAPROTOCOL_INFOW info;
  if (WSADuplicateSocketW((SOCKET)socket, (DWORD)pid, &info))
    return 0;
  memcpy(out, &info, sizeof info);
  return sizeof info;
}

void pie_listen_remove(const char *url) { (void)url; }

int pie_listen_inherited(pie_socket *first) {
  *first = 0;
  return 0; /* no service manager hands over sockets here */
}
