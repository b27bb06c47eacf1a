/* SPDX-License-Identifier: Apache-2.0 */
#include "base/address.h"
#include "base/error.h"
#include "base/str.h"
#include "platform/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { URL_MAX = 256 };

static int fail(int fd, const char *spec, const char *what, char *why, size_t n) {
  snprintf(why, n, "cannot listen on %s: %s", spec, what);
  if (fd >= 0)
    close(fd);
  return -PIE_EINVAL;
}

/* A socket file that nobody listens on is a leftover: it makes room. */
static void remove_leftover(const struct sockaddr_un *address) {
  struct stat st;
  if (stat(address->sun_path, &st) || !S_ISSOCK(st.st_mode))
    return;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, (const struct sockaddr *)address, sizeof *address) && errno == ECONNREFUSED)
    unlink(address->sun_path);
  close(fd);
}

static int listen_unix(const char *spec, const char *path, int backlog, pie_socket *out, char *url,
                       char *why, size_t n) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (!*path || strlen(path) >= sizeof address.sun_path)
    return fail(-1, spec, "a path of 1 to 107 bytes is wanted after unix:", why, n);
  strcpy(address.sun_path, path);
  remove_leftover(&address);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, backlog))
    return fail(fd, spec, strerror(errno), why, n);
  snprintf(url, URL_MAX, "unix:%s", path);
  *out = fd;
  return 0;
}

static void describe(int fd, char *url) {
  struct sockaddr_storage address;
  socklen_t size = sizeof address;
  char host[128] = "?", port[16] = "?";
  if (getsockname(fd, (struct sockaddr *)&address, &size) == 0 && address.ss_family == AF_UNIX) {
    snprintf(url, URL_MAX, "unix:%s", ((struct sockaddr_un *)&address)->sun_path);
    return;
  }
  getnameinfo((struct sockaddr *)&address, size, host, sizeof host, port, sizeof port,
              NI_NUMERICHOST | NI_NUMERICSERV);
  const char *form = strchr(host, ':') ? "http://[%s]:%s" : "http://%s:%s";
  snprintf(url, URL_MAX, form, host, port);
}

static int try_listen(const struct addrinfo *info, int backlog) {
  int on = 1;
  int fd = socket(info->ai_family, info->ai_socktype | SOCK_CLOEXEC, info->ai_protocol);
  if (fd < 0)
    return -1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (info->ai_family == AF_INET6)
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, backlog) == 0)
    return fd;
  int err = errno;
  close(fd);
  errno = err;
  return -1;
}

static int listen_tcp(const char *spec, int backlog, pie_socket *out, char *url, char *why,
                      size_t n) {
  char host[256];
  const char *port;
  if (pie_address_split(spec, host, sizeof host, &port))
    return fail(-1, spec,
                "write " PIE_ADDRESS_FORMS ", with a port from 0 to 65535, or unix:PATH or fd:N",
                why, n);
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
  int err = getaddrinfo(host, port, &hints, &found);
  if (err)
    return fail(-1, spec, gai_strerror(err), why, n);
  int fd = try_listen(found, backlog);
  int code = errno;
  freeaddrinfo(found);
  if (fd < 0)
    return fail(-1, spec, strerror(code), why, n);
  describe(fd, url);
  *out = fd;
  return 0;
}

static int listen_open_fd(const char *spec, pie_socket *out, bool *is_local, char *url, char *why,
                          size_t n) {
  struct sockaddr_storage address;
  socklen_t size = sizeof address;
  char *end;
  long fd = strtol(spec + 3, &end, 10);
  if (*end || end == spec + 3 || fd < 0 || getsockname((int)fd, (struct sockaddr *)&address, &size))
    return fail(-1, spec, "that is not an open socket", why, n);
  fcntl((int)fd, F_SETFD, FD_CLOEXEC); /* programs that an application starts do not get it */
  *is_local = address.ss_family == AF_UNIX;
  describe((int)fd, url);
  *out = (pie_socket)fd;
  return 0;
}

int pie_listen_open(const char *spec, int backlog, pie_socket *out, bool *is_local, char *url,
                    char *why, size_t why_size) {
  *is_local = strncmp(spec, "unix:", 5) == 0;
  if (*is_local)
    return listen_unix(spec, spec + 5, backlog, out, url, why, why_size);
  if (strncmp(spec, "fd:", 3) == 0)
    return listen_open_fd(spec, out, is_local, url, why, why_size);
  return listen_tcp(spec, backlog, out, url, why, why_size);
}

const bool pie_listen_inherits = true;

void pie_listen_child_spec(size_t index, char *spec, size_t size) {
  snprintf(spec, size, "fd:%zu", 3 + index);
}

size_t pie_listen_share(pie_socket socket, int pid, char *out) {
  (void)socket, (void)pid, (void)out;
  return 0; /* they are inherited */
}

void pie_listen_remove(const char *url) {
  if (strncmp(url, "unix:", 5) == 0)
    unlink(url + 5);
}

int pie_listen_inherited(pie_socket *first) {
  const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
  *first = 3; /* SD_LISTEN_FDS_START */
  if (!pid || !count || atol(pid) != (long)getpid())
    return 0;
  int n = atoi(count);
  return n > 0 && n <= 64 ? n : 0;
}
