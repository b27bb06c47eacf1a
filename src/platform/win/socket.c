/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "platform/win/wide.h"

enum { SPANS_MAX = 64, FILE_PIECE = 64 * 1024 };

static int64_t outcome(int failed, DWORD sent) {
  if (!failed)
    return sent;
  return WSAGetLastError() == WSAEWOULDBLOCK ? -PIE_EAGAIN : -PIE_EGONE;
}

int64_t pie_socket_send(pie_socket socket, const struct pie_span *spans, size_t count) {
  WSABUF buffers[SPANS_MAX];
  DWORD sent = 0, used = 0;
  for (size_t i = 0; i < count && used < SPANS_MAX; i++)
    buffers[used++] = (WSABUF){(ULONG)(spans[i].n < 0x40000000 ? spans[i].n : 0x40000000),
                               (CHAR *)(uintptr_t)spans[i].p};
  int failed = WSASend((SOCKET)socket, buffers, used, &sent, 0, NULL, NULL);
  return outcome(failed, sent); /* not in one line: arguments are evaluated in any order */
}

int64_t pie_file_read_at(intptr_t file, uint64_t offset, void *out, size_t n) {
  OVERLAPPED at = {.Offset = (DWORD)offset, .OffsetHigh = (DWORD)(offset >> 32)};
  DWORD got = 0;
  if (ReadFile((HANDLE)file, out, (DWORD)(n < 0x40000000 ? n : 0x40000000), &got, &at))
    return got;
  if (GetLastError() == ERROR_IO_PENDING && GetOverlappedResult((HANDLE)file, &at, &got, TRUE))
    return got;
  return GetLastError() == ERROR_HANDLE_EOF ? 0 : -PIE_EIO;
}

enum {
  FILE_SHARING = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
  FILE_HINTS = FILE_FLAG_OVERLAPPED | FILE_FLAG_SEQUENTIAL_SCAN /* IIS asks for both */
};

intptr_t pie_file_open(const char *path) {
  wchar_t wide[PIE_PATH_MAX];
  if (pie_wide_from_utf8(path, wide, PIE_PATH_MAX))
    return -1;
  return (intptr_t)CreateFileW(wide, GENERIC_READ, FILE_SHARING, NULL, OPEN_EXISTING, FILE_HINTS,
                               NULL);
}

intptr_t pie_file_reopen(intptr_t file) {
  return (intptr_t)ReOpenFile((HANDLE)file, GENERIC_READ, FILE_SHARING, FILE_HINTS);
}

void pie_file_close(intptr_t file) { CloseHandle((HANDLE)file); }

int64_t pie_file_size(intptr_t file) {
  LARGE_INTEGER size;
  if (GetFileType((HANDLE)file) != FILE_TYPE_DISK || !GetFileSizeEx((HANDLE)file, &size))
    return -PIE_ENOTSUP;
  return size.QuadPart;
}

/* TransmitFile would block or need completion of its own; a small piece through memory does not. */
int64_t pie_socket_send_file(pie_socket socket, intptr_t file, uint64_t offset, size_t n) {
  char piece[FILE_PIECE];
  int64_t got = pie_file_read_at(file, offset, piece, n < sizeof piece ? n : sizeof piece);
  if (got <= 0)
    return -PIE_EIO;
  struct pie_span span = {piece, (size_t)got};
  return pie_socket_send(socket, &span, 1);
}

int64_t pie_socket_untaken(pie_socket socket) {
  (void)socket;
  return -PIE_ENOTSUP;
}

bool pie_socket_is_connected(pie_socket socket) {
  char byte;
  int got = recv((SOCKET)socket, &byte, 1, MSG_PEEK);
  return got > 0 || (got < 0 && WSAGetLastError() == WSAEWOULDBLOCK);
}

int64_t pie_socket_recv(pie_socket socket, void *out, size_t n) {
  int got = recv((SOCKET)socket, out, (int)(n < 0x40000000 ? n : 0x40000000), 0);
  return got >= 0 ? got : outcome(1, 0);
}

int pie_socket_wait(pie_socket socket, bool to_write, int timeout_ms) {
  WSAPOLLFD entry = {.fd = (SOCKET)socket, .events = to_write ? POLLWRNORM : POLLRDNORM};
  int ready = WSAPoll(&entry, 1, timeout_ms);
  if (ready == 0)
    return -PIE_ETIMEOUT;
  return ready < 0 || (to_write && (entry.revents & (POLLERR | POLLHUP))) ? -PIE_EGONE : 0;
}

void pie_socket_shutdown(pie_socket socket) { shutdown((SOCKET)socket, SD_BOTH); }

void pie_socket_close(pie_socket socket) { closesocket((SOCKET)socket); }

/* A socket stays with the completion port of the loop that accepted it. */
const bool pie_socket_can_move = false;

pie_socket pie_socket_duplicate(pie_socket socket) {
  (void)socket;
  return -1;
}
