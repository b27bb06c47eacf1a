/* SPDX-License-Identifier: Apache-2.0
 *
 * Asynchronous operations of an extension, and what it can ask about the connection.
 */
#include "harness/served.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define POST(length) "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " length "\r\n\r\n"
#define GET "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

static struct served served;

static void set_completion(EXTENSION_CONTROL_BLOCK *ecb, PFN_HSE_IO_COMPLETION function,
                           void *context) {
  void *address;
  memcpy(&address, &function, sizeof address);
  CHECK(ecb->ServerSupportFunction(ecb->ConnID, HSE_REQ_IO_COMPLETION, address, NULL, context));
}

/* ---- writing: three pieces, each begun in the completion of the one before ---- */

static const char *const pieces[] = {"one", "two!", "three"};

static void write_piece(EXTENSION_CONTROL_BLOCK *ecb, intptr_t i) {
  DWORD size = (DWORD)strlen(pieces[i]);
  CHECK(ecb->WriteClient(ecb->ConnID, (LPVOID)(uintptr_t)pieces[i], &size, HSE_IO_ASYNC));
}

static void WINAPI on_written(EXTENSION_CONTROL_BLOCK *ecb, PVOID context, DWORD bytes,
                              DWORD error) {
  intptr_t i = (intptr_t)context;
  CHECK_INT(bytes, strlen(pieces[i]));
  CHECK_INT(error, 0);
  if (++i == 3) {
    ext_done(ecb, HSE_STATUS_SUCCESS_AND_KEEP_CONN);
    return;
  }
  set_completion(ecb, on_written, (void *)i); /* the last call wins */
  write_piece(ecb, i);
}

static DWORD write_in_pieces(EXTENSION_CONTROL_BLOCK *ecb) {
  set_completion(ecb, on_written, NULL);
  CHECK(ext_head(ecb, "200 OK", "Content-Length: 12\r\n\r\n", true));
  write_piece(ecb, 0);
  return HSE_STATUS_PENDING;
}

static void writes_complete_one_after_the_other(void) {
  for (int as = SERVED_PLAIN; as <= SERVED_OURS; as++) {
    served_start(&served, (enum served_as)as, write_in_pieces, NULL);
    int fd = served_connect(&served);
    for (int i = 0; i < 20; i++) {
      client_send(fd, GET);
      client_expect(fd, "GET", "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nonetwo!three");
    }
    close(fd);
    served_stop(&served);
  }
}

/* ---- reading ---- */

struct reading {
  char bytes[4];
  DWORD size;
  char all[64];
  size_t n;
};

static struct reading reading;

static void read_more(EXTENSION_CONTROL_BLOCK *ecb) {
  DWORD type = HSE_IO_ASYNC;
  reading.size = sizeof reading.bytes;
  CHECK(ecb->ServerSupportFunction(ecb->ConnID, HSE_REQ_ASYNC_READ_CLIENT, reading.bytes,
                                   &reading.size, &type));
}

static void WINAPI on_read(EXTENSION_CONTROL_BLOCK *ecb, PVOID context, DWORD bytes, DWORD error) {
  CHECK(context == &reading);
  if (error) {
    CHECK_INT(error, ERROR_NETNAME_DELETED);
    CHECK_INT(bytes, 0);
    snprintf(reading.all + reading.n, sizeof reading.all - reading.n, "(cut)");
  }
  memcpy(reading.all + reading.n, reading.bytes, bytes);
  reading.n += bytes;
  if (bytes && reading.n < ecb->cbTotalBytes) {
    read_more(ecb);
    return;
  }
  ext_done(ecb, ext_answer(ecb, reading.all));
}

static DWORD read_in_pieces(EXTENSION_CONTROL_BLOCK *ecb) {
  memset(&reading, 0, sizeof reading);
  reading.n = ecb->cbAvailable;
  if (reading.n)
    memcpy(reading.all, ecb->lpbData, reading.n);
  set_completion(ecb, on_read, &reading);
  read_more(ecb);
  return HSE_STATUS_PENDING;
}

static void reads_complete(void) {
  served_start(&served, SERVED_PLAIN, read_in_pieces, NULL);
  int fd = served_connect(&served);
  client_send(fd, POST("11") "hel");
  sleep_ms(30);
  client_send(fd, "lo w");
  sleep_ms(30);
  client_send(fd, "orld");
  client_expect(fd, "POST", "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world");
  client_send(fd, POST("9"));
  client_send(fd, "abc");
  sleep_ms(30);
  shutdown(fd, SHUT_WR);
  CHECK_HAS(client_read_all(fd), "abc(cut)");
  close(fd);
  served_stop(&served);
}

/* ---- an extension that returns SUCCESS meanwhile: the last completion ends the request ---- */

static void WINAPI on_late_read(EXTENSION_CONTROL_BLOCK *ecb, PVOID context, DWORD bytes,
                                DWORD error) {
  char text[32];
  (void)context;
  CHECK_INT(error, 0);
  snprintf(text, sizeof text, "%.*s", (int)bytes, reading.bytes);
  sleep_ms(20);
  CHECK_INT(ext_answer(ecb, text), HSE_STATUS_SUCCESS_AND_KEEP_CONN);
}

static DWORD return_while_reading(EXTENSION_CONTROL_BLOCK *ecb) {
  if (ecb->cbAvailable) /* on a busy machine it has come ahead all the same */
    return ext_answer(ecb, "late");
  set_completion(ecb, on_late_read, NULL);
  read_more(ecb);
  return HSE_STATUS_SUCCESS_AND_KEEP_CONN;
}

static void WINAPI on_late_piece(EXTENSION_CONTROL_BLOCK *ecb, PVOID context, DWORD bytes,
                                 DWORD error) {
  intptr_t i = (intptr_t)context;
  CHECK_INT(bytes, strlen(pieces[i]));
  CHECK_INT(error, 0);
  if (++i == 3)
    return;
  sleep_ms(5);
  set_completion(ecb, on_late_piece, (void *)i);
  write_piece(ecb, i);
}

static DWORD return_while_writing(EXTENSION_CONTROL_BLOCK *ecb) {
  set_completion(ecb, on_late_piece, NULL);
  CHECK(ext_head(ecb, "200 OK", "Content-Length: 12\r\n\r\n", true));
  write_piece(ecb, 0);
  return HSE_STATUS_SUCCESS_AND_KEEP_CONN;
}

static void the_last_completion_ends_what_has_returned(void) {
  for (int as = SERVED_PLAIN; as <= SERVED_OURS; as++) {
    served_start(&served, (enum served_as)as, return_while_reading, NULL);
    int fd = served_connect(&served);
    for (int i = 0; i < 10; i++) {
      client_send(fd, POST("4"));
      sleep_ms(20); /* else it comes ahead */
      client_send(fd, "late");
      client_expect(fd, "POST", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate");
    }
    close(fd);
    served_stop(&served);
    served_start(&served, (enum served_as)as, return_while_writing, NULL);
    fd = served_connect(&served);
    for (int i = 0; i < 10; i++) {
      client_send(fd, GET);
      client_expect(fd, "GET", "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nonetwo!three");
    }
    close(fd);
    served_stop(&served);
  }
}

static void WINAPI on_read_and_done(EXTENSION_CONTROL_BLOCK *ecb, PVOID context, DWORD bytes,
                                    DWORD error) {
  (void)context, (void)bytes, (void)error;
  ext_done(ecb, ext_answer(ecb, "twice"));
}

static DWORD return_and_be_done(EXTENSION_CONTROL_BLOCK *ecb) {
  set_completion(ecb, on_read_and_done, NULL);
  read_more(ecb);
  return HSE_STATUS_SUCCESS;
}

static void what_has_returned_is_not_done_with(void) {
  served_start(&served, SERVED_PLAIN, return_and_be_done, NULL);
  int fd = served_connect(&served);
  client_send(fd, POST("4"));
  sleep_ms(50);
  client_send(fd, "late");
  client_read_all(fd);
  close(fd);
  int status = served_wait(&served);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  CHECK_HAS(served_log(&served), "DONE_WITH_SESSION, but HttpExtensionProc returned not PENDING");
}

/* ---- vectors ---- */

static void WINAPI on_vector_sent(EXTENSION_CONTROL_BLOCK *ecb, PVOID context, DWORD bytes,
                                  DWORD error) {
  (void)context;
  CHECK_INT(bytes, 5);
  CHECK_INT(error, 0);
  ext_done(ecb, HSE_STATUS_SUCCESS_AND_KEEP_CONN);
}

/* All but the bytes themselves is gone when the operation runs. */
static DWORD send_vector(EXTENSION_CONTROL_BLOCK *ecb) {
  char status[] = "200 OK", headers[] = "Content-Length: 5\r\n\r\n";
  HSE_VECTOR_ELEMENT element = {.pvContext = (PVOID)(uintptr_t) "hello", .cbSize = 5};
  HSE_RESPONSE_VECTOR vector = {.dwFlags = HSE_IO_ASYNC | HSE_IO_SEND_HEADERS | HSE_IO_FINAL_SEND,
                                .pszStatus = status,
                                .pszHeaders = headers,
                                .nElementCount = 1,
                                .lpElementArray = &element};
  set_completion(ecb, on_vector_sent, NULL);
  CHECK(ext_support(ecb, HSE_REQ_VECTOR_SEND, &vector));
  memset(&vector, 0, sizeof vector);
  memset(&element, 0, sizeof element);
  memset(status, 0, sizeof status);
  memset(headers, 0, sizeof headers);
  return HSE_STATUS_PENDING;
}

static void vectors_need_not_stay(void) {
  served_start(&served, SERVED_PLAIN, send_vector, NULL);
  int fd = served_connect(&served);
  for (int i = 0; i < 20; i++) {
    client_send(fd, GET);
    client_expect(fd, "GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  }
  close(fd);
  served_stop(&served);
}

/* ---- files ---- */

static int file = -1;

static void WINAPI on_file_sent(EXTENSION_CONTROL_BLOCK *ecb, PVOID context, DWORD bytes,
                                DWORD error) {
  CHECK_TEXT(context, "its own"); /* not the one of HSE_REQ_IO_COMPLETION */
  CHECK_INT(bytes, 8);
  CHECK_INT(error, 0);
  close(file);
  ext_done(ecb, HSE_STATUS_SUCCESS_AND_KEEP_CONN);
}

static DWORD send_file(EXTENSION_CONTROL_BLOCK *ecb) {
  static const char head[] = "Content-Length: 8\r\n\r\n";
  char path[600];
  snprintf(path, sizeof path, "%s/async", test_folder());
  file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  REQUIRE(file >= 0 && write(file, "0123456789", 10) == 10);
  HSE_TF_INFO info = {.pfnHseIO = on_file_sent,
                      .pContext = (PVOID)(uintptr_t) "its own",
                      .hFile = (HANDLE)(intptr_t)file,
                      .Offset = 4,
                      .pszStatusCode = "200 OK",
                      .pHead = (PVOID)(uintptr_t)head,
                      .HeadLength = sizeof head - 1,
                      .pTail = (PVOID)(uintptr_t) "xy",
                      .TailLength = 2,
                      .dwFlags = HSE_IO_ASYNC | HSE_IO_SEND_HEADERS};
  CHECK(ext_support(ecb, HSE_REQ_TRANSMIT_FILE, &info));
  return HSE_STATUS_PENDING;
}

static void files_complete(void) {
  served_start(&served, SERVED_PLAIN, send_file, NULL);
  int fd = served_connect(&served);
  for (int i = 0; i < 3; i++) {
    client_send(fd, GET);
    client_expect(fd, "GET", "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n456789xy");
  }
  close(fd);
  served_stop(&served);
}

/* ---- a response that is a file ---- */

enum { WHOLE = 8 * 1024 * 1024 };

static struct {
  HSE_RESPONSE_VECTOR vector;
  HSE_VECTOR_ELEMENT element;
  pthread_t caller;
  atomic_bool is_back;
  bool on_caller; /* expected */
  DWORD error;    /* the same */
} whole;

static void WINAPI on_whole_sent(EXTENSION_CONTROL_BLOCK *ecb, PVOID context, DWORD bytes,
                                 DWORD error) {
  (void)context;
  (void)bytes;
  CHECK_INT(pthread_equal(pthread_self(), whole.caller) != 0, whole.on_caller);
  CHECK(!whole.on_caller || !whole.is_back);
  CHECK_INT(error, whole.error);
  close(file);
  ext_done(ecb, error ? HSE_STATUS_ERROR : HSE_STATUS_SUCCESS_AND_KEEP_CONN);
}

/* Of the size that the query says. */
static DWORD send_whole(EXTENSION_CONTROL_BLOCK *ecb) {
  static char head[80];
  char path[600];
  long size = strtol(ecb->lpszQueryString, NULL, 10);
  snprintf(path, sizeof path, "%s/whole", test_folder());
  file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  REQUIRE(file >= 0 && ftruncate(file, size) == 0);
  snprintf(head, sizeof head, "Content-Length: %ld\r\n\r\n", size);
  whole.element = (HSE_VECTOR_ELEMENT){.ElementType = HSE_VECTOR_ELEMENT_TYPE_FILE_HANDLE,
                                       .pvContext = (PVOID)(intptr_t)file,
                                       .cbSize = (ULONGLONG)size};
  whole.vector =
      (HSE_RESPONSE_VECTOR){.dwFlags = HSE_IO_ASYNC | HSE_IO_SEND_HEADERS | HSE_IO_FINAL_SEND,
                            .pszStatus = (LPSTR)(uintptr_t) "200 OK",
                            .pszHeaders = head,
                            .nElementCount = 1,
                            .lpElementArray = &whole.element};
  whole.caller = pthread_self();
  whole.is_back = false;
  set_completion(ecb, on_whole_sent, NULL);
  if (!ext_support(ecb, HSE_REQ_VECTOR_SEND, &whole.vector)) {
    CHECK(whole.error); /* the client has gone already */
    close(file);
    return HSE_STATUS_ERROR;
  }
  whole.is_back = true;
  return HSE_STATUS_PENDING;
}

static int64_t count_bytes(int fd, int64_t most) {
  static char piece[65536];
  int64_t count = 0;
  ssize_t got;
  while (count < most && (got = read(fd, piece, sizeof piece)) > 0)
    count += got;
  return count;
}

#define GET_WHOLE(size) "GET /?" size " HTTP/1.1\r\nHost: h\r\n\r\n"
#define GET_LAST(size) "GET /?" size " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

/* Other extensions are told on another thread, as by IIS. */
static void what_a_client_takes_at_once_needs_no_thread(void) {
  for (int as = SERVED_PLAIN; as <= SERVED_OURS; as++) {
    whole.on_caller = as == SERVED_OURS;
    served_start(&served, (enum served_as)as, send_whole, NULL);
    for (int i = 0; i < 3; i++) {
      int fd = served_connect(&served);
      client_send(fd, GET_WHOLE("0"));
      client_expect(fd, "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
      client_send(fd, GET_LAST("100000"));
      CHECK(count_bytes(fd, INT64_MAX) >= 100000); /* and the head; at its end all has been told */
      close(fd);
    }
    served_stop(&served);
  }
}

static void the_rest_of_a_file_is_sent_by_another_thread(void) {
  whole.on_caller = false;
  for (int goes = 0; goes < 2; goes++) {
    whole.error = goes ? ERROR_NETNAME_DELETED : 0;
    served_start(&served, SERVED_OURS, send_whole, NULL);
    int fd = served_connect(&served);
    client_send(fd, GET_WHOLE("8388608"));
    sleep_ms(100);
    if (!goes)
      CHECK(count_bytes(fd, WHOLE) >= WHOLE);
    close(fd);
    sleep_ms(100);
    served_stop(&served);
  }
}

/* ---- clients that go ---- */

static DWORD wait_for_the_end(EXTENSION_CONTROL_BLOCK *ecb) {
  BOOL connected = TRUE;
  CHECK(ext_support(ecb, HSE_REQ_IS_CONNECTED, &connected) && connected);
  CHECK(ext_head(ecb, "200 OK", "\r\n", true)); /* the client waits for this */
  for (int i = 0; i < 5000 && connected; i++) {
    sleep_ms(1);
    CHECK(ext_support(ecb, HSE_REQ_IS_CONNECTED, &connected));
  }
  CHECK(!connected);
  return HSE_STATUS_ERROR;
}

static DWORD wait_later(EXTENSION_CONTROL_BLOCK *ecb) { return ext_pend(ecb, wait_for_the_end); }

static void an_extension_can_see_that_the_client_has_gone(void) {
  for (int as = SERVED_PLAIN; as <= SERVED_OURS; as++) {
    served_start(&served, (enum served_as)as, wait_later, NULL);
    int fd = served_connect(&served);
    char first;
    client_send(fd, GET);
    CHECK(recv(fd, &first, 1, 0) == 1);
    close(fd);
    sleep_ms(100);
    served_stop(&served);
  }
}

static char big[100001];

/* Writes to a client that has gone fail in the end, and are not tried again. */
static DWORD write_to_nobody(EXTENSION_CONTROL_BLOCK *ecb) {
  BOOL good = ext_head(ecb, "200 OK", "\r\n", true);
  memset(big, 'n', sizeof big - 1);
  for (int i = 0; i < 2000 && good; i++) {
    good = ext_write(ecb, big);
    sleep_ms(1);
  }
  CHECK(!good);
  CHECK(!ext_write(ecb, "more"));
  return HSE_STATUS_ERROR;
}

static void writes_to_a_client_that_has_gone_fail(void) {
  for (int as = SERVED_PLAIN; as <= SERVED_OURS; as++) {
    served_start(&served, (enum served_as)as, write_to_nobody, NULL);
    int fd = served_connect(&served);
    client_send(fd, GET);
    sleep_ms(30);
    close(fd);
    sleep_ms(300);
    served_stop(&served);
  }
}

static const struct test_case cases[] = {
    CASE(writes_complete_one_after_the_other),
    CASE(reads_complete),
    CASE(the_last_completion_ends_what_has_returned),
    CASE(what_has_returned_is_not_done_with),
    CASE(vectors_need_not_stay),
    CASE(files_complete),
    CASE(what_a_client_takes_at_once_needs_no_thread),
    CASE(the_rest_of_a_file_is_sent_by_another_thread),
    CASE(an_extension_can_see_that_the_client_has_gone),
    CASE(writes_to_a_client_that_has_gone_fail),
};
TEST_MAIN(cases)
