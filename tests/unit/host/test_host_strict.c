/* SPDX-License-Identifier: Apache-2.0
 *
 * Breaches of the ISAPI contract: with strict-isapi the host ends with a message, without it the
 * call is refused and the process lives.
 */
#include "harness/served.h"
#include "platform/platform.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define GET "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
#define POST "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi"

static void give_head(EXTENSION_CONTROL_BLOCK *ecb) {
  CHECK(ext_head(ecb, "200 OK", "Content-Length: 0\r\n\r\n", true));
}

/* ---- the breaches; what they return tells the test without strict-isapi ---- */

static DWORD head_twice(EXTENSION_CONTROL_BLOCK *ecb) {
  give_head(ecb);
  CHECK(!ext_head(ecb, "200 OK", "Content-Length: 0\r\n\r\n", true));
  return HSE_STATUS_SUCCESS;
}

static DWORD head_twice_by_vector(EXTENSION_CONTROL_BLOCK *ecb) {
  give_head(ecb);
  CHECK(!ext_vector(ecb, "200 OK", "\r\n", NULL, HSE_IO_SEND_HEADERS));
  return HSE_STATUS_SUCCESS;
}

static DWORD write_before_head(EXTENSION_CONTROL_BLOCK *ecb) {
  CHECK(!ext_write(ecb, "hello"));
  give_head(ecb);
  return HSE_STATUS_SUCCESS;
}

static DWORD vector_before_head(EXTENSION_CONTROL_BLOCK *ecb) {
  CHECK(!ext_vector(ecb, NULL, NULL, "hello", 0));
  give_head(ecb);
  return HSE_STATUS_SUCCESS;
}

static DWORD file_before_head(EXTENSION_CONTROL_BLOCK *ecb) {
  char path[600];
  snprintf(path, sizeof path, "%s/empty", test_folder());
  FILE *file = fopen(path, "w+");
  REQUIRE(file != NULL);
  HSE_TF_INFO info = {.hFile = (HANDLE)(intptr_t)fileno(file)};
  CHECK(!ext_support(ecb, HSE_REQ_TRANSMIT_FILE, &info));
  fclose(file);
  give_head(ecb);
  return HSE_STATUS_SUCCESS;
}

static DWORD head_without_end(EXTENSION_CONTROL_BLOCK *ecb) {
  CHECK(!ext_head(ecb, "200 OK", "Content-Length: 0\r\n", true));
  give_head(ecb);
  return HSE_STATUS_SUCCESS;
}

static DWORD empty_head(EXTENSION_CONTROL_BLOCK *ecb) {
  CHECK(!ext_head(ecb, "200 OK", "", true));
  give_head(ecb);
  return HSE_STATUS_SUCCESS;
}

static DWORD odd_status(EXTENSION_CONTROL_BLOCK *ecb) {
  CHECK(!ext_head(ecb, "OK", "\r\n", true));
  give_head(ecb);
  return HSE_STATUS_SUCCESS;
}

static DWORD vector_half_a_head(EXTENSION_CONTROL_BLOCK *ecb) {
  CHECK(!ext_vector(ecb, "200 OK", NULL, NULL, HSE_IO_SEND_HEADERS));
  give_head(ecb);
  return HSE_STATUS_SUCCESS;
}

static DWORD vector_after_final(EXTENSION_CONTROL_BLOCK *ecb) {
  CHECK(ext_vector(ecb, "200 OK", "Content-Length: 0\r\n\r\n", NULL,
                   HSE_IO_SEND_HEADERS | HSE_IO_FINAL_SEND));
  CHECK(!ext_vector(ecb, NULL, NULL, "more", 0));
  return HSE_STATUS_SUCCESS;
}

static DWORD read_past_the_end(EXTENSION_CONTROL_BLOCK *ecb) {
  char byte;
  DWORD size = 1;
  CHECK_INT(ecb->cbAvailable, 2);
  BOOL good = ecb->ReadClient(ecb->ConnID, &byte, &size);
  CHECK(!good || !size);
  give_head(ecb);
  return HSE_STATUS_SUCCESS;
}

static DWORD async_without_completion(EXTENSION_CONTROL_BLOCK *ecb) {
  DWORD size = 5;
  CHECK(ext_head(ecb, "200 OK", "Content-Length: 5\r\n\r\n", true));
  CHECK(!ecb->WriteClient(ecb->ConnID, (LPVOID)(uintptr_t) "hello", &size, HSE_IO_ASYNC));
  CHECK(ext_write(ecb, "hello"));
  return HSE_STATUS_SUCCESS;
}

static void WINAPI on_completion(EXTENSION_CONTROL_BLOCK *ecb, PVOID context, DWORD bytes,
                                 DWORD error) {
  CHECK_TEXT(context, "context");
  CHECK_INT(bytes, 50000000);
  CHECK_INT(error, 0);
  ext_done(ecb, HSE_STATUS_SUCCESS);
}

static char big[50000001];

/* The client reads late, so that the first operation lasts. */
static DWORD two_async_at_once(EXTENSION_CONTROL_BLOCK *ecb) {
  DWORD size = sizeof big - 1;
  memset(big, 'b', size);
  CHECK(ecb->ServerSupportFunction(ecb->ConnID, HSE_REQ_IO_COMPLETION,
                                   (void *)(uintptr_t)on_completion, NULL,
                                   (LPDWORD)(uintptr_t) "context"));
  CHECK(ext_head(ecb, "200 OK", "Content-Length: 50000000\r\n\r\n", true));
  CHECK(ecb->WriteClient(ecb->ConnID, big, &size, HSE_IO_ASYNC));
  size = 5;
  CHECK(!ecb->WriteClient(ecb->ConnID, (LPVOID)(uintptr_t) "hello", &size, HSE_IO_ASYNC));
  return HSE_STATUS_PENDING;
}

static DWORD done_twice(EXTENSION_CONTROL_BLOCK *ecb) {
  give_head(ecb);
  CHECK(ext_done(ecb, HSE_STATUS_SUCCESS));
  CHECK(!ext_done(ecb, HSE_STATUS_SUCCESS));
  return HSE_STATUS_PENDING;
}

static DWORD write_after_done(EXTENSION_CONTROL_BLOCK *ecb) {
  give_head(ecb);
  CHECK(ext_done(ecb, HSE_STATUS_SUCCESS));
  CHECK(!ext_write(ecb, "hello"));
  return HSE_STATUS_PENDING;
}

static DWORD read_after_done(EXTENSION_CONTROL_BLOCK *ecb) {
  char byte;
  DWORD size = 1;
  give_head(ecb);
  CHECK(ext_done(ecb, HSE_STATUS_SUCCESS));
  CHECK(!ecb->ReadClient(ecb->ConnID, &byte, &size));
  return HSE_STATUS_PENDING;
}

static DWORD ask_after_done(EXTENSION_CONTROL_BLOCK *ecb) {
  BOOL connected;
  give_head(ecb);
  CHECK(ext_done(ecb, HSE_STATUS_SUCCESS));
  CHECK(!ext_support(ecb, HSE_REQ_IS_CONNECTED, &connected));
  return HSE_STATUS_PENDING;
}

static DWORD done_and_return(EXTENSION_CONTROL_BLOCK *ecb) {
  give_head(ecb);
  CHECK(ext_done(ecb, HSE_STATUS_SUCCESS));
  return HSE_STATUS_SUCCESS;
}

/* The host would lose the body's end: it is the extension that must frame the chunks. */
static DWORD chunked_without_chunks(EXTENSION_CONTROL_BLOCK *ecb) {
  CHECK(ext_vector(ecb, "200 OK", "Transfer-Encoding: chunked\r\n\r\n", NULL, HSE_IO_SEND_HEADERS));
  ext_vector(ecb, NULL, NULL, "no chunk\r\n", HSE_IO_FINAL_SEND);
  return HSE_STATUS_SUCCESS;
}

static const struct breach {
  served_proc proc;
  const char *name, *request, *message;
} breaches[] = {
    {head_twice, "head_twice", GET, "the response header was sent twice"},
    {head_twice_by_vector, "head_twice_by_vector", GET, "the response header was sent twice"},
    {write_before_head, "write_before_head", GET, "WriteClient before the response header"},
    {vector_before_head, "vector_before_head", GET, "a body before the response header"},
    {file_before_head, "file_before_head", GET, "TRANSMIT_FILE before the response header"},
    {head_without_end, "head_without_end", GET, "does not end with an empty line"},
    {empty_head, "empty_head", GET, "does not end with an empty line"},
    {odd_status, "odd_status", GET, "the status is not like \"200 OK\""},
    {vector_half_a_head, "vector_half_a_head", GET, "VECTOR_SEND: status and headers"},
    {vector_after_final, "vector_after_final", GET, "VECTOR_SEND after HSE_IO_FINAL_SEND"},
    {read_past_the_end, "read_past_the_end", POST, "ReadClient past the end of the body"},
    {async_without_completion, "async_without_completion", GET, "without HSE_REQ_IO_COMPLETION"},
    {two_async_at_once, "two_async_at_once", GET, "a second asynchronous operation"},
    {done_twice, "done_twice", GET, "DONE_WITH_SESSION twice"},
    {write_after_done, "write_after_done", GET, "WriteClient after the session was done"},
    {read_after_done, "read_after_done", GET, "ReadClient after the session was done"},
    {ask_after_done, "ask_after_done", GET, "ServerSupportFunction after the session was done"},
    {done_and_return, "done_and_return", GET, "HttpExtensionProc returned not PENDING"},
};

enum { BREACHES = sizeof breaches / sizeof breaches[0] };

/* Returns the message of the end, or NULL when the host goes on. */
static bool ends_with_message(const struct breach *breach, const char *const *settings) {
  struct served served;
  served_start(&served, SERVED_PLAIN, breach->proc, settings);
  int fd = served_connect(&served);
  client_send(fd, breach->request);
  sleep_ms(50);
  client_read_all(fd);
  close(fd);
  int status = served_wait(&served);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  return CHECK_HAS(served_log(&served), "ERROR strict-isapi: the extension broke the contract: ") &&
         CHECK_HAS(served_log(&served), breach->message);
}

static void strict_mode_ends_with_a_message(void) {
  for (int i = 0; i < BREACHES; i++) {
    test_context("%s", breaches[i].name);
    ends_with_message(&breaches[i], NULL);
  }
  test_context(NULL);
}

static void without_it_the_call_is_refused(void) {
  static const char *const settings[] = {"strict-isapi", "off", NULL};
  for (int i = 0; i < BREACHES; i++) {
    struct served served;
    test_context("%s", breaches[i].name);
    served_start(&served, SERVED_PLAIN, breaches[i].proc, settings);
    for (int again = 0; again < 2; again++) {
      int fd = served_connect(&served);
      client_send(fd, breaches[i].request);
      sleep_ms(20);
      CHECK_HAS(client_read_all(fd), "HTTP/1.1 200 OK\r\n");
      close(fd);
    }
    served_stop(&served);
  }
  test_context(NULL);
}

static void a_chunked_body_without_chunks_is_a_breach(void) {
  static const struct breach row = {chunked_without_chunks, "", GET, "Transfer-Encoding"};
  ends_with_message(&row, NULL);
}

static DWORD behave(EXTENSION_CONTROL_BLOCK *ecb) {
  char text[64];
  DWORD size = sizeof text;
  BOOL answer = FALSE;
  CHECK(ecb->GetServerVariable(ecb->ConnID, (LPSTR)(uintptr_t) "SERVER_SOFTWARE", text, &size));
  CHECK(ext_support(ecb, HSE_REQ_IS_CONNECTED, &answer) && answer);
  CHECK(ext_support(ecb, HSE_REQ_IS_KEEP_CONN, &answer) && !answer);
  CHECK(ext_support(ecb, HSE_REQ_SET_FLUSH_FLAG, (void *)(uintptr_t)1));
  CHECK(!ext_support(ecb, 4711, NULL));
  CHECK_INT(pie_os_error(), ERROR_INVALID_PARAMETER);
  size = 0;
  CHECK(ecb->WriteClient(ecb->ConnID, NULL, &size, HSE_IO_SYNC)); /* nothing is nothing */
  return ext_answer(ecb, "good");
}

static void who_behaves_is_left_alone(void) {
  struct served served;
  served_start(&served, SERVED_PLAIN, behave, NULL);
  CHECK_HAS(served_ask(&served, GET), "good");
  served_stop(&served);
  CHECK_TEXT(served_log(&served), "");
}

static DWORD report_unhealthy(EXTENSION_CONTROL_BLOCK *ecb) {
  CHECK(ext_support(ecb, HSE_REQ_REPORT_UNHEALTHY, (void *)(uintptr_t) "no memory"));
  return ext_answer(ecb, "good");
}

/* The process ends in order, so that the supervisor starts another one. */
static void an_unhealthy_extension_ends_its_process(void) {
  struct served served;
  served_start(&served, SERVED_PLAIN, report_unhealthy, NULL);
  CHECK_HAS(served_ask(&served, GET), "good");
  int status = served_wait(&served);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
  CHECK_HAS(served_log(&served), "the extension reports itself unhealthy: no memory");
}

static const struct test_case cases[] = {
    CASE(strict_mode_ends_with_a_message),           CASE(without_it_the_call_is_refused),
    CASE(a_chunked_body_without_chunks_is_a_breach), CASE(who_behaves_is_left_alone),
    CASE(an_unhealthy_extension_ends_its_process),
};
TEST_MAIN(cases)
