/* SPDX-License-Identifier: Apache-2.0
 *
 * The client's side of served.h, and what scripts call.
 */
#include "harness/served.h"

#include "platform/platform.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TEXT_MAX = 1 << 26, PATIENCE_MS = 10000 };

int served_connect_with_room(const struct served *served, int room) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)served->port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(fd >= 0);
  if (room)
    REQUIRE(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room) == 0);
  REQUIRE(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
  return fd;
}

int served_connect(const struct served *served) { return served_connect_with_room(served, 0); }

void client_send_bytes(int fd, struct pie_str bytes) {
  while (bytes.n) {
    ssize_t put = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);
    if (put < 0)
      return; /* what comes back will tell */
    bytes.p += put;
    bytes.n -= (size_t)put;
  }
}

void client_send(int fd, const char *text) { client_send_bytes(fd, pie_str_from(text)); }

static struct pie_buf *fresh(void) {
  static struct pie_buf text;
  if (!text.max)
    pie_buf_init(&text, TEXT_MAX);
  pie_buf_clear(&text);
  return &text;
}

static bool is_readable(int fd, int timeout_ms) {
  struct pollfd entry = {.fd = fd, .events = POLLIN};
  return poll(&entry, 1, timeout_ms) > 0;
}

/* Up to n bytes more; false at the end. */
static bool receive(int fd, struct pie_buf *out, size_t n) {
  char piece[16384];
  if (!is_readable(fd, PATIENCE_MS)) {
    pie_buf_adds(out, "(nothing more came)");
    return false;
  }
  ssize_t got = recv(fd, piece, n < sizeof piece ? n : sizeof piece, 0);
  if (got < 0)
    pie_buf_adds(out, errno == ECONNRESET ? "(reset)" : "(error)");
  if (got <= 0)
    return false;
  pie_buf_append(out, piece, (size_t)got);
  return true;
}

static bool receive_to(int fd, struct pie_buf *out, size_t from, const char *end) {
  while (!memmem(out->p + from, out->n - from, end, strlen(end))) {
    if (!receive(fd, out, 1))
      return false;
  }
  return true;
}

static bool receive_n(int fd, struct pie_buf *out, size_t n) {
  size_t end = out->n + n;
  while (out->n < end) {
    if (!receive(fd, out, end - out->n))
      return false;
  }
  return true;
}

static bool receive_chunks(int fd, struct pie_buf *out) {
  size_t size;
  do {
    size_t from = out->n;
    if (!receive_to(fd, out, from, "\r\n"))
      return false;
    size = strtoul(out->p + from, NULL, 16);
    if (!receive_n(fd, out, size + 2))
      return false;
  } while (size);
  return true;
}

/* The value of a field in the head, or NULL. */
static const char *field(const char *head, const char *name) {
  const char *at = strcasestr(head, name);
  return at ? at + strlen(name) : NULL;
}

static void drop_date(struct pie_buf *text) {
  char *at = text->n ? strstr(text->p, "\r\nDate: ") : NULL;
  if (!at)
    return;
  char *end = strstr(at + 2, "\r\n");
  memmove(at, end, strlen(end) + 1);
  text->n -= (size_t)(end - at);
}

const char *client_read(int fd, const char *method) {
  struct pie_buf *text = fresh();
  pie_buf_adds(text, "");
  if (!receive_to(fd, text, 0, "\r\n\r\n"))
    return text->p;
  int status = text->n > 12 ? atoi(text->p + 9) : 0;
  const char *length = field(text->p, "\r\nContent-Length: ");
  bool chunked = field(text->p, "\r\nTransfer-Encoding: chunked") != NULL;
  bool bodiless = status < 200 || status == 204 || status == 304 || !strcmp(method, "HEAD");
  if (!bodiless && chunked)
    receive_chunks(fd, text);
  else if (!bodiless && length)
    receive_n(fd, text, strtoul(length, NULL, 10));
  else if (!bodiless)
    while (receive(fd, text, 4096))
      ;
  drop_date(text);
  return text->p;
}

const char *client_read_all(int fd) {
  struct pie_buf *text = fresh();
  pie_buf_adds(text, "");
  while (receive(fd, text, 16384))
    ;
  drop_date(text);
  return text->p;
}

bool client_is_closed(int fd, int timeout_ms) {
  char byte;
  return is_readable(fd, timeout_ms) && recv(fd, &byte, 1, 0) <= 0;
}

void client_expect(int fd, const char *method, const char *want) {
  CHECK_TEXT(client_read(fd, method), want);
}

const char *served_ask(const struct served *served, const char *text) {
  int fd = served_connect(served);
  client_send(fd, text);
  const char *got = client_read_all(fd);
  close(fd);
  return got;
}

/* ---- for scripts ---- */

BOOL ext_support(EXTENSION_CONTROL_BLOCK *ecb, DWORD code, void *buffer) {
  return ecb->ServerSupportFunction(ecb->ConnID, code, buffer, NULL, NULL);
}

BOOL ext_head(EXTENSION_CONTROL_BLOCK *ecb, const char *status, const char *headers, bool keep) {
  HSE_SEND_HEADER_EX_INFO info = {.pszStatus = status,
                                  .pszHeader = headers,
                                  .cchStatus = (DWORD)strlen(status),
                                  .cchHeader = (DWORD)strlen(headers),
                                  .fKeepConn = keep};
  return ext_support(ecb, HSE_REQ_SEND_RESPONSE_HEADER_EX, &info);
}

BOOL ext_write(EXTENSION_CONTROL_BLOCK *ecb, const char *text) {
  DWORD size = (DWORD)strlen(text), before = size;
  BOOL good = ecb->WriteClient(ecb->ConnID, (LPVOID)(uintptr_t)text, &size, HSE_IO_SYNC);
  return good && size == before;
}

BOOL ext_done(EXTENSION_CONTROL_BLOCK *ecb, DWORD status) {
  return ext_support(ecb, HSE_REQ_DONE_WITH_SESSION, &status);
}

BOOL ext_vector(EXTENSION_CONTROL_BLOCK *ecb, const char *status, const char *headers,
                const char *body, DWORD flags) {
  HSE_VECTOR_ELEMENT element = {.ElementType = HSE_VECTOR_ELEMENT_TYPE_MEMORY_BUFFER,
                                .pvContext = (PVOID)(uintptr_t)body,
                                .cbSize = body ? strlen(body) : 0};
  HSE_RESPONSE_VECTOR vector = {.dwFlags = flags | HSE_IO_SYNC,
                                .pszStatus = (LPSTR)(uintptr_t)status,
                                .pszHeaders = (LPSTR)(uintptr_t)headers,
                                .nElementCount = body ? 1 : 0,
                                .lpElementArray = &element};
  return ext_support(ecb, HSE_REQ_VECTOR_SEND, &vector);
}

DWORD ext_answer(EXTENSION_CONTROL_BLOCK *ecb, const char *text) {
  char headers[100];
  snprintf(headers, sizeof headers, "Content-Length: %zu\r\n\r\n", strlen(text));
  BOOL good = ext_vector(ecb, "200 OK", headers, text, HSE_IO_SEND_HEADERS | HSE_IO_FINAL_SEND);
  return good ? HSE_STATUS_SUCCESS_AND_KEEP_CONN : HSE_STATUS_ERROR;
}

struct pending {
  EXTENSION_CONTROL_BLOCK *ecb;
  served_proc later;
};

static void *pending_main(void *arg) {
  struct pending pending = *(struct pending *)arg;
  free(arg);
  DWORD status = pending.later(pending.ecb);
  ext_done(pending.ecb, status);
  return NULL;
}

DWORD ext_pend(EXTENSION_CONTROL_BLOCK *ecb, served_proc later) {
  pthread_t thread;
  struct pending *pending = malloc(sizeof *pending);
  REQUIRE(pending != NULL);
  *pending = (struct pending){ecb, later};
  REQUIRE(pthread_create(&thread, NULL, pending_main, pending) == 0);
  pthread_detach(thread);
  return HSE_STATUS_PENDING;
}

bool ext_path_is(const EXTENSION_CONTROL_BLOCK *ecb, const char *path) {
  return strcmp(ecb->lpszPathInfo, path) == 0;
}
