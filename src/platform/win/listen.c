/* SPDX-License-Identifier: Apache-2.0 */
#include "base/address.h"
#include "base/error.h"
#include "base/str.h"
#include "platform/platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ws2tcpip.h>

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
  SetHandleInformation((HANDLE)listening, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
  describe(listening, url);
  *out = (pie_socket)listening;
  return 0;
}

int pie_listen_open(const char *spec, int backlog, pie_socket *out, bool *is_local, char *url,
                    char *why, size_t why_size) {
  WSADATA data;
  WSAStartup(MAKEWORD(2, 2), &data);
  *is_local = false;
  if (strncmp(spec, "unix:", 5) == 0)
    return fail(spec, "Unix sockets are not available on Windows", why, why_size);
  if (strncmp(spec, "fd:", 3) != 0)
    return listen_tcp(spec, backlog, out, url, why, why_size);
  *out = (pie_socket)strtoll(spec + 3, NULL, 10); /* a SOCKET that we have inherited */
  describe((SOCKET)*out, url);
  return 0;
}

/* Handles keep their value in a child process. */
int64_t pie_listen_child_number(pie_socket socket, size_t index, bool *by_descriptor) {
  (void)index;
  *by_descriptor = false;
  return (int64_t)socket;
}

void pie_listen_remove(const char *url) { (void)url; }

int pie_listen_inherited(pie_socket *first) {
  *first = 0;
  return 0; /* no service manager hands over sockets here */
}
