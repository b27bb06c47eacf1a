/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "platform/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SPANS_MAX = 64 };

static int64_t outcome(ssize_t sent) {
  if (sent >= 0)
    return sent;
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? -PIE_EAGAIN : -PIE_EGONE;
}

int64_t pie_socket_send(pie_socket socket, const struct pie_span *spans, size_t count) {
  struct iovec vectors[SPANS_MAX];
  if (count == 1)
    return outcome(send((int)socket, spans->p, spans->n, MSG_NOSIGNAL | MSG_DONTWAIT));
  if (count > SPANS_MAX)
    count = SPANS_MAX;
  for (size_t i = 0; i < count; i++)
    vectors[i] = (struct iovec){(void *)(uintptr_t)spans[i].p, spans[i].n};
  struct msghdr message = {.msg_iov = vectors, .msg_iovlen = count};
  return outcome(sendmsg((int)socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT));
}

int64_t pie_socket_send_file(pie_socket socket, intptr_t file, uint64_t offset, size_t n) {
  off_t at = (off_t)offset;
  ssize_t sent = sendfile((int)socket, (int)file, &at, n);
  if (sent == 0)
    return -PIE_EIO; /* the file is shorter than it was said to be */
  if (sent < 0 && (errno == EINVAL || errno == ENOSYS || errno == EIO))
    return -PIE_ENOTSUP;
  return outcome(sent);
}

int64_t pie_file_read_at(intptr_t file, uint64_t offset, void *out, size_t n) {
  ssize_t got;
  do
    got = pread((int)file, out, n, (off_t)offset);
  while (got < 0 && errno == EINTR);
  return got < 0 ? -PIE_EIO : got;
}

intptr_t pie_file_open(const char *path) { return open(path, O_RDONLY | O_CLOEXEC); }

intptr_t pie_file_reopen(intptr_t file) { return fcntl((int)file, F_DUPFD_CLOEXEC, 0); }

void pie_file_close(intptr_t file) { close((int)file); }

int64_t pie_file_size(intptr_t file) {
  struct stat st;
  return fstat((int)file, &st) == 0 && S_ISREG(st.st_mode) ? (int64_t)st.st_size : -PIE_ENOTSUP;
}

int64_t pie_socket_untaken(pie_socket socket) {
  int n;
  return ioctl((int)socket, SIOCOUTQ, &n) == 0 ? n : -PIE_ENOTSUP;
}

bool pie_socket_is_connected(pie_socket socket) {
  char byte;
  ssize_t got = recv((int)socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got > 0 || (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR));
}

int64_t pie_socket_recv(pie_socket socket, void *out, size_t n) {
  return outcome(recv((int)socket, out, n, MSG_DONTWAIT));
}

int pie_socket_wait(pie_socket socket, bool to_write, int timeout_ms) {
  struct pollfd entry = {.fd = (int)socket, .events = to_write ? POLLOUT : POLLIN};
  int ready;
  do
    ready = poll(&entry, 1, timeout_ms);
  while (ready < 0 && errno == EINTR);
  if (ready == 0)
    return -PIE_ETIMEOUT;
  return ready < 0 || (to_write && (entry.revents & (POLLERR | POLLHUP))) ? -PIE_EGONE : 0;
}

void pie_socket_shutdown(pie_socket socket) { shutdown((int)socket, SHUT_RDWR); }

void pie_socket_close(pie_socket socket) { close((int)socket); }

const bool pie_socket_can_move = true;

pie_socket pie_socket_duplicate(pie_socket socket) {
  return fcntl((int)socket, F_DUPFD_CLOEXEC, 0);
}
