/* SPDX-License-Identifier: Apache-2.0
 *
 * Request bodies through our host: read ahead, read on, awaited, cut, refused.
 */
#include "harness/served.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GET_CLOSE "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
#define POST(length) "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: " length "\r\n\r\n"
#define CHUNKED "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"

static struct served served;

/* Reads all, and answers with its length, its end, and its first bytes. */
static DWORD tell(EXTENSION_CONTROL_BLOCK *ecb) {
  char text[256], first[33] = "", piece[8192];
  unsigned long long total = ecb->cbAvailable;
  size_t have = total < 32 ? (size_t)total : 32;
  if (have)
    memcpy(first, ecb->lpbData, have);
  DWORD size = sizeof piece;
  BOOL good = TRUE;
  while (total < ecb->cbTotalBytes && (good = ecb->ReadClient(ecb->ConnID, piece, &size)) && size) {
    for (DWORD i = 0; i < size && have < 32; i++)
      first[have++] = piece[i];
    total += size;
    size = sizeof piece;
  }
  snprintf(text, sizeof text, "%llu %s %s", total, good ? "whole" : "cut", first);
  return ext_answer(ecb, text);
}

static DWORD tell_later(EXTENSION_CONTROL_BLOCK *ecb) { return ext_pend(ecb, tell); }

static DWORD ignore(EXTENSION_CONTROL_BLOCK *ecb) { return ext_answer(ecb, "ignored"); }

static const char *body_of(const char *response) {
  const char *at = strstr(response, "\r\n\r\n");
  return at ? at + 4 : response;
}

static const struct {
  enum served_as as;
  served_proc proc;
} ways[] = {{SERVED_OURS, tell}, {SERVED_OURS, tell_later}, {SERVED_PLAIN, tell}};

enum { WAYS = 3 };

static void start(int way) { served_start(&served, ways[way].as, ways[way].proc, NULL); }

static void check_body(const char *request, const char *want) {
  int fd = served_connect(&served);
  client_send(fd, request);
  CHECK_TEXT(body_of(client_read(fd, "POST")), want);
  client_send(fd, GET_CLOSE); /* the connection goes on after it */
  CHECK_TEXT(body_of(client_read(fd, "GET")), "0 whole ");
  close(fd);
}

static void bodies_of_all_forms(void) {
  for (int way = 0; way < WAYS; way++) {
    start(way);
    test_context("way %d", way);
    check_body(POST("5") "hello", "5 whole hello");
    check_body(POST("0"), "0 whole ");
    check_body(CHUNKED "0\r\n\r\n", "0 whole ");
    check_body(CHUNKED "5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nX-Trailer: y\r\n\r\n",
               "11 whole hello world");
    check_body("GET /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", "3 whole abc");
    test_context(NULL);
    served_stop(&served);
  }
}

static void bodies_that_come_byte_by_byte(void) {
  static const char *const texts[] = {POST("11") "hello world",
                                      CHUNKED "5\r\nhello\r\n6\r\n world\r\n0\r\nT: y\r\n\r\n"};
  for (int way = 0; way < WAYS; way++) {
    start(way);
    for (int i = 0; i < 2; i++) {
      int fd = served_connect(&served);
      for (const char *at = texts[i]; *at; at++) {
        client_send_bytes(fd, (struct pie_str){at, 1});
        usleep(300);
      }
      CHECK_TEXT(body_of(client_read(fd, "POST")), "11 whole hello world");
      close(fd);
    }
    served_stop(&served);
  }
}

static void a_body_and_the_next_request_in_one_piece(void) {
  for (int way = 0; way < WAYS; way++) {
    start(way);
    int fd = served_connect(&served);
    client_send(fd, POST("5") "hello" CHUNKED "3\r\nabc\r\n0\r\n\r\n" POST("2") "hi" GET_CLOSE);
    CHECK_TEXT(body_of(client_read(fd, "POST")), "5 whole hello");
    CHECK_TEXT(body_of(client_read(fd, "POST")), "3 whole abc");
    CHECK_TEXT(body_of(client_read(fd, "POST")), "2 whole hi");
    CHECK_TEXT(body_of(client_read(fd, "GET")), "0 whole ");
    close(fd);
    served_stop(&served);
  }
}

/* ---- large ones, and memory ---- */

static void send_large(int fd, size_t n, bool chunked) {
  static char piece[65536];
  char line[32];
  memset(piece, 'p', sizeof piece);
  for (size_t sent = 0; sent < n; sent += sizeof piece) {
    if (chunked)
      client_send(fd, (snprintf(line, sizeof line, "%zx\r\n", sizeof piece), line));
    client_send_bytes(fd, (struct pie_str){piece, sizeof piece});
    if (chunked)
      client_send(fd, "\r\n");
  }
  if (chunked)
    client_send(fd, "0\r\n\r\n");
}

/* The client sends faster than the extension reads: what is between them is bounded. */
static void large_bodies_need_little_memory(void) {
  enum { SIZE = 64 << 20 };
  for (int i = 0; i < 2 * WAYS; i++) {
    start(i / 2);
    served_ask(&served, GET_CLOSE);
    long before = served_memory_kib(&served);
    int fd = served_connect(&served);
    client_send(fd, i % 2 ? CHUNKED : POST("67108864"));
    send_large(fd, SIZE, i % 2);
    CHECK_TEXT(body_of(client_read(fd, "POST")), "67108864 whole pppppppppppppppppppppppppppppppp");
    CHECK(served_memory_kib(&served) - before < 16 * 1024);
    close(fd);
    served_stop(&served);
  }
}

/* A body that is ahead is at most as long as on IIS (uploadReadAheadSize). */
static DWORD tell_ahead(EXTENSION_CONTROL_BLOCK *ecb) {
  CHECK(ecb->cbAvailable <= 48 * 1024);
  return tell(ecb);
}

static void little_is_read_ahead(void) {
  struct pie_buf text;
  pie_buf_init(&text, 1 << 20);
  pie_buf_adds(&text, POST("100000"));
  for (int i = 0; i < 10000; i++)
    pie_buf_adds(&text, "0123456789");
  served_start(&served, SERVED_PLAIN, tell_ahead, NULL);
  for (int i = 0; i < 5; i++) {
    int fd = served_connect(&served);
    client_send_bytes(fd, pie_buf_str(&text));
    CHECK_TEXT(body_of(client_read(fd, "POST")), "100000 whole 01234567890123456789012345678901");
    close(fd);
  }
  served_stop(&served);
  pie_buf_free(&text);
}

/* ---- Expect: 100-continue ---- */

#define EXPECT "POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"

static void continue_is_sent_when_the_body_is_read(void) {
  for (int way = 0; way < WAYS; way++) {
    start(way);
    int fd = served_connect(&served);
    client_send(fd, EXPECT);
    client_expect(fd, "POST", "HTTP/1.1 100 Continue\r\n\r\n");
    client_send(fd, "hello");
    CHECK_TEXT(body_of(client_read(fd, "POST")), "5 whole hello");
    client_send(fd, EXPECT "hello"); /* who does not wait needs none */
    CHECK_TEXT(body_of(client_read(fd, "POST")), "5 whole hello");
    close(fd);
    served_stop(&served);
  }
}

static void no_continue_for_who_does_not_read(void) {
  served_start(&served, SERVED_OURS, ignore, NULL);
  int fd = served_connect(&served);
  client_send(fd, EXPECT);
  const char *got = client_read_all(fd); /* and the connection cannot go on */
  CHECK_HAS_NOT(got, "100 Continue");
  CHECK_HAS(got, "ignored");
  CHECK_HAS_NOT(got, "(reset)");
  close(fd);
  served_stop(&served);
}

/* ---- what goes wrong ---- */

static void a_body_that_is_not_read_ends_the_connection(void) {
  for (int as = SERVED_PLAIN; as <= SERVED_OURS; as++) {
    served_start(&served, (enum served_as)as, ignore, NULL);
    int fd = served_connect(&served);
    client_send(fd, POST("1000") "some of it");
    CHECK_HAS(client_read(fd, "POST"), "ignored");
    client_send(fd, GET_CLOSE); /* bytes of the body, for the host */
    CHECK_TEXT(client_read_all(fd), "");
    close(fd);
    fd = served_connect(&served); /* all of it there: the connection goes on */
    client_send(fd, POST("5") "hello" GET_CLOSE);
    CHECK_HAS(client_read(fd, "POST"), "ignored");
    CHECK_HAS(client_read(fd, "GET"), "ignored");
    close(fd);
    served_stop(&served);
  }
}

static void a_body_that_is_cut_short_fails(void) {
  for (int way = 0; way < WAYS; way++) {
    start(way);
    int fd = served_connect(&served);
    client_send(fd, POST("1000") "hello");
    sleep_ms(50);
    shutdown(fd, SHUT_WR);
    CHECK_HAS(client_read_all(fd), "5 cut hello");
    close(fd);
    fd = served_connect(&served);
    client_send(fd, CHUNKED "5\r\nhello\r\n");
    sleep_ms(50);
    shutdown(fd, SHUT_WR);
    CHECK_HAS(client_read_all(fd), "5 cut hello");
    close(fd);
    served_stop(&served);
  }
}

static void check_refused(const char *first, const char *second, const char *want) {
  int fd = served_connect(&served);
  client_send(fd, first);
  sleep_ms(50); /* the extension has it by now */
  client_send(fd, second);
  const char *got = client_read_all(fd);
  CHECK_HAS(got, want);
  CHECK_HAS_NOT(got, "200 OK");
  CHECK_HAS_NOT(got, "(reset)");
  close(fd);
}

static void bad_chunks_are_refused_while_the_extension_reads(void) {
  static const char *const settings[] = {"body-limit", "10", NULL};
  for (int way = 0; way < WAYS; way++) {
    served_start(&served, ways[way].as, ways[way].proc, settings);
    check_refused(CHUNKED "5\r\nhel", "loX\r\n", "HTTP/1.1 400 Bad Request\r\n");
    check_refused(CHUNKED "5\r\nhello\r\n", "6\r\n world\r\n0\r\n\r\n",
                  "HTTP/1.1 413 Content Too Large\r\n");
    check_refused(CHUNKED, "0\r\nX Y: z\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n");
    CHECK_HAS(served_ask(&served, GET_CLOSE), "0 whole ");
    served_stop(&served);
  }
}

static DWORD read_twice(EXTENSION_CONTROL_BLOCK *ecb) {
  char byte;
  DWORD size = 1;
  while (ecb->ReadClient(ecb->ConnID, &byte, &size) && size)
    ;
  size = 1;
  CHECK(ecb->ReadClient(ecb->ConnID, &byte, &size)); /* the end is a quiet one, again */
  CHECK_INT(size, 0);
  return ext_answer(ecb, "done");
}

static void the_end_of_a_chunked_body_can_be_seen_again(void) {
  served_start(&served, SERVED_PLAIN, read_twice, NULL);
  CHECK_HAS(served_ask(&served, "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
                                "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"),
            "done");
  served_stop(&served);
}

static const struct test_case cases[] = {
    CASE(bodies_of_all_forms),
    CASE(bodies_that_come_byte_by_byte),
    CASE(a_body_and_the_next_request_in_one_piece),
    CASE(large_bodies_need_little_memory),
    CASE(little_is_read_ahead),
    CASE(continue_is_sent_when_the_body_is_read),
    CASE(no_continue_for_who_does_not_read),
    CASE(a_body_that_is_not_read_ends_the_connection),
    CASE(a_body_that_is_cut_short_fails),
    CASE(bad_chunks_are_refused_while_the_extension_reads),
    CASE(the_end_of_a_chunked_body_can_be_seen_again),
};
TEST_MAIN(cases)
